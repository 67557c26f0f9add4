"""Microsoft Graph (https://learn.microsoft.com/graph/api), as far as the Teams kit for browsers needs it.

An application of Entra ID asks in the name of nobody (client credentials); a customer's administrator has let it in. Its
token is kept until it expires.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from notify_workers.access_tokens import Tokens
from notify_workers.settings import settings
from notify_workers.vendors import RATE_LIMITED, VendorRefused, VendorReply, VendorSilent, ask

VENDOR = "Microsoft Teams"
SCOPE = "https://graph.microsoft.com/.default"
MOST_TEAMS = 999
"""What Graph takes as `$top`."""

_TENANT = re.compile(r"[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)*")
"""An id, or a domain's name."""


@dataclass(frozen=True, slots=True)
class Application:
    """Who asks, and about which customer (a tenant of Entra ID)."""

    client_id: str
    client_secret: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class Teams:
    """A page, each team as Graph shows it; `skip_token` is None on the last one."""

    teams: list[Mapping[str, Any]]
    skip_token: str | None


_tokens: Tokens[tuple[str, Application]] = Tokens()


def check(application: Application) -> str | None:
    """None when Microsoft lets the application in; otherwise why not.

    Raises `VendorSilent`, and `VendorRefused` of a rate limit.
    """
    try:
        _tokens.forget(_key(application))
        _token(application)
    except VendorRefused as refused:
        if refused.status == RATE_LIMITED:  # which says nothing about who is connected
            raise
        return refused.reason
    return None


def list_teams(application: Application, query: Sequence[tuple[str, str]]) -> Teams:
    """The customer's teams. `query` has Graph's own parameters. Raises `VendorRefused` or `VendorSilent`."""
    answer = _get(application, "/teams", query)
    return Teams(_values(answer), _skip_token(answer.get("@odata.nextLink")))


def list_channels(application: Application, team_id: str, query: Sequence[tuple[str, str]]) -> list[Mapping[str, Any]]:
    """A team's channels, each as Graph shows it. Raises `VendorRefused` or `VendorSilent`."""
    return _values(_get(application, f"/teams/{quote(team_id, safe='')}/channels", query))


def _values(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = answer.get("value")
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        raise VendorSilent(f"the answer of {VENDOR} has no list")
    return values


def _skip_token(link: Any) -> str | None:
    if not isinstance(link, str):
        return None
    named = {name.lower(): value for name, value in parse_qsl(urlsplit(link).query)}
    return named.get("$skiptoken")


def _get(application: Application, path: str, query: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    reply = ask(VENDOR, "GET", settings().ms_graph_url + path, token=_token(application), query=query)
    if reply.status == 401:
        _tokens.forget(_key(application))
    if reply.status == 200:
        return reply.body
    error = reply.body.get("error")
    said = error if isinstance(error, dict) else {}
    raise _refusal(reply, said.get("message") or said.get("code"))


def _refusal(reply: VendorReply, reason: Any) -> VendorRefused | VendorSilent:
    if reply.status >= 500 or not isinstance(reason, str):
        return VendorSilent(f"{VENDOR} answered {reply.status}")
    return VendorRefused(VENDOR, reason, rate_limited=reply.status == 429)


def _key(application: Application) -> tuple[str, Application]:
    return settings().ms_login_url, application


def _token(application: Application) -> str:
    key = _key(application)
    known = _tokens.get(key)
    if known is not None:
        return known
    if not _TENANT.fullmatch(application.tenant_id):
        raise VendorRefused(VENDOR, "the tenant's id is malformed")
    url = f"{settings().ms_login_url}/{application.tenant_id}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "scope": SCOPE,
    }
    reply = ask(VENDOR, "POST", url, form=form)
    token, seconds = reply.body.get("access_token"), reply.body.get("expires_in")
    if reply.status != 200:
        raise _refusal(reply, reply.body.get("error_description") or reply.body.get("error"))
    if not isinstance(token, str):
        raise VendorSilent(f"the answer of {VENDOR} has no token")
    if isinstance(seconds, int | float):
        _tokens.put(key, token, seconds)
    return token
