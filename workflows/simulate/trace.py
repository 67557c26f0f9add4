"""A trace: what was decided, in neutral words, so that simulations can be compared with each other and with the engine.

It says when, whose run of which workflow, at which step, what happened and why. Identifiers are replaced by what they name
(`message 3`), because no two executions give the same ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import unified_diff
from hashlib import sha256
from itertools import count
from typing import Any

from workflows.simulate.world import Message, World

DECISIONS = frozenset(
    {
        *("step_completed", "branch_entered", "step_skipped", "step_paused", "step_attempt_failed", "step_failed"),
        *("run_started", "run_halted", "run_completed", "run_cancelled", "activity_cancelled", "version_changed"),
    }
)
"""What a run's log says of how a step or the run went on."""

LEAVINGS = ("message.sent", "message.delivered", "message.not_sent")
"""How a message leaves, or does not."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9A-Za-z]{27}\b")
_NOT_COMPARED = ("sequence",)
"""Numbers of which only the order means something."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a run's log. `step` None: it is about the run."""

    at: datetime
    step: str | None
    event: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedMessage:
    """`events` are its own in order: type (`message.sent`), time, detail. `made` is what is told of its content."""

    id: str
    step: str
    channel: str
    made: Mapping[str, Any]
    scheduled_at: datetime | None
    events: Sequence[tuple[str, datetime, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRun:
    """A run with its log and its messages, each in the order in which they were written."""

    at: datetime
    trigger_id: str
    workflow: str
    recipient: str
    tenant: str | None
    log: Sequence[Told]
    messages: Sequence[TracedMessage]


@dataclass(frozen=True, slots=True)
class Entry:
    """`run` counts from 1, the oldest first. `detail` is JSON."""

    at: datetime
    recipient: str
    workflow: str
    run: int
    step: str | None
    event: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_decision(self) -> bool:
        """Whether it says what came of something; the other entries tell how it came to that."""
        if self.event == "message.queued":
            return "scheduled_at" in self.detail
        return self.event in DECISIONS or (self.event.startswith("message.") and self.event != "message.created")

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "recipient": self.recipient,
            "workflow": self.workflow,
            "run": self.run,
            "step": self.step,
            "event": self.event,
            **({"detail": self.detail} if self.detail else {}),
        }


def trace_of(runs: Iterable[TracedRun]) -> list[Entry]:
    """Entries by time, those of one time by age of their run; a run's own stay in order. `runs`: the oldest first."""
    names = _Names()
    found: list[Entry] = []
    for number, run in enumerate(runs, 1):
        names.name(run.trigger_id, "trigger")
        for message in run.messages:
            names.name(message.id, "message")
        found += _entries(number, run)
    found.sort(key=lambda entry: (entry.at, entry.run))
    return [
        Entry(each.at, each.recipient, each.workflow, each.run, each.step, each.event, names.replaced(each.detail))
        for each in found
    ]


def _entries(number: int, run: TracedRun) -> Iterable[Entry]:
    who = (run.recipient, run.workflow, number)
    yield Entry(run.at, *who, None, "run_started", {"tenant": run.tenant} if run.tenant else {})
    for told in run.log:
        yield Entry(told.at, *who, told.step, told.event, told.detail)
    for message in run.messages:
        yield from (Entry(at, *who, message.step, event, detail) for event, at, detail in _events(message))


def _events(message: TracedMessage) -> Iterable[tuple[str, datetime, Mapping[str, Any]]]:
    """Its own, each with what it is about; the content is told where it leaves, or is known not to."""
    about = {"message": message.id, "channel": message.channel}
    is_told = False
    for event, at, detail in message.events:
        more: Mapping[str, Any] = {}
        if event == "message.queued" and message.scheduled_at:
            more = {"scheduled_at": message.scheduled_at.isoformat()}
        elif event in LEAVINGS and not is_told:
            more, is_told = message.made, True
        yield event, at, {**about, **more, **detail}


def digest(content: Mapping[str, Any]) -> str:
    """The same for the same content."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return sha256(text.encode()).hexdigest()[:16]


class _Names:
    """Identifiers and the names they get; windows and whatever else turns up get theirs in the order of the trace."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._numbers: dict[str, count[int]] = {}

    def name(self, identifier: str, kind: str) -> str:
        if identifier not in self._names:
            number = next(self._numbers.setdefault(kind, count(1)))
            self._names[identifier] = f"{kind} {number}"
        return self._names[identifier]

    def replaced(self, value: Any, field_name: str = "") -> Any:
        """As JSON, every identifier replaced."""
        if isinstance(value, str):
            return self._in_text(value, field_name)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {
                name: self.replaced(each, name) for name, each in sorted(value.items()) if name not in _NOT_COMPARED
            }
        if isinstance(value, list | tuple | frozenset):
            return [self.replaced(each, field_name) for each in value]
        return str(value)

    def _in_text(self, text: str, field_name: str) -> str:
        if len(text) < 27:
            return text
        if field_name in ("window_id", "version"):
            return self.name(text, field_name.removesuffix("_id"))
        return _ID.sub(lambda found: self._names.get(found[0], found[0]), text)


def made(message: Message) -> Mapping[str, Any]:
    """What a trace tells of a content: a digest."""
    return {"content": digest(message.content.as_json())}


def trace_of_world(world: World, describe: Callable[[Message], Mapping[str, Any]] = made) -> list[Entry]:
    """What was decided in a simulation. `describe` makes what is told of a message's content."""
    log: dict[Any, list[Told]] = {run: [] for run in world.runs}
    for line in world.log:
        log[line.run].append(Told(line.at, line.step, line.event, line.detail))
    events: dict[str, list[tuple[str, datetime, Mapping[str, Any]]]] = {each: [] for each in world.messages}
    for event in world.message_events:
        events[event.message].append((event.type, event.at, event.detail))
    return trace_of(
        TracedRun(
            at=run.trigger.at,
            trigger_id=str(run.trigger.id),
            workflow=run.trigger.workflow_key,
            recipient=str(run.recipient),
            tenant=run.trigger.tenant,
            log=log[run.id],
            messages=[
                _traced(message, describe(message), events[message.id])
                for message in map(world.messages.__getitem__, world.messages_of.get(run.id, ()))
            ],
        )
        for run in world.runs.values()
    )


def _traced(
    message: Message, told: Mapping[str, Any], events: Sequence[tuple[str, datetime, Mapping[str, Any]]]
) -> TracedMessage:
    return TracedMessage(
        id=message.id,
        step=message.step,
        channel=message.channel.key,
        made=told,
        scheduled_at=message.scheduled_at,
        events=events,
    )


def as_lines(entries: Iterable[Entry]) -> list[str]:
    """One JSON object for each decision: the form of a saved trace."""
    return [json.dumps(each.as_json(), ensure_ascii=False) for each in entries if each.is_decision]


def difference(saved: str, lines: Sequence[str], name: str) -> str:
    """How a trace differs from a saved one, as a unified diff; empty when it does not."""
    return "\n".join(unified_diff(saved.splitlines(), lines, name, "this simulation", n=1, lineterm=""))
