"""Where Slack and Microsoft send a customer back to, who has let our application in: the popup of the kits for browsers.

`state` is what the kit said when it opened the popup (contract: feed-protocol §9). The page tells the window that opened it,
and nobody else, how it went; the kit believes a message only when it comes from this server.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from api_shim.auth import Caller, caller_of, from_loopback
from api_shim.errors import problem
from api_shim.routes.providers import chat_channel
from notify_workers import channel_data, slack
from notify_workers.channels import settings_of
from notify_workers.errors import DoorbellError
from notify_workers.settings import settings
from notify_workers.store.session import transaction
from notify_workers.vendors import VendorSilent
from workflows.recipients import Reference

router = APIRouter(prefix="/providers", include_in_schema=False)


class ObjectNamed(BaseModel):
    object_id: str
    collection: str


class State(BaseModel):
    """What the kit said. Of fields that it may have besides, none is needed here."""

    model_config = ConfigDict(extra="ignore")

    channel_id: UUID
    public_key: str
    user_token: str | None = None
    nonce: str | None = None
    redirect_url: str | None = None
    access_token_object: ObjectNamed | None = None
    ms_teams_tenant_object: ObjectNamed | None = None


Asked = Annotated[str, Query()]
Connect = Callable[[State, Caller], None]


@router.get("/slack/authenticate")
async def connect_slack(request: Request, state: Asked = "", code: Asked = "", error: Asked = "") -> HTMLResponse:
    """Slack's code becomes a token, which the object's channel data keeps (https://docs.slack.dev/authentication/installing-with-oauth)."""
    return await _page(request, state, error, lambda said, caller: _slack(said, caller, code))


@router.get("/ms-teams/authenticate")
async def connect_ms_teams(
    request: Request, state: Asked = "", tenant: Asked = "", admin_consent: Asked = "", error: Asked = ""
) -> HTMLResponse:
    """An administrator has let us in (https://learn.microsoft.com/entra/identity-platform/v2-admin-consent)."""
    refused = error or ("" if admin_consent.lower() == "true" else "consent_missing")
    return await _page(request, state, refused, lambda said, caller: _ms_teams(said, caller, tenant))


def _slack(said: State, caller: Caller, code: str) -> None:
    of = _object(said.access_token_object)
    with transaction() as tx:
        channel = chat_channel(tx, caller, said.channel_id, of, "slack/channels_read")
    own = settings_of(channel)
    client_id = own.get("client_id") or settings().slack_client_id
    client_secret = own.get("client_secret") or settings().slack_client_secret
    if not client_id or not client_secret:
        raise VendorSilent("Slack cannot be asked: set DOORBELL_SLACK_CLIENT_ID and DOORBELL_SLACK_CLIENT_SECRET")
    token = slack.authorize(str(client_id), str(client_secret), code)
    _keep(caller, of, said.channel_id, {"token": {"access_token": token}})


def _ms_teams(said: State, caller: Caller, tenant: str) -> None:
    of = _object(said.ms_teams_tenant_object)
    try:
        UUID(tenant)
    except ValueError:
        raise problem("tenant", "must be the id of a tenant") from None
    with transaction() as tx:
        chat_channel(tx, caller, said.channel_id, of, "ms_teams/channels_read")
    _keep(caller, of, said.channel_id, {"ms_teams_tenant_id": tenant})


def _keep(caller: Caller, of: Reference, channel: UUID, said: dict[str, Any]) -> None:
    with transaction() as tx:
        channel_data.extend(tx, caller.environment_id, of, channel, said)


def _object(named: ObjectNamed | None) -> Reference:
    if named is None:
        raise problem("state", "must name an object")
    return Reference(named.collection, named.object_id)


async def _page(request: Request, state: str, refused: str, connect: Connect) -> HTMLResponse:
    said = None
    try:
        said = State.model_validate_json(state)
        if refused:
            return _answer(said, f"The access was not granted ({refused}).")
        key, token = said.public_key, said.user_token or ""
        caller = await caller_of(request.app.state.directory, key, token, loopback=from_loopback(request))
        if caller.key.kind != "public":
            return _answer(said, "A secret key must not be in a browser.")
        await run_in_threadpool(connect, said, caller)
    except ValidationError:
        return _answer(said, "The link is not complete. Please begin again.")
    except DoorbellError as error:
        return _answer(said, error.message)
    return _answer(said)


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p>{text}</p></main>
<script nonce="{nonce}">
if (window.opener) {{ window.opener.postMessage({message}, {target}); window.close(); }}
else if ({back}) {{ window.location.replace({back}); }}
</script></body>
</html>
"""


def _answer(said: State | None, failure: str = "") -> HTMLResponse:
    """Only who has connected is sent on to the address that the kit named: others could name any."""
    nonce = token_urlsafe(16)
    origin = _origin(said.redirect_url if said else None)
    page = PAGE.format(
        title="Not connected" if failure else "Connected",
        text=html.escape(failure or "You can close this window."),
        nonce=nonce,
        message=_script({"type": "authFailed" if failure else "authComplete", "nonce": said.nonce if said else None}),
        target=_script(origin or "*"),
        back=_script(said.redirect_url if said and origin and not failure else None),
    )
    headers = {
        "cache-control": "no-store",
        "content-security-policy": f"default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(page, 400 if failure else 200, headers)


def _origin(url: str | None) -> str:
    """Of an address of a page; empty when it is none."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""


def _script(value: Any) -> str:
    """As a literal in a script, which no text can end."""
    return to_json(value).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
