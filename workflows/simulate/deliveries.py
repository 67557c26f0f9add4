"""Messages: made, delivered at the moment they may leave, and what becomes of them later (contract: semantics §12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workflows.simulate.waits import signal_message
from workflows.simulate.world import Message, MessageEvent, Run, World
from workflows.statuses import IMPLIED, MessageStatus

CONFIRMED = ("in_app_feed", "in_app_guide", "http")
"""Channel types whose messages are delivered once they have left; of others only the provider could tell."""

ENGAGEMENTS = ("seen", "read", "interacted", "link_clicked", "archived")
UNDONE = {f"un{name}": name for name in ("seen", "read", "archived")}
DELIVERIES = ("sent", "delivered", "bounced", "undelivered")


def create(world: World, run: Run, message: Message) -> None:
    """The message exists, and its delivery is owed; a sandboxed one's is not."""
    world.put(world.messages, message.id, message)
    world.put(world.messages_of, run.id, (*world.messages_of.get(run.id, ()), message.id))
    world.put(world.messages_to, run.recipient, (*world.messages_to.get(run.recipient, ()), message.id))
    for what in ("created", message.status.delivery):
        _happen(world, message, what, {})
    if message.status.delivery == "queued":
        world.owe_delivery(message, message.scheduled_at or world.now)


def deliver(world: World, message_id: str) -> None:
    world.drop(world.due_deliveries, message_id)
    message = world.messages[message_id]
    if world.runs[message.run].is_cancelled:
        tell(world, message_id, "not_sent", {"reason": "cancelled"})
    else:
        tell(world, message_id, "delivered" if message.channel.type in CONFIRMED else "sent")


def tell(world: World, message_id: str, what: str, detail: Mapping[str, Any] | None = None) -> None:
    """Something happened to the message: a delivery status, an engagement status, or one that is undone (`unseen`)."""
    message = world.messages[message_id]
    news = _news(world, message, what, detail or {})
    for each in news:
        message = replace(message, status=_status(message.status, each))
    world.put(world.messages, message_id, message)
    for each in news:
        _happen(world, message, each, (detail or {}) if each == what else {})


def _news(world: World, message: Message, what: str, detail: Mapping[str, Any]) -> list[str]:
    """What is new of it: what it implies comes before it, and what is so already does not happen again."""
    known = message.status.engagement
    if what in UNDONE:
        return [what] if UNDONE[what] in known else []
    if what in known and not (what == "interacted" and detail != _last_interaction(world, message)):
        return []
    return [*(each for each in IMPLIED.get(what, ()) if each not in known), what]


def _last_interaction(world: World, message: Message) -> Mapping[str, Any]:
    """What it said: one that says something else is another one."""
    told = (each for each in reversed(world.message_events) if each.message == message.id)
    return next((each.detail for each in told if each.type == "message.interacted"), {})


def _status(known: MessageStatus, what: str) -> MessageStatus:
    if what in ENGAGEMENTS:
        return MessageStatus(known.delivery, known.engagement | {what})
    if what in UNDONE:
        return MessageStatus(known.delivery, known.engagement - {UNDONE[what]})
    return MessageStatus(what, known.engagement)


def _happen(world: World, message: Message, what: str, detail: Mapping[str, Any]) -> None:
    event_type = f"message.{what}"
    world.add(world.message_events, MessageEvent(message.id, event_type, world.now, detail))
    signal_message(world, message, event_type, detail)


def statuses_of(world: World, run: Run, refs: frozenset[str]) -> dict[str, tuple[MessageStatus, ...]]:
    """What became of the messages of a run's steps. A step that made none has an empty tuple, one not executed is not in it."""
    found: dict[str, tuple[MessageStatus, ...]] = dict.fromkeys(refs & run.executed, ())
    for message in (world.messages[each] for each in world.messages_of.get(run.id, ())):
        if message.step in found:
            found[message.step] = (*found[message.step], message.status)
    return found
