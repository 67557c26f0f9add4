"""The page behind the link by which a recipient unsubscribes, and the one-click request of mail programs (RFC 8058).

Only a POST unsubscribes: mail scanners open links.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from notify_workers import unsubscribes

router = APIRouter(prefix="/unsubscribe", include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c2024; background: #f7f8fa; margin: 0; }}
main {{ max-width: 28rem; margin: 18vh auto 0; padding: 2rem; background: #fff; border-radius: 12px; }}
h1 {{ font-size: 1.25rem; margin: 0 0 .5rem; }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: 8px; background: #1c2024; color: #fff; }}
</style>
</head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""
ASK = '<p>You will get no more news and offers from us.</p><form method="post"><button>Unsubscribe</button></form>'
DONE = "<p>You will get no more news and offers from us. Messages about your account still reach you.</p>"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
UNKNOWN = "<p>Please use the link in the newest message that you have got.</p>"


@router.get("/{token}")
def ask(token: str) -> HTMLResponse:
    if unsubscribes.read(token) is None:
        return _page("This link is not valid", UNKNOWN, 404)
    return _page("Unsubscribe?", ASK)


@router.post("/{token}")
def unsubscribe(token: str) -> HTMLResponse:
    """The form's button, and `List-Unsubscribe=One-Click`: both mean the same, and twice is once."""
    subscriber = unsubscribes.read(token)
    if subscriber is None:
        return _page("This link is not valid", UNKNOWN, 404)
    unsubscribes.unsubscribe(subscriber)
    return _page("You are unsubscribed", DONE)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=title, body=body), status, HEADERS)
