"""Answering what a step asks for in a simulated world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from workflows.effects import (
    AskModel,
    Await,
    ChangeAudience,
    CloseBatch,
    Counted,
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
from workflows.recipients import Identity, Reference, entity
from workflows.simulate import audiences, batches, deliveries, triggers, waits
from workflows.simulate.world import Message, Run, World
from workflows.statuses import MessageStatus

Line = tuple[str, Mapping[str, Any], bool]
"""Of the run's log: event, detail, and whether it is an error."""


@dataclass
class Execution:
    """What a handler has asked for while it ran. What it changed is taken back when its step does not come to pass."""

    world: World
    run: Run
    lines: list[Line] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def log(self, event: str, detail: Mapping[str, Any] | None = None, *, error: bool = False) -> None:
        self.lines.append((event, detail or {}, error))

    def undo(self) -> None:
        """Nothing that the handler asked for is done; what it recorded stays."""
        self.world.roll_back()
        self.messages.clear()
        self.lines = [line for line in self.lines if line[0] != "message_enqueued"]

    def answer(self, effect: Effect) -> Any:
        match effect:
            case Record(event, detail, error):
                return self.log(event, detail, error=error)
            case NameMessage():
                return f"{self.world.next_number():027d}"
            case Enqueue():
                return self._enqueue(effect)
            case LookUp() | MessageStatuses() | Memberships():
                return self._read(effect)
            case HttpCall() | AskModel():
                raise AssertionError("calls to other machines are answered by the driver")
            case _:
                return self._write(effect)

    def _read(self, effect: LookUp | MessageStatuses | Memberships) -> Any:
        match effect:
            case LookUp():
                return self._look_up(effect)
            case MessageStatuses(refs):
                return deliveries.statuses_of(self.world, self.run, refs)
            case Memberships(keys):
                return audiences.memberships(self.world, self.run.recipient, self.run.trigger.tenant, keys)
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
        world, run = self.world, self.run
        match effect:
            case JoinBatch():
                return batches.join(world, run, effect)
            case CloseBatch():
                return batches.close(world, effect)
            case CountExecution():
                return self._count(effect)
            case Await(event):
                return waits.wait(world, run, event)
            case TakeEvents():
                return waits.take(world, run)
            case TriggerWorkflow():
                return triggers.trigger_from_step(world, run, effect)
            case Identify():
                return self._identify(effect)
            case ChangeAudience(key, adds):
                return audiences.change(world, key, run.recipient, run.trigger.tenant, adds=adds)
            case _:
                assert_never(effect)

    def _look_up(self, effect: LookUp) -> Any:
        if effect.kind == "subscriptions":
            return []
        reference = Reference(effect.collection, effect.id)
        known = self.world.recipients.get(reference)
        return {**entity(reference, known.properties), "updated_at": known.updated_at.isoformat()} if known else None

    def _identify(self, effect: Identify) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        reference = Reference(effect.collection, effect.id)
        before = self.world.recipients.get(reference)
        for changed in self.world.identify([Identity(reference, effect.properties, effect.preferences)]):
            waits.signal_recipient(self.world, changed)
        now = self.world.recipients[reference]
        return entity(reference, before.properties) if before else None, entity(reference, now.properties)

    def _count(self, effect: CountExecution) -> Counted:
        run, world = self.run, self.world
        key = (run.trigger.workflow_key, str(run.step), str(run.recipient), run.trigger.tenant or "", effect.key)
        known = world.throttles.get(key)
        is_open = known is not None and known.closes_at > world.now
        counted = Counted(known.number + 1, known.closes_at) if known and is_open else Counted(1, effect.closes_at)
        world.put(world.throttles, key, counted)
        return counted

    def _enqueue(self, effect: Enqueue) -> None:
        channel = self.world.environment.channels[effect.channel_key]
        sandboxed = channel.is_sandboxed or self.run.trigger.settings.get("sandbox_mode")
        message = Message(
            id=effect.message_id,
            number=int(effect.message_id),
            run=self.run.id,
            step=str(self.run.step),
            channel=channel,
            content=effect.content,
            scheduled_at=effect.scheduled_at,
            status=MessageStatus("not_sent" if sandboxed else "queued"),
        )
        self.messages.append(message)
        self.log("message_enqueued", {"channel_type": channel.type, "message_id": message.id})
