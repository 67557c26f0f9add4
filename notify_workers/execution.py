"""Answering what a step asks for, inside of the transaction that holds its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import text

from notify_workers import batches, tracking, triggers
from notify_workers.catalog import EnvironmentCatalog
from notify_workers.contexts import entity_as_wire
from notify_workers.events import entry
from notify_workers.ids import ksuid
from notify_workers.store import audiences, messages, short_links, subscriptions, throttles, waits
from notify_workers.store.recipients import get_recipient, identify
from notify_workers.store.runs import StepClaim
from notify_workers.store.session import Transaction
from notify_workers.withholding import objection
from workflows import limits
from workflows.content import Content
from workflows.effects import (
    AskModel,
    Await,
    ChangeAudience,
    CloseBatch,
    CountExecution,
    Effect,
    Enqueue,
    HttpCall,
    Identify,
    JoinBatch,
    LookUp,
    Memberships,
    MessageStatuses,
    NameMessage,
    Record,
    TakeEvents,
    TriggerWorkflow,
)
from workflows.model import ChannelStep
from workflows.program import Program
from workflows.recipients import Identity, Reference
from workflows.scope import ChannelView

_SAVEPOINT = text("savepoint effects")
_ROLLBACK = text("rollback to savepoint effects")


@dataclass
class Execution:
    """What a handler has asked for while it ran. Rows that it changed are given back when its step does not come to pass."""

    tx: Transaction
    claim: StepClaim
    environment: EnvironmentCatalog
    program: Program
    entries: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    _bells_before: int | None = None

    def answer(self, effect: Effect) -> Any:
        match effect:
            case Record(event, detail, error):
                return self.log(event, detail, error=error)
            case NameMessage():
                return ksuid(self.claim.now.timestamp())
            case Enqueue():
                return self._enqueue(effect)
            case LookUp() | MessageStatuses() | Memberships():
                return self._read(effect)
            case HttpCall() | AskModel():
                raise AssertionError("calls to other machines are made outside of the transaction")
            case _:
                self._remember()
                return self._write(effect)

    def _read(self, effect: LookUp | MessageStatuses | Memberships) -> Any:
        match effect:
            case LookUp():
                return self._look_up(effect)
            case MessageStatuses(refs):
                return messages.statuses_of(self.tx, self.claim.run_id, refs)
            case Memberships(keys):
                claim = self.claim
                return audiences.memberships(self.tx, claim.environment_id, claim.recipient, claim.tenant, keys)
            case _:
                assert_never(effect)

    def _write(
        self,
        effect: JoinBatch
        | CloseBatch
        | CountExecution
        | Await
        | TakeEvents
        | TriggerWorkflow
        | Identify
        | ChangeAudience,
    ) -> Any:
        tx, claim = self.tx, self.claim
        match effect:
            case JoinBatch():
                return batches.join(tx, claim, effect)
            case CloseBatch():
                return batches.close(tx, claim, effect)
            case CountExecution(key, closes_at):
                named = self._throttle_key(key)
                return throttles.count(tx, named, claim.environment_id, now=claim.now, closes_at=closes_at)
            case Await(event):
                return waits.wait(tx, claim.run_id, claim.step, claim.environment_id, claim.recipient, event)
            case TakeEvents():
                return waits.take(tx, claim.run_id)
            case TriggerWorkflow():
                return triggers.trigger_from_step(tx, claim, effect)
            case Identify():
                return self._identify(effect)
            case ChangeAudience(key, adds):
                return audiences.change(tx, claim.environment_id, key, claim.recipient, claim.tenant, adds=adds)
            case _:
                assert_never(effect)

    def log(self, event: str, detail: Mapping[str, Any] | None = None, *, error: bool = False) -> None:
        self.entries.append(entry(self.claim.now, event, detail, error=error))

    def _remember(self) -> None:
        """From here on rows are changed: this is what `undo` goes back to."""
        if self._bells_before is None:
            self._bells_before = len(self.tx.bells)
            self.tx.run(_SAVEPOINT)

    @property
    def has_written(self) -> bool:
        return self._bells_before is not None

    def undo(self) -> None:
        """Nothing that the handler asked for is done; what it recorded stays."""
        self.messages.clear()
        self.entries = [each for each in self.entries if each["event"] not in ("message_enqueued", "message_withheld")]
        if self._bells_before is not None:
            self.tx.run(_ROLLBACK)
            del self.tx.bells[self._bells_before :]

    @property
    def errors(self) -> int:
        return sum(each["status"] == "error" for each in self.entries)

    def _throttle_key(self, key: str) -> str:
        claim = self.claim
        parts = (
            str(claim.environment_id),
            claim.workflow_key,
            claim.step,
            str(claim.recipient),
            claim.tenant or "",
            key,
        )
        return sha256("\0".join(parts).encode()).hexdigest()

    def _look_up(self, effect: LookUp) -> Any:
        if effect.kind == "subscriptions":
            return self._subscriptions(Reference(effect.collection, effect.id))
        reference = Reference(effect.collection, effect.id)
        found = get_recipient(self.tx, self.claim.environment_id, reference)
        return entity_as_wire(reference, found.properties, found.updated_at) if found else None

    def _subscriptions(self, of: Reference) -> list[dict[str, Any]]:
        found = subscriptions.page(
            self.tx, self.claim.environment_id, "recipient", of, limit=limits.MOST_SUBSCRIPTIONS_SHOWN
        )
        return [
            {
                "object": entity_as_wire(each.object.reference, each.object.properties, each.object.updated_at),
                "properties": dict(each.properties),
            }
            for each in found
        ]

    def _identify(self, effect: Identify) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        reference = Reference(effect.collection, effect.id)
        before = get_recipient(self.tx, self.claim.environment_id, reference)
        identity = Identity(reference, effect.properties, preferences=effect.preferences)
        (after,) = identify(self.tx, [(self.claim.environment_id, identity)])
        known = entity_as_wire(reference, before.properties) if before else None
        return known, entity_as_wire(reference, after.properties)

    def _enqueue(self, effect: Enqueue) -> None:
        channel = self.environment.channels[effect.channel_key]
        content = self._tracked(effect, channel)
        at = self.claim.now.timestamp()
        withheld = self._objection(effect)
        self.messages.append(
            {
                "id": effect.message_id,
                "channel_id": channel.id,
                "channel_type": channel.type,
                "snapshot": dict(effect.recipient_snapshot),
                "content": content.as_json(),
                "status": "queued" if withheld is None else "not_sent",
                "scheduled_at": effect.scheduled_at,
                "categories": list(self.program.workflow.categories),
                "actors": [self.claim.actor.as_wire()] if self.claim.actor else [],
                "created_event": ksuid(at),
                "queued_event": ksuid(at),
                "queued_data": {"reason": withheld} if withheld else None,
            }
        )
        self.log("message_enqueued", {"channel_type": channel.type, "message_id": effect.message_id})
        if withheld:
            self.log("message_withheld", {"message_id": effect.message_id, "reason": withheld})

    def _tracked(self, effect: Enqueue, channel: ChannelView) -> Content:
        step = self.program.workflow.step(self.claim.step)
        assert isinstance(step, ChannelStep)
        content, links = tracking.tracked(self.environment, UUID(channel.id), step, effect.message_id, effect.content)
        if links:
            self._remember()
            short_links.add(self.tx, links)
        return content

    def _objection(self, effect: Enqueue) -> str | None:
        """Why the message is made and not sent: the empty text when the trigger wants it so. None: it is sent."""
        claim = self.claim
        if claim.settings.get("sandbox_mode"):
            return ""
        properties = claim.recipient_properties
        return objection(self.environment, effect.channel_key, effect.content, claim.recipient, properties) or None
