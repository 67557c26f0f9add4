"""Streams of events: one JSON object on each line, what happens in a simulation and what other machines answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid5

from workflows.errors import DocumentInvalid, Problem
from workflows.preference_sets import preference_problems
from workflows.recipients import TENANTS, identity, reference
from workflows.simulate.deliveries import DELIVERIES, ENGAGEMENTS, UNDONE
from workflows.simulate.environment import NAMESPACE
from workflows.simulate.fields import Fields
from workflows.simulate.happenings import (
    Activated,
    AudienceChanged,
    Cancelled,
    Deleted,
    Engaged,
    Happening,
    Identified,
    PreferencesSet,
    Published,
    Triggered,
    What,
)
from workflows.simulate.replies import Response
from workflows.simulate.triggers import Request
from workflows.windows import parse_timestamp

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STATUSES = (*ENGAGEMENTS, *UNDONE, *DELIVERIES)
_WORKFLOW = "the key of a workflow"
_TENANT = "a tenant's id"


@dataclass(frozen=True, slots=True)
class Stream:
    happenings: tuple[Happening, ...]
    responses: tuple[Response, ...]


def read_events(text: str, start: datetime, *, workflow: str | None = None, name: str = "events") -> Stream:
    """The events of a stream; empty lines are passed over. `workflow` is meant where an event names none.

    Raises `DocumentInvalid` with every problem: its line, its field, and what was expected.
    """
    problems: list[Problem] = []
    happenings: list[Happening] = []
    responses: list[Response] = []
    for number, fields in _lines(text, problems):
        event = _read(fields, number, start, workflow)
        problems += fields.problems
        if isinstance(event, Response):
            responses.append(event)
        elif event is not None:
            happenings.append(event)
    if problems:
        raise DocumentInvalid(name, problems)
    return Stream(tuple(happenings), tuple(responses))


def first_time(text: str) -> datetime | None:
    """The earliest time of a stream that is no offset; None when there is none."""
    documents = (fields.document for _, fields in _lines(text, []))
    return min((at for each in documents if (at := parse_timestamp(each.get("at")))), default=None)


def _lines(text: str, problems: list[Problem]) -> Iterator[tuple[int, Fields]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(f"line {number}", line.strip(), f"one JSON object on a line; {error}"))
            continue
        if isinstance(document, dict):
            yield number, Fields(f"line {number}", document)
        else:
            problems.append(Problem(f"line {number}", document, "a JSON object"))


def _read(fields: Fields, number: int, start: datetime, workflow: str | None) -> Happening | Response | None:
    kind = fields.one_of("type", (*_READERS, "response"))
    if fields.problems:
        return None
    at = fields.time("at", start)
    if kind == "response":
        event: Happening | Response = _response(fields, at)
    else:
        event = Happening(at, _READERS[kind](fields, number, workflow), number)
    fields.no_others()
    return event


def _trigger(fields: Fields, number: int, workflow: str | None) -> What:
    return Triggered(
        Request(
            id=uuid5(NAMESPACE, f"line {number}"),
            workflow=fields.text("workflow", _WORKFLOW, workflow),
            recipients=fields.entities("recipients"),
            data=fields.mapping("data"),
            actor=fields.entity("actor"),
            tenant=fields.entity("tenant"),
            cancellation_key=fields.optional("cancellation_key", "a text"),
            settings=_settings(fields),
        )
    )


def _settings(fields: Fields) -> Mapping[str, Any]:
    settings = fields.mapping("settings")
    for name, value in settings.items():
        if name not in ("sandbox_mode", "skip_delay") or not isinstance(value, bool):
            fields.complain("settings", "sandbox_mode and skip_delay, true or false")
    return settings


def _cancel(fields: Fields, _number: int, workflow: str | None) -> What:
    return Cancelled(
        workflow=fields.text("workflow", _WORKFLOW, workflow),
        cancellation_key=fields.text("cancellation_key", "the cancellation key of the triggers"),
        recipients=tuple(map(reference, fields.entities("recipients", needed=False))),
    )


def _identify(fields: Fields, _number: int, _workflow: str | None) -> What:
    name = "tenant" if "tenant" in fields.document else "recipient"
    entity = fields.entity(name)
    if not isinstance(entity, dict):
        fields.complain(name, '{"id": …} with what is said of it')
        entity = {"id": ""}
    return Identified(identity({**entity, "collection": TENANTS} if name == "tenant" else entity))


def _preferences(fields: Fields, _number: int, _workflow: str | None) -> What:
    preferences = fields.mapping("preferences", "a preference set: an object")
    fields.problems += preference_problems(f"{fields.place}, preferences", preferences)
    set_id = fields.text("set", "the set's id: default, or a tenant's id", "default")
    return PreferencesSet(fields.reference("recipient"), set_id, preferences)


def _delete(fields: Fields, _number: int, _workflow: str | None) -> What:
    return Deleted(fields.reference("recipient"))


def _engagement(fields: Fields, _number: int, _workflow: str | None) -> What:
    return Engaged(
        recipient=fields.reference("recipient"),
        status=fields.one_of("status", STATUSES),
        workflow=fields.optional("workflow", _WORKFLOW),
        step=fields.optional("step", "the reference of a step"),
        nth=fields.number("nth"),
        detail=fields.mapping("data"),
    )


def _audience(fields: Fields, _number: int, _workflow: str | None) -> What:
    return AudienceChanged(
        audience=fields.text("audience", "the key of an audience"),
        recipient=fields.reference("recipient"),
        tenant=fields.optional("tenant", _TENANT),
        adds=fields.one_of("action", ("add", "remove"), "add") == "add",
    )


def _publish(fields: Fields, _number: int, workflow: str | None) -> What:
    if "document" not in fields.document:
        fields.complain("document", "the workflow's document: an object")
    return Published(fields.text("workflow", _WORKFLOW, workflow), fields.mapping("document"))


def _activate(fields: Fields, _number: int, workflow: str | None) -> What:
    return Activated(fields.text("workflow", _WORKFLOW, workflow), fields.flag("active", default=True))


_READERS: Mapping[str, Callable[[Fields, int, str | None], What]] = {
    "trigger": _trigger,
    "cancel": _cancel,
    "engagement": _engagement,
    "identify": _identify,
    "preferences": _preferences,
    "audience": _audience,
    "delete": _delete,
    "publish": _publish,
    "activate": _activate,
}


def _response(fields: Fields, at: datetime) -> Response:
    model = fields.optional("model", "a model's name, * for any")
    body = fields.get("body")
    status = fields.number("status")
    return Response(
        at=at,
        method=fields.one_of("method", METHODS, "GET"),
        url=fields.text("url", "the URL that is asked, * for anything in it", "" if model else None),
        model=model or "",
        status=status or 200,
        text=body if isinstance(body, str) else "" if body is None else json.dumps(body),
        error=fields.text("error", "why there is no answer", ""),
        times_out=fields.flag("times_out", default=False),
        repeats=fields.flag("repeats", default=False),
    )
