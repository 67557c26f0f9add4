"""`doorbell simulate`: workflow files and a stream of events, executed in virtual time, with no service running."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import workflows
from notify_workers.ids import channel_id
from workflows.errors import DocumentInvalid, Problem, WorkflowError
from workflows.files import Library, read_library, read_workflow
from workflows.model import ChannelStep
from workflows.parse import parse_layout, parse_partial, parse_translation
from workflows.scope import ChannelView
from workflows.simulate.environment import Environment, Settings
from workflows.simulate.events import first_time, read_events
from workflows.simulate.fields import parse_span
from workflows.simulate.simulation import simulate
from workflows.simulate.world import World
from workflows.templates import Resources
from workflows.windows import parse_timestamp

LIBRARY = Path(workflows.__file__).parent / "library"
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""Of streams without any timestamp: always the same, so that a saved trace stays comparable."""

CHANNELS = {
    "email": "email",
    "in-app-feed": "in_app_feed",
    "in-app-guide": "in_app_guide",
    "sms": "sms",
    "push": "push",
    "chat": "chat",
    "webhook": "http",
}
"""Types of the development stack's channels, by key."""

SENDER = "Doorbell <hello@doorbell.test>"


class CannotSimulate(WorkflowError):
    """What was asked for cannot be simulated; the message says what to change."""

    code = "cannot_simulate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for. `what` is a workflow's directory, or a key in `library`; `events` is None for one
    example trigger with `data` for `recipient`."""

    what: str
    library: Path = LIBRARY
    events: str | None = None
    until: str = "30d"
    start: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "Etc/UTC"
    data: Mapping[str, Any] = field(default_factory=dict)
    recipient: str = "jane"


@dataclass(frozen=True, slots=True)
class Simulated:
    workflow: str
    start: datetime
    until: datetime
    world: World


def run(asked: Asked) -> Simulated:
    """Raises `WorkflowError` with everything that is wrong with files and events."""
    key, library = _find(asked)
    if asked.timezone not in available_timezones():
        raise CannotSimulate(f"`{asked.timezone}` is no time zone; expected a name such as Europe/Berlin")
    environment = _environment(library, Settings(variables=asked.variables, timezone=asked.timezone))
    events = asked.events if asked.events is not None else _example(asked)
    start = _start(asked.start, events)
    until = _until(asked.until, start)
    stream = read_events(events, start, workflow=key)
    world = simulate(environment, stream.happenings, start=start, until=until, responses=stream.responses)
    return Simulated(key, start, until, world)


def _find(asked: Asked) -> tuple[str, Library]:
    """The workflow's key and the library around it: `…/workflows/<key>` stands in one, any other directory alone."""
    directory = Path(asked.what)
    if (directory / "workflow.json").is_file():
        directory = directory.resolve()
        if directory.parent.name == "workflows":
            return directory.name, read_library(directory.parent.parent)
        return directory.name, Library({directory.name: read_workflow(directory)}, {})
    library = read_library(asked.library)
    if asked.what not in library.workflows:
        known = ", ".join(library.workflows) or "none"
        raise CannotSimulate(
            f"`{asked.what}` is neither a directory with a workflow.json nor a workflow of {asked.library} ({known})"
        )
    return asked.what, library


def _environment(library: Library, settings: Settings) -> Environment:
    resources = Resources(
        layouts={key: parse_layout(key, document) for key, document in library.layouts.items()},
        partials={key: parse_partial(key, document) for key, document in library.partials.items()},
        translations=tuple(parse_translation(key, document) for key, document in library.translations.items()),
    )
    known = {key: _channel(key, kind) for key, kind in CHANNELS.items()}
    environment = Environment(known, resources, settings=settings)
    for key, document in library.workflows.items():
        environment.publish(key, document)
    environment.channels = {**_named_channels(environment), **known}
    return environment


def _named_channels(environment: Environment) -> dict[str, ChannelView]:
    """Those that the workflows' steps name: they are assumed to exist, of the step's type."""
    programs = (version.program for key in environment.keys if (version := environment.current(key)))
    steps = [step for program in programs for step in program.workflow if isinstance(step, ChannelStep)]
    return {step.channel_key: _channel(step.channel_key, step.channel_type) for step in steps if step.channel_key}


def _channel(key: str, kind: str) -> ChannelView:
    return ChannelView(str(channel_id(key)), key, kind, "simulated", SENDER if kind == "email" else "")


def _example(asked: Asked) -> str:
    """One trigger at the start, for somebody who can be reached everywhere."""
    name = asked.recipient
    recipient = {
        "id": name,
        "name": name.capitalize(),
        "email": f"{name}@example.com",
        "phone_number": "+15555550100",
        "channel_data": {
            str(channel_id("push")): {"tokens": ["example-token"]},
            str(channel_id("chat")): {"connections": [{"channel_id": "C0EXAMPLE"}]},
        },
    }
    return json.dumps({"type": "trigger", "recipients": [recipient], "data": dict(asked.data)})


def _start(given: str | None, events: str) -> datetime:
    if given is None:
        return first_time(events) or START
    moment = parse_timestamp(given)
    if moment is None:
        raise CannotSimulate(f"`{given}` is no time to start at; expected a timestamp such as 2026-01-01T09:00:00Z")
    return moment


def _until(given: str, start: datetime) -> datetime:
    span = parse_span(given)
    try:
        moment = start + span if span is not None else parse_timestamp(given)
    except OverflowError:
        moment = None
    if moment is None or moment < start:
        raise CannotSimulate(
            f"`{given}` is no end; expected a duration such as 14d, or a timestamp not before {start.isoformat()}"
        )
    return moment


def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo("UTC" if name == "Etc/UTC" else name)


def days(span: timedelta) -> str:
    """`14 days`, `36 hours`, `90 seconds`: the largest unit in which it is a whole number."""
    seconds = int(span.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}{'s' if seconds != length else ''}"
    return f"{seconds} seconds"


def read_map(text: str, name: str) -> dict[str, Any]:
    """A JSON object that was given on the command line or in a file. Raises `DocumentInvalid`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DocumentInvalid(name, [Problem("", text, f"a JSON object; {error}")]) from None
    if not isinstance(value, dict):
        raise DocumentInvalid(name, [Problem("", value, "a JSON object")])
    return value
