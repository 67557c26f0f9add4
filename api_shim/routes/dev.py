"""The development stack's own pages: the mail sink and the clock. Loopback only; absent outside the development stack."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import escape
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from api_shim.bodies import read_model
from api_shim.errors import AuthenticationFailed
from notify_workers import clock
from notify_workers.settings import settings


def loopback_only(request: Request) -> None:
    if request.client is not None and not ip_address(request.client.host).is_loopback:
        raise AuthenticationFailed("authorization", "The development pages answer on loopback only", 403)


router = APIRouter(prefix="/dev", tags=["Development"], dependencies=[Depends(loopback_only)], include_in_schema=False)


class Advance(BaseModel):
    seconds: float


@router.post("/clock/advance")
async def advance(request: Request) -> dict[str, str]:
    """Moves the engine's clock forward."""
    wanted, _ = await read_model(request, Advance)
    now = await run_in_threadpool(clock.advance, wanted.seconds)
    return {"now": now.isoformat()}


@router.get("/clock")
def show_clock() -> dict[str, str]:
    return {"now": clock.now().isoformat()}


@router.get("/mail.json")
def mail_as_json() -> list[dict[str, Any]]:
    """Every message that reached the sink, oldest first."""
    return [_shown(message) for message in _messages()]


@router.get("/mail")
def mail_as_page() -> HTMLResponse:
    """The same as a page, newest first."""
    rows = "".join(_row(number, message) for number, message in reversed(list(enumerate(mail_as_json()))))
    return HTMLResponse(PAGE.format(rows=rows or "<p>No mail yet.</p>"))


def _messages() -> list[EmailMessage]:
    directory = settings().home / "mail"
    if not directory.exists():
        return []
    parser = BytesParser(policy=policy.default)
    return [parser.parsebytes(path.read_bytes()) for path in sorted((directory / "new").iterdir(), key=_arrived)]  # type: ignore[misc]


def _arrived(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name


def _shown(message: EmailMessage) -> dict[str, Any]:
    return {
        "message_id": message["X-Doorbell-Message"],
        "from": message["From"],
        "to": message["To"],
        "envelope_to": (message["X-RcptTo"] or "").split(", "),
        "subject": message["Subject"],
        "date": message["Date"],
        "headers": {name: str(value) for name, value in message.items()},
        "html": _part(message, "html"),
        "text": _part(message, "plain"),
    }


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    return str(part.get_content()) if part is not None else ""


def _row(number: int, mail: dict[str, Any]) -> str:
    return (
        f"<details{' open' if number == 0 else ''}><summary><b>{escape(str(mail['subject']))}</b>"
        f" <span>to {escape(str(mail['to']))}, {escape(str(mail['date']))}</span></summary>"
        f'<iframe sandbox srcdoc="{escape(mail["html"])}"></iframe><pre>{escape(mail["text"])}</pre></details>'
    )


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Doorbell: mail</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a2e;background:#fafafc}}
details{{background:#fff;border:1px solid #e3e3ec;border-radius:8px;margin:.75rem 0;padding:.75rem 1rem}}
summary{{cursor:pointer}}summary span{{color:#667}}iframe{{width:100%;height:26rem;border:1px solid #eee;margin-top:.75rem}}
pre{{white-space:pre-wrap;color:#445;background:#f6f6fa;padding:1rem;border-radius:6px}}
</style><h1>Mail that left Doorbell</h1>{rows}</html>"""
