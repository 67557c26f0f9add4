"""A simulated world: what the engine keeps in its database, and what is due when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heappop, heappush
from typing import Any, NamedTuple
from uuid import UUID

from workflows.content import Content
from workflows.effects import Counted, Signal
from workflows.model import AwaitedEvent
from workflows.recipients import Identity, Reference, deep_merge
from workflows.scope import ChannelView
from workflows.simulate.environment import Environment, Version
from workflows.simulate.journal import Journal
from workflows.simulate.recipients import Known, stored
from workflows.statuses import MessageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One call to trigger a workflow. `sequence` orders triggers and cancellations among each other."""

    id: UUID
    sequence: int
    version: Version
    recipients: tuple[tuple[Reference, Mapping[str, Any] | None], ...]
    data: Mapping[str, Any]
    actor: Reference | None
    tenant: str | None
    cancellation_key: str | None
    settings: Mapping[str, Any]
    depth: int
    at: datetime

    @property
    def workflow_key(self) -> str:
        return self.version.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One workflow running for one recipient. `step` None: it has ended. `number` is its age among all runs.

    `data` None means the trigger's. `sequence` is the one from which a cancellation stops it.
    """

    id: UUID
    number: int
    trigger: Trigger
    version: Version
    recipient: Reference
    status: str
    step: str | None
    sequence: int
    data: Mapping[str, Any] | None = None
    attempt: int = 1
    outputs: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] | None = None
    window_id: str | None = None
    paused_until: datetime | None = None
    executed: frozenset[str] = frozenset()
    """Steps that its log tells of."""

    @property
    def known_data(self) -> Mapping[str, Any]:
        return self.trigger.data if self.data is None else self.data

    @property
    def is_cancelled(self) -> bool:
        return self.status == "cancelled"

    @property
    def carries_batch(self) -> bool:
        return bool(self.memory and "window_id" in self.memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A batch window. `carrier` None: its leader went on alone, and nobody waits for it yet."""

    id: str
    key: str
    carrier: UUID | None
    closes_at: datetime
    latest_close: datetime | None
    is_sliding: bool
    max_items: int | None
    is_sealed: bool = False
    is_closed: bool = False
    total_activities: int = 0
    total_actors: int = 0
    rendered: tuple[Item, ...] = ()
    first: Mapping[str, Any] = field(default_factory=dict)
    """Once it is closed: how many were in it, those that templates are shown, and the data of the oldest."""

    @property
    def takes_items(self) -> bool:
        return not self.is_closed and not self.is_sealed


@dataclass(frozen=True, slots=True)
class Item:
    """An activity in a window, with the data that its run had."""

    run: UUID
    data: Mapping[str, Any]
    closes_at: datetime
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    id: str
    number: int
    run: UUID
    step: str
    channel: ChannelView
    content: Content
    scheduled_at: datetime | None
    status: MessageStatus


@dataclass(frozen=True, slots=True)
class MessageEvent:
    message: str
    type: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a run's log. `step` None: it is about the run."""

    at: datetime
    run: UUID
    step: str | None
    event: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the stream that came to nothing, and why."""

    at: datetime
    line: int
    reason: str


class Due(NamedTuple):
    """What comes next: the earliest first, steps (0) before deliveries (1), then by age."""

    at: datetime
    kind: int
    number: int
    what: UUID | str


STEP, DELIVERY = 0, 1
Member = tuple[str, Reference, str]
"""Audience, recipient and tenant (empty for none)."""


class World(Journal):
    """Tables, changed only by `put`, `drop` and `add`, so that a step's changes can be taken back."""

    def __init__(self, environment: Environment, now: datetime) -> None:
        super().__init__()
        self.environment = environment
        self.now = now
        self.recipients: dict[Reference, Known] = {}
        self.triggers: dict[UUID, Trigger] = {}
        self.runs: dict[UUID, Run] = {}
        self.runs_by_key: dict[tuple[str, str], tuple[UUID, ...]] = {}
        self.entered: dict[tuple[str, Reference, str], UUID] = {}
        self.windows: dict[str, Window] = {}
        self.open_windows: dict[str, str] = {}
        self.items: dict[str, tuple[Item, ...]] = {}
        self.windows_of: dict[UUID, tuple[str, ...]] = {}
        self.throttles: dict[tuple[str, ...], Counted] = {}
        self.members: dict[Member, bool] = {}
        self.waits: dict[UUID, AwaitedEvent] = {}
        self.waiting: dict[Reference, tuple[UUID, ...]] = {}
        self.signals: dict[UUID, tuple[Signal, ...]] = {}
        self.messages: dict[str, Message] = {}
        self.messages_of: dict[UUID, tuple[str, ...]] = {}
        self.messages_to: dict[Reference, tuple[str, ...]] = {}
        self.message_events: list[MessageEvent] = []
        self.log: list[LogLine] = []
        self.refusals: list[Refusal] = []
        self.due_steps: dict[UUID, datetime] = {}
        self.due_deliveries: dict[str, datetime] = {}
        self._heap: list[Due] = []
        self._last = 0

    def next_number(self) -> int:
        """Higher than all before: ages, sequences, names."""
        self._last += 1
        return self._last

    # What is due

    def owe_step(self, run: Run, at: datetime) -> None:
        self.put(self.due_steps, run.id, at)
        heappush(self._heap, Due(at, STEP, run.number, run.id))

    def owe_delivery(self, message: Message, at: datetime) -> None:
        self.put(self.due_deliveries, message.id, at)
        heappush(self._heap, Due(at, DELIVERY, message.number, message.id))

    def wake(self, run: UUID, at: datetime) -> None:
        """Its step is due at that time, if it is later now."""
        known = self.due_steps.get(run)
        if known is not None and known > at:
            self.owe_step(self.runs[run], at)

    def next_due(self, until: datetime) -> Due | None:
        """Takes what is due next, not later than `until`. Entries that moved are passed over."""
        while self._heap and self._heap[0].at <= until:
            due = heappop(self._heap)
            at = self.due_steps.get(due.what) if isinstance(due.what, UUID) else self.due_deliveries.get(due.what)
            if at == due.at:
                return due
        return None

    # What is known

    def change(self, run: Run, **changes: Any) -> Run:
        changed = replace(run, **changes)
        self.put(self.runs, run.id, changed)
        return changed

    def tell(self, run: Run, step: str | None, event: str, detail: Mapping[str, Any] | None = None) -> None:
        self.add(self.log, LogLine(self.now, run.id, step, event, detail or {}))

    def identify(self, identities: Sequence[Identity]) -> list[Reference]:
        """Merges what is said into what is known; those of whom something has changed by it."""
        before = {each.reference: self.recipients.get(each.reference) for each in identities}
        for each in identities:
            known = self.recipients.get(each.reference) or Known({}, {}, {}, self.now)
            merged = Known(
                stored(deep_merge(known.properties, each.properties)),
                stored(deep_merge(known.preferences, each.preferences)),
                stored(deep_merge(known.channel_data, each.channel_data)),
                self.now,
            )
            self.put(self.recipients, each.reference, merged)
        return [who for who, known in before.items() if known is not None and _differs(known, self.recipients[who])]


def _differs(known: Known, now: Known) -> bool:
    return (known.properties, known.preferences, known.channel_data) != (
        now.properties,
        now.preferences,
        now.channel_data,
    )
