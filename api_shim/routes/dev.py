"""The development stack's own pages: mail sink, outbox and clock. Loopback only; absent from every other stack."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from api_shim.auth import from_loopback
from api_shim.bodies import read_model
from api_shim.errors import AuthenticationFailed
from notify_workers import clock
from notify_workers.settings import settings
from notify_workers.store import outbox
from notify_workers.store.session import transaction


def loopback_only(request: Request) -> None:
    if not from_loopback(request):
        raise AuthenticationFailed("authorization", "The development pages answer on loopback only", 403)


router = APIRouter(prefix="/dev", tags=["Development"], dependencies=[Depends(loopback_only)], include_in_schema=False)


LONGEST_JUMP = 10 * 366 * 86_400
"""Seconds, ten years: a slip of the hand would end the calendar, and the clock does not go back."""


class Advance(BaseModel):
    seconds: float = Field(ge=0, le=LONGEST_JUMP)


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
    rows = "".join(_row(number, mail) for number, mail in enumerate(reversed(mail_as_json())))
    return HTMLResponse(PAGE.format(style=STYLE, rows=rows or "<p>No mail yet.</p>"))


@router.get("/outbox.json")
def outbox_as_json() -> list[dict[str, Any]]:
    """What the sandbox channels were given to send, newest first."""
    with transaction() as tx:
        return [_sent(entry) for entry in outbox.entries(tx)]


@router.get("/outbox")
def outbox_as_page() -> HTMLResponse:
    """The same as a page."""
    rows = "".join(_outbox_row(number, entry) for number, entry in enumerate(outbox_as_json()))
    return HTMLResponse(OUTBOX_PAGE.format(style=STYLE, rows=rows or "<p>Nothing was sent yet.</p>"))


def _sent(entry: outbox.Entry) -> dict[str, Any]:
    return {
        "message_id": entry.message_id,
        "environment_id": str(entry.environment_id),
        "channel_type": entry.channel_type,
        "channel_key": entry.channel_key,
        "recipient": entry.recipient.as_wire(),
        "payload": dict(entry.payload),
        "at": entry.at.isoformat(),
    }


def _outbox_row(number: int, entry: dict[str, Any]) -> str:
    what = f"{entry['channel_key'] or entry['channel_type']} to {to_json(entry['recipient']).decode()}"
    return (
        f"<details{' open' if number == 0 else ''}><summary><b>{escape(what)}</b>"
        f" <span>{escape(entry['at'])}, message {escape(entry['message_id'])}</span></summary>"
        f"<pre>{escape(to_json(entry['payload'], indent=2).decode())}</pre></details>"
    )


def _messages() -> list[EmailMessage]:
    parser = BytesParser(policy=policy.default)
    arrived = sorted((settings().home / "mail").glob("new/*"), key=_arrived)
    return [parser.parsebytes(path.read_bytes()) for path in arrived]


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
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # a character set that nobody knows
        return bytes(part.get_payload(decode=True)).decode("latin-1")


def _row(number: int, mail: dict[str, Any]) -> str:
    return (
        f"<details{' open' if number == 0 else ''}><summary><b>{escape(str(mail['subject']))}</b>"
        f" <span>to {escape(str(mail['to']))}, {escape(str(mail['date']))}</span></summary>"
        f'<iframe sandbox srcdoc="{escape(mail["html"])}"></iframe><pre>{escape(mail["text"])}</pre></details>'
    )


STYLE = """<meta name="viewport" content="width=device-width, initial-scale=1"><style>
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1a1a2e;background:#f3f4f8}
header{display:flex;align-items:baseline;justify-content:space-between;margin-bottom:1rem}
h1{font-size:1.25rem;margin:0}a{color:#1d4ed8}
details{background:#fff;border:1px solid #dfe1ea;border-radius:8px;margin:.75rem 0;overflow:hidden}
summary{cursor:pointer;padding:.75rem 1rem}summary:hover,[open]>summary{background:#f8f9fc}
summary span{color:#5b6075}
iframe{display:block;width:100%;height:26rem;border:0;border-top:1px solid #dfe1ea}
pre{font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;color:#3d4258;margin:0;padding:1rem;
border-top:1px solid #dfe1ea}
</style>"""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Doorbell: mail</title>{style}
<header><h1>Mail that left Doorbell</h1><span><a href="/dev/outbox">other channels</a> ·
<a href="/dev/mail.json">the same as JSON</a></span></header>{rows}</html>"""

OUTBOX_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Doorbell: outbox</title>{style}
<header><h1>What the sandbox channels sent</h1><span><a href="/dev/mail">mail</a> ·
<a href="/dev/outbox.json">the same as JSON</a></span></header>{rows}</html>"""
