"""Frames of Phoenix channels, protocol 2.0.0 (contract: feed-protocol §6): JSON arrays of five."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

JOIN, LEAVE, REPLY, CLOSE, HEARTBEAT = "phx_join", "phx_leave", "phx_reply", "phx_close", "heartbeat"
PHOENIX = "phoenix"
"""The topic of the connection itself."""


class MalformedFrame(ValueError):
    """Not a frame; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`join_ref` names the join that a frame belongs to, `ref` the frame that is to be answered."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Mapping[str, Any]


def decode(text: str) -> Frame:
    """A client's frame. Raises `MalformedFrame`."""
    try:
        parts = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise MalformedFrame("not JSON") from None
    if not isinstance(parts, list) or len(parts) != 5:
        raise MalformedFrame("not an array of five")
    join_ref, ref, topic, event, payload = parts
    if not isinstance(topic, str) or not isinstance(event, str):
        raise MalformedFrame("topic and event must be text")
    if not isinstance(payload, dict):
        raise MalformedFrame("the payload must be an object")
    return Frame(_reference(join_ref), _reference(ref), topic, event, payload)


def _reference(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise MalformedFrame("references must be text or null")
    return value


def encode(frame: Frame) -> str:
    return to_json([frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload]).decode()


def reply(to: Frame, status: str, response: Mapping[str, Any] | None = None) -> Frame:
    """`status` is `ok` or `error`."""
    return Frame(to.join_ref, to.ref, to.topic, REPLY, {"status": status, "response": response or {}})
