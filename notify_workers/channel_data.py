"""The door to channel data: tokens, connections and whatever else says how somebody is reached on a channel.

Steps read what is stored here (`workflows/channels/`). It is stored as it was said; reads complete it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from notify_workers.errors import InvalidParams
from notify_workers.settings import settings
from notify_workers.store import channel_data as rows
from notify_workers.store import environments
from notify_workers.store.environments import Channel
from notify_workers.store.session import Transaction
from workflows.recipients import Reference


class ChannelInvalid(InvalidParams):
    """There is no such channel, or nobody has data for one of its type."""

    code = "channel_invalid"

    def __init__(self, message: str) -> None:
        super().__init__(message, errors=[{"field": "channel_id", "message": message, "type": "channel"}])


def find_channel(tx: Transaction, environment: UUID, channel: UUID) -> Channel | None:
    return next((each for each in environments.channels(tx, environment) if each.id == channel), None)


def load_channel(tx: Transaction, environment: UUID, channel: UUID) -> Channel:
    """A channel that recipients may have data for. Raises `ChannelInvalid`."""
    found = find_channel(tx, environment, channel)
    if found is None:
        raise ChannelInvalid(f"There is no channel {channel} in this environment")
    if found.type not in ("push", "chat", "http"):
        raise ChannelInvalid(f"The channel `{found.key}` is of type {found.type}, which takes no channel data")
    return found


def put(tx: Transaction, environment: UUID, of: Reference, channel: UUID, data: Mapping[str, Any]) -> None:
    """Replaces somebody's data for a channel; who is unknown is made. Raises `InvalidParams` when it is too large."""
    most = settings().max_properties
    if len(to_json(data)) > most:
        message = f"must not be larger than {most} bytes"
        errors = [{"field": "data", "message": message, "type": "too_large"}]
        raise InvalidParams(f"data {message}", errors=errors)
    rows.put(tx, environment, of, channel, data)


def extend(tx: Transaction, environment: UUID, of: Reference, channel: UUID, data: Mapping[str, Any]) -> None:
    """Says more of somebody's data for a channel; the rest stays. Raises `InvalidParams` when it is too large."""
    known = rows.get(tx, environment, of, channel) or {}
    put(tx, environment, of, channel, {"connections": [], **known, **data})


def remove(tx: Transaction, environment: UUID, of: Reference, channel: UUID) -> None:
    """Removing what is not there changes nothing."""
    rows.remove(tx, environment, of, channel)


def full(data: Mapping[str, Any]) -> dict[str, Any]:
    """As reads show it: of push both the list of tokens and the devices, each token once; anything else as it is."""
    sns = "target_arns" in data or any("target_arn" in each for each in _devices(data))
    plural, single = ("target_arns", "target_arn") if sns else ("tokens", "token")
    if plural not in data and "devices" not in data:
        return dict(data)
    known = {each[single]: each for each in _devices(data) if isinstance(each.get(single), str)}
    listed = data.get(plural)
    tokens = dict.fromkeys(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else {}
    tokens |= dict.fromkeys(known)
    unsaid = {"locale": None, "timezone": None}
    return {plural: list(tokens), "devices": [{**unsaid, single: each, **known.get(each, {})} for each in tokens]}


def _devices(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    devices = data.get("devices")
    return [each for each in devices if isinstance(each, Mapping)] if isinstance(devices, list) else []
