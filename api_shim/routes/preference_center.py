"""The hosted preference centre: its configuration, links to it, and the page behind the links."""

from __future__ import annotations

from secrets import token_urlsafe
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api_shim.auth import Public, Secret
from api_shim.bodies import read_body
from api_shim.errors import problem
from api_shim.paths import UserOfPath
from api_shim.preference_page import page_html, unknown_html
from api_shim.schemas.preference_center import PreferenceCenterConfigWithMetadata, PreferenceCenterSignedUrlResponse
from notify_workers import preference_center
from notify_workers.store.session import transaction
from workflows.preference_center import Path

router = APIRouter(tags=["Preferences"])

MOST_FIELDS = 5000


@router.get("/v1/users/{user_id}/preference_center/config", operation_id="getPreferenceCenterConfig")
def config(user: UserOfPath, caller: Public) -> PreferenceCenterConfigWithMetadata:
    """What the preference centre shows a user, for those who draw their own."""
    caller.require("preferences/read", user)
    with transaction() as tx:
        configured = preference_center.config(tx, caller.environment_id)
        brand = preference_center.brand(tx, caller.environment_id, configured)
        email = preference_center.email_of(tx, caller.environment_id, user)
    return PreferenceCenterConfigWithMetadata.of(configured, brand, email)


@router.post("/v1/users/{user_id}/preference_center/signed_url", operation_id="generatePreferenceCenterSignedUrl")
def sign(user: UserOfPath, caller: Secret) -> PreferenceCenterSignedUrlResponse:
    """A link by which whoever has it may see and change the user's default preferences."""
    token = preference_center.sign(caller.environment_id, user.id)
    return PreferenceCenterSignedUrlResponse(token=token, url=preference_center.url(token))


@router.get("/p/{token}", include_in_schema=False)
def show(token: str, request: Request) -> HTMLResponse:
    visitor = preference_center.read(token)
    page = preference_center.page(visitor) if visitor else None
    nonce = token_urlsafe(16)
    if page is None:
        return _html(unknown_html(nonce), nonce, 404)
    return _html(page_html(page, nonce, saved=request.url.query == "saved"), nonce)


@router.post("/p/{token}", include_in_schema=False)
async def save(token: str, request: Request) -> Response:
    """The form. Afterwards the page is shown anew, by a GET, so that reloading it sends nothing."""
    form = _form(await read_body(request))
    return await run_in_threadpool(_save, token, form)


Form = dict[str, list[Path]]


def _save(token: str, form: Form) -> Response:
    visitor = preference_center.read(token)
    if visitor is None:
        nonce = token_urlsafe(16)
        return _html(unknown_html(nonce), nonce, 404)
    was = {**dict.fromkeys(form.get("was_off", ()), False), **dict.fromkeys(form.get("was_on", ()), True)}
    preference_center.save(visitor, was, frozenset(form.get("on", ())))
    return RedirectResponse("?saved", 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})


def _form(body: bytes) -> Form:
    """The form's fields: lists of switches, each the path of a setting."""
    form: Form = {}
    try:
        for name, value in parse_qsl(body.decode(), max_num_fields=MOST_FIELDS):
            form.setdefault(name, []).append(_path(value))
    except ValueError:
        raise problem("body", "must be the form of this page") from None
    return form


def _path(value: str) -> Path:
    """Raises `ValueError` for what is no path."""
    names = from_json(value)
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise ValueError("no list of names")
    return tuple(names)


def _html(text: str, nonce: str, status: int = 200) -> HTMLResponse:
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src https: http:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex",
    }
    return HTMLResponse(text, status, headers)
