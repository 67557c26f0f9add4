"""Random workflows, and random streams of what happens to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from workflows.recipients import USERS, Identity, Reference
from workflows.simulate.happenings import (
    Activated,
    AudienceChanged,
    Cancelled,
    Deleted,
    Engaged,
    Happening,
    Identified,
    Published,
    Triggered,
    What,
)
from workflows.simulate.triggers import Request

Document = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
KEYS = ("first", "second", "third")
"""Workflows: each may trigger those after it."""

PEOPLE = ("ann", "bob")
URL = "https://example.com/{{ data.n }}"
URLS = tuple(f"https://example.com/{number}" for number in range(4))
CANCELLATION_KEYS = ("k1", "k1", "k2")
AUDIENCES = ("beta", "gold")
TENANTS = (None, None, None, None, "acme")

minutes = st.sampled_from((1, 2, 5, 60, 1440))
TEXTS = (
    "{{ data.n }} for {{ recipient.name }}",
    "{{ total_activities }}/{{ total_actors }}: {% for each in activities %}{{ each.n }} by {{ each.actor.name }};{% endfor %}",
    "{{ data | json }} {{ tenant.plan }} {{ actor.name }}",
    "{{ timestamp }} {{ workflow.key }} {{ workflow.cancellation_key }} {{ vars.site }}",
    "{{ refs | json }}",
    "{{ 'bob' | user | map: 'name' }} {{ recipient.preferences | json }}",
    "{{ 6 | divided_by: data.zero }}",
)
"""What messages say. The last one fails when the data has a zero."""


@dataclass
class Writer:
    """Writes one workflow; references are unique in it."""

    draw: Draw
    key: str
    number: int = 0
    channels: list[str] = field(default_factory=list)
    """References of channel steps so far."""

    def document(self) -> Document:
        once = st.sampled_from(("every_trigger",) * 8 + ("once_per_recipient", "once_per_recipient_per_tenant"))
        own = {"conditions": self.conditions()} if self.draw(st.integers(0, 7)) == 0 else {}
        return {
            "name": self.key,
            "steps": [*self.beginning(), *self.steps(5)],
            "trigger_frequency": self.draw(once),
            "categories": self.draw(st.sampled_from(([], ["news"]))),
            **own,
        }

    def beginning(self) -> list[Document]:
        """Often a batch, which many runs reach only here."""
        return [{"ref": "batch_0", "type": "batch", **_batch(self)}] if self.chance() else []

    def steps(self, most: int, depth: int = 0) -> list[Document]:
        return [self.step(depth) for _ in range(self.draw(st.integers(1, most)))]

    def step(self, depth: int) -> Document:
        kinds = [*_STEPS, *("channel",) * 3, "batch", "batch", "delay", "throttle", "wait_for_event"]
        if depth < 2:
            kinds += ["branch", "branch", "random_cohort"]
        if self.key != KEYS[-1]:
            kinds += ["trigger_workflow", "trigger_workflow"]
        kind = self.draw(st.sampled_from(kinds))
        self.number += 1
        node: Document = {"ref": f"{kind}_{self.number}", "type": kind}
        if kind in ("branch", "random_cohort"):
            return node | self.branches(kind, depth)
        node |= _trigger_workflow(self) if kind == "trigger_workflow" else _STEPS[kind](self)
        if self.draw(st.integers(0, 4)) == 0:
            node["conditions"] = self.conditions()
        if kind == "channel":
            self.channels.append(node["ref"])
        return node

    def branches(self, kind: str, depth: int) -> Document:
        if kind == "random_cohort":
            shares = ({"percentage": 30, "terminates": False}, {"percentage": 70, "terminates": self.chance()})
            return {"cohort_branches": [{**each, "steps": self.steps(2, depth + 1)} for each in shares]}
        ways: list[Document] = [{"name": "a", "conditions": self.conditions(), "terminates": self.chance()}]
        ways.append({"name": "default", "terminates": False})
        return {"branches": [{**way, "steps": self.steps(2, depth + 1)} for way in ways]}

    def conditions(self) -> Document:
        mode = self.draw(st.sampled_from(("all", "any")))
        return {mode: [self.condition() for _ in range(self.draw(st.integers(1, 2)))]}

    def condition(self) -> Document:
        plain = [
            {"variable": "data.flag", "operator": "equal_to", "argument": "true"},
            {"variable": "recipient.plan", "operator": "not_equal_to", "argument": "pro"},
            {"variable": "run.total_activities", "operator": "greater_than", "argument": "1"},
            {"variable": "data.seen", "operator": "exists"},
            {
                "variable": "recipient",
                "operator": "is_audience_member",
                "argument": self.draw(st.sampled_from(AUDIENCES)),
            },
        ]
        if not self.channels or self.chance():
            return dict(self.draw(st.sampled_from(plain)))
        ref = self.draw(st.sampled_from(self.channels))
        status = self.draw(st.sampled_from(("sent", "delivered", "seen", "read", "queued", "skipped")))
        kind = "engagement_status" if status in ("seen", "read") else "delivery_status"
        operator = self.draw(
            st.sampled_from(("equal_to", "not_equal_to") if kind == "delivery_status" else ("contains", "not_contains"))
        )
        return {"variable": f"refs.{ref}.{kind}", "operator": operator, "argument": f"$message.{status}"}

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def duration(self) -> Document:
        return {"unit": "minutes", "value": self.draw(minutes)}


def _channel(writer: Writer) -> Document:
    text = writer.draw(st.sampled_from(TEXTS))
    kind, channel, template = writer.draw(
        st.sampled_from(
            (
                ("sms", "sms", {"text_body": text}),
                ("in_app_feed", "in-app-feed", {"markdown_body": text}),
                ("push", "push", {"title": "News", "text_body": text}),
            )
        )
    )
    node: Document = {"channel_type": kind, "channel_key": channel, "template": template}
    if writer.draw(st.integers(0, 5)) == 0:
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        node["send_windows"] = [{"day": day, "type": "send", "from": "13:00", "until": "20:00"} for day in days]
    return node


def _delay(writer: Writer) -> Document:
    if writer.draw(st.integers(0, 3)) == 0:
        return {"settings": {"delay_until_field_path": "data.until"}}
    return {"settings": {"delay_for": writer.duration()}}


def _batch(writer: Writer) -> Document:
    settings: Document = {"batch_window": writer.duration()}
    if writer.chance():
        settings |= {"batch_window_type": "sliding", "batch_window_extension_limit": writer.duration()}
    if writer.draw(st.integers(0, 3)) == 0:
        settings["batch_key"] = "data.flag"
    if writer.chance():
        settings["batch_items_max_limit"] = writer.draw(st.integers(2, 3))
    if writer.chance():
        settings |= {"batch_items_render_limit": 2, "batch_order": writer.draw(st.sampled_from(("asc", "desc")))}
    if writer.chance():
        settings["batch_execution_mode"] = "flush_leading"
    settings["workflow_version_mode"] = writer.draw(st.sampled_from(("latest", "pinned")))
    return {"settings": settings}


def _throttle(writer: Writer) -> Document:
    limit = writer.draw(st.integers(1, 2))
    key = {"throttle_key": "data.key"} if writer.chance() else {}
    return {"settings": {"throttle_window": writer.duration(), "throttle_limit": limit, **key}}


_OF_MESSAGE = {"variable": "event.step_ref", "operator": "not_equal_to", "argument": "channel_2"}
_OF_WORKFLOW = {"variable": "event.notify_data.n", "operator": "not_equal_to", "argument": "2"}


def _wait(writer: Writer) -> Document:
    event = writer.draw(
        st.sampled_from(
            (
                {"event_type": "message", "event_key": "seen", "source_type": "workflow", "source_key": writer.key},
                {"event_type": "message", "event_key": "sent", "source_type": "workflow", "source_key": KEYS[-1]},
                {"event_type": "workflow", "event_key": "started", "source_key": KEYS[0]},
                {"event_type": "workflow", "event_key": "completed", "source_key": KEYS[-1]},
                {"event_type": "recipient"},
                {"event_type": "audience", "event_key": "enter", "audience_key": AUDIENCES[0]},
            )
        )
    )
    settings: Document = {"event": event, "expires_after": writer.duration()}
    settings["on_match"] = writer.draw(st.sampled_from(("continue", "continue", "halt")))
    settings["on_timeout"] = writer.draw(st.sampled_from(("continue", "halt")))
    condition = {"message": _OF_MESSAGE, "workflow": _OF_WORKFLOW}.get(event["event_type"])
    if condition:
        settings["match_conditions"] = [{"operator": "and", "conditions": [condition]}]
    return {"settings": settings}


def _update_data(writer: Writer) -> Document:
    texts = (
        '{"seen": {{ data.n }}, "flag": true}',
        '{"long_name": {"b": 1, "a": {{ total_activities }}}}',
        "{{ data.text }}",
    )
    return {"settings": {"data": writer.draw(st.sampled_from(texts))}}


def _update_user(writer: Writer) -> Document:
    texts = (
        '{"plan": "pro"}',
        '{"last": {"n": {{ data.n }}}}',
        '{"preferences": {"default": {"channels": {"sms": false}}}}',
    )
    return {"settings": {"recipient_mode": "current", "update_properties": writer.draw(st.sampled_from(texts))}}


def _update_audience(writer: Writer) -> Document:
    audience = writer.draw(st.sampled_from(AUDIENCES))
    return {"settings": {"audience_key": audience, "action": writer.draw(st.sampled_from(("add", "remove")))}}


def _trigger_workflow(writer: Writer) -> Document:
    later = KEYS[KEYS.index(writer.key) + 1 :]
    settings: Document = {"workflow_key": writer.draw(st.sampled_from(later))}
    if writer.chance():
        settings["recipients"] = '["ann", "bob"]'
    if writer.chance():
        settings["data"] = '{"n": {{ data.n }}, "nested": true}'
    return {"settings": settings}


def _fetch(writer: Writer) -> Document:
    path = {"response_path": "data.fetched"} if writer.chance() else {}
    return {"settings": {"method": "get", "url": URL, **path}}


_STEPS: dict[str, Callable[[Writer], Document]] = {
    "channel": _channel,
    "delay": _delay,
    "batch": _batch,
    "throttle": _throttle,
    "wait_for_event": _wait,
    "update_data": _update_data,
    "update_user": _update_user,
    "update_audience": _update_audience,
    "http_fetch": _fetch,
}
"""Steps that any workflow may have."""


@st.composite
def libraries(draw: Draw) -> dict[str, Document]:
    return {key: Writer(draw, key).document() for key in KEYS}


@st.composite
def streams(draw: Draw) -> list[Happening]:
    """In the order of their times; several may happen at one."""
    soon, later = st.integers(0, 12), st.integers(0, 300)
    moments = draw(st.lists(soon | soon | later | st.integers(0, 6000), min_size=8, max_size=18))
    return [
        Happening(START + timedelta(seconds=30 * at), _happening(draw, number), number)
        for number, at in enumerate(sorted(moments), 1)
    ]


def _happening(draw: Draw, number: int) -> What:
    makers = [_triggered] * 7 + [_cancelled] * 3 + [_engaged, _engaged, _identified, _audience, _published, _other]
    return draw(st.sampled_from(makers))(draw, number)  # type: ignore[no-any-return]


def _triggered(draw: Draw, number: int) -> What:
    data: Document = {
        "n": number,
        "flag": draw(st.booleans()),
        "text": "no JSON",
        "zero": draw(st.sampled_from((0, 1, 1))),
    }
    if draw(st.booleans()):
        data |= {"key": "x", "until": (START + timedelta(minutes=draw(st.integers(0, 300)))).isoformat()}
    people = draw(st.sampled_from((["ann"], ["bob"], ["ann", "bob"])))
    if draw(st.booleans()):
        people = [{"id": people[0], "visits": number, "$trigger_data": {"own": number}}, *people[1:]]
    return Triggered(
        Request(
            id=UUID(int=number),
            workflow=draw(st.sampled_from((*(KEYS[0],) * 4, *KEYS))),
            recipients=tuple(people),
            data=data,
            actor=draw(st.sampled_from((None, "bob", {"id": "eve", "name": "Eve"}))),
            tenant=draw(st.sampled_from((*TENANTS, *TENANTS, {"id": "acme", "plan": "big"}))),
            cancellation_key=draw(st.sampled_from((None, *CANCELLATION_KEYS))),
            settings=draw(st.sampled_from(({},) * 6 + ({"sandbox_mode": True}, {"skip_delay": True}))),
        )
    )


def _who(draw: Draw) -> Reference:
    return Reference(USERS, draw(st.sampled_from(PEOPLE)))


def _cancelled(draw: Draw, number: int) -> What:
    only = draw(st.sampled_from(((), (), (Reference(USERS, "ann"),))))
    return Cancelled(draw(st.sampled_from((KEYS[0], *KEYS))), draw(st.sampled_from(CANCELLATION_KEYS)), only)


def _engaged(draw: Draw, number: int) -> What:
    status = draw(
        st.sampled_from(
            ("seen", "seen", "read", "interacted", "link_clicked", "archived", "unseen", "unread", "bounced")
        )
    )
    return Engaged(_who(draw), status, draw(st.none() | st.sampled_from(KEYS)), nth=draw(st.none() | st.integers(1, 3)))


def _identified(draw: Draw, number: int) -> What:
    properties = draw(st.sampled_from(({"plan": "pro"}, {"plan": "free"}, {"last": {"n": number}}, {})))
    opted_out = {"default": {"channel_types": {"sms": False}}}, {"default": {"categories": {"news": False}}}
    preferences = draw(st.sampled_from(({}, *opted_out)))
    return Identified(Identity(_who(draw), properties, preferences))


def _audience(draw: Draw, number: int) -> What:
    return AudienceChanged(
        draw(st.sampled_from(AUDIENCES)), _who(draw), draw(st.sampled_from(TENANTS)), draw(st.booleans())
    )


def _published(draw: Draw, number: int) -> What:
    key = draw(st.sampled_from((KEYS[0], *KEYS)))
    return Published(key, Writer(draw, key).document())


def _other(draw: Draw, number: int) -> What:
    key = draw(st.sampled_from(KEYS))
    return Deleted(_who(draw)) if draw(st.integers(0, 2)) == 0 else Activated(key, draw(st.booleans()))
