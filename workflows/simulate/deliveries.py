"""Messages: made, delivered at the moment they may leave, and what becomes of them later (contract: semantics §12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workflows.simulate.waits import signal_message
from workflows.simulate.world import Message, MessageEvent, Run, World
from workflows.statuses import MessageStatus

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
    changed = replace(message, status=_status(message.status, what))
    world.put(world.messages, message_id, changed)
    _happen(world, changed, what, detail or {})


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
