"""Slack's Web API (https://docs.slack.dev/reference/methods), as far as Slack's kit for browsers needs it.

Slack says what went wrong in the body of an answer whose status is 200. Tokens never stand in a URL or in an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notify_workers.settings import settings
from notify_workers.vendors import RATE_LIMITED, VendorRefused, VendorReply, VendorSilent, ask

MOST_CHANNELS = 999
"""What Slack takes as `limit`."""

CHANNEL_TYPES = "public_channel,private_channel"
PAGE = 200

GONE = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"})
"""Errors that say that a token is worth nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsWanted:
    """What the list is narrowed to, in Slack's words. A cursor is Slack's own."""

    cursor: str | None = None
    limit: int = PAGE
    types: str = CHANNEL_TYPES
    exclude_archived: bool = True
    team_id: str | None = None


@dataclass(frozen=True, slots=True)
class SlackChannel:
    id: str
    name: str
    is_private: bool
    is_im: bool
    context_team_id: str


@dataclass(frozen=True, slots=True)
class Channels:
    """A page; `next_cursor` is None on the last one."""

    channels: list[SlackChannel]
    next_cursor: str | None


def check(token: str) -> str | None:
    """None when Slack knows the token; otherwise Slack's word for the reason.

    Raises `VendorSilent`, and `VendorRefused` of a rate limit.
    """
    try:
        _call("auth.test", token)
    except VendorRefused as refused:
        if refused.status == RATE_LIMITED:  # which says nothing about who is connected
            raise
        return refused.reason
    return None


def list_channels(token: str, wanted: ChannelsWanted) -> Channels:
    """Raises `VendorRefused` or `VendorSilent`."""
    answer = _call(
        "conversations.list",
        token,
        limit=str(wanted.limit),
        types=wanted.types,
        exclude_archived="true" if wanted.exclude_archived else "false",
        **({"cursor": wanted.cursor} if wanted.cursor else {}),
        **({"team_id": wanted.team_id} if wanted.team_id else {}),
    )
    found, metadata = answer.get("channels"), answer.get("response_metadata")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise VendorSilent("Slack's answer has no channels")
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else None
    return Channels([_channel(each) for each in found], str(cursor) if cursor else None)


def _channel(each: Mapping[str, Any]) -> SlackChannel:
    """A direct message has no name of its own, but a user."""
    return SlackChannel(
        id=str(each.get("id", "")),
        name=str(each.get("name") or each.get("user") or ""),
        is_private=bool(each.get("is_private")),
        is_im=bool(each.get("is_im")),
        context_team_id=str(each.get("context_team_id") or ""),
    )


def revoke(token: str) -> None:
    """Slack forgets the token; one that it does not know is as good as revoked. Raises `VendorRefused` or `VendorSilent`."""
    try:
        _call("auth.revoke", token)
    except VendorRefused as refused:
        if refused.reason not in GONE:
            raise


def authorize(client_id: str, client_secret: str, code: str) -> str:
    """The bot's token, for the code that Slack gave to somebody who let it in. Raises `VendorRefused` or `VendorSilent`."""
    form = {"client_id": client_id, "client_secret": client_secret, "code": code}
    answer = _read(ask("Slack", "POST", f"{settings().slack_url}/oauth.v2.access", form=form))
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise VendorSilent("Slack's answer has no token")
    return token


def _call(method: str, token: str, **form: str) -> Mapping[str, Any]:
    return _read(ask("Slack", "POST", f"{settings().slack_url}/{method}", token=token, form=form))


def _read(reply: VendorReply) -> Mapping[str, Any]:
    if reply.body.get("ok") is True:
        return reply.body
    reason = reply.body.get("error")
    if reply.status == 429:
        raise VendorRefused("Slack", "ratelimited", rate_limited=True)
    if not isinstance(reason, str):
        raise VendorSilent(f"Slack answered {reply.status}, and not in its own way")
    raise VendorRefused("Slack", reason, rate_limited=reason == "ratelimited")
