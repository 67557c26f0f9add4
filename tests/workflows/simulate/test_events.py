"""Streams of events: what they mean, and what is said of the lines that mean nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workflows.errors import DocumentInvalid
from workflows.recipients import TENANTS, USERS, Reference
from workflows.simulate.events import first_time, read_events
from workflows.simulate.happenings import Cancelled, Engaged, Identified, Triggered

START = datetime(2026, 1, 1, 9, tzinfo=UTC)


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentInvalid) as raised:
        read_events(text, START)
    return [str(problem) for problem in raised.value.problems]


def test_times_are_timestamps_or_offsets_and_the_start_without_any() -> None:
    lines = (
        '{"type": "cancel", "workflow": "w", "cancellation_key": "k", "at": "2026-01-02T09:00:00+01:00"}',
        "",
        '{"type": "cancel", "workflow": "w", "cancellation_key": "k", "at": "+1w2d3h4m5s"}',
        '{"type": "cancel", "workflow": "w", "cancellation_key": "k"}',
    )
    stream = read_events("\n".join(lines), START)
    assert [(each.line, each.at - START) for each in stream.happenings] == [
        (1, timedelta(hours=23)),
        (3, timedelta(days=9, hours=3, minutes=4, seconds=5)),
        (4, timedelta()),
    ]


def test_a_trigger_is_written_as_on_the_wire() -> None:
    text = (
        '{"type": "trigger", "workflow": "w", "recipients": ["ann", {"id": "o", "collection": "c"}], "data": {"a": 1},'
        ' "actor": {"id": "eve"}, "tenant": "acme", "cancellation_key": "k", "settings": {"skip_delay": true}}'
    )
    (happening,) = read_events(text, START).happenings
    assert isinstance(happening.what, Triggered)
    request = happening.what.request
    assert (request.workflow, request.tenant, request.cancellation_key) == ("w", "acme", "k")
    assert request.recipients == ("ann", {"id": "o", "collection": "c"})
    assert request.settings == {"skip_delay": True}


def test_the_workflow_that_is_simulated_is_meant_where_none_is_named() -> None:
    (happening,) = read_events(
        '{"type": "cancel", "cancellation_key": "k", "recipients": ["ann"]}', START, workflow="w"
    ).happenings
    assert happening.what == Cancelled("w", "k", (Reference(USERS, "ann"),))


def test_a_message_is_named_by_workflow_recipient_step_and_number() -> None:
    text = '{"type": "engagement", "recipient": "ann", "status": "seen", "workflow": "w", "step": "sms_1", "nth": 2}'
    (happening,) = read_events(text, START).happenings
    assert happening.what == Engaged(Reference(USERS, "ann"), "seen", "w", "sms_1", 2)


def test_tenants_are_identified_like_recipients() -> None:
    (happening,) = read_events('{"type": "identify", "tenant": {"id": "acme", "plan": "big"}}', START).happenings
    assert isinstance(happening.what, Identified)
    assert happening.what.identity.reference == Reference(TENANTS, "acme")
    assert happening.what.identity.properties == {"plan": "big"}


def test_every_problem_of_every_line_is_told_with_its_place() -> None:
    text = "\n".join(
        (
            '{"type": "trigger", "recipients": []}',
            '{"type": "trigger", "workflow": "w", "recipients": ["ann", 3], "at": "tomorrow"}',
            "no JSON",
            '{"type": "wish"}',
            '{"type": "cancel", "workflow": "w", "cancelation_key": "k"}',
            '{"type": "engagement", "recipient": "ann", "status": "liked", "nth": 0}',
        )
    )
    assert problems(text) == [
        "line 1, workflow: found nothing, expected the key of a workflow",
        'line 1, recipients: found [], expected a list of recipients, such as ["jane"]',
        "line 2, at: found 'tomorrow', expected a timestamp such as 2026-01-01T09:00:00Z, or +3d2h after the start",
        'line 2, recipients[1]: found 3, expected an id, or {"id": …} with what is said of the recipient,'
        ' "collection" included for an object',
        "line 3: found 'no JSON', expected one JSON object on a line; Expecting value: line 1 column 1 (char 0)",
        "line 4, type: found 'wish', expected one of trigger, cancel, engagement, identify, preferences, audience, delete,"
        " publish, activate, response",
        "line 5, cancellation_key: found nothing, expected the cancellation key of the triggers",
        "line 5, cancelation_key: found 'k', expected only at, cancellation_key, recipients, type, workflow in such"
        " an event (perhaps cancellation_key)",
        "line 6, status: found 'liked', expected one of seen, read, interacted, link_clicked, archived, unseen, unread,"
        " unarchived, sent, delivered, bounced, undelivered",
        "line 6, nth: found 0, expected a whole number from 1",
    ]


def test_an_event_before_the_start_is_a_problem() -> None:
    text = '{"type": "delete", "recipient": "ann", "at": "2025-12-31T00:00:00Z"}'
    assert problems(text) == [
        "line 1, at: found '2025-12-31T00:00:00Z', expected a time not before the start, 2026-01-01T09:00:00+00:00"
    ]


def test_a_preference_set_is_checked() -> None:
    text = '{"type": "preferences", "recipient": "ann", "preferences": {"channel_types": {"fax": true}}}'
    assert problems(text)[0].startswith("line 1, preferences.channel_types.fax: found True")


def test_the_earliest_timestamp_is_where_a_stream_starts() -> None:
    text = '{"at": "+1h"}\n{"at": "2026-03-02T00:00:00Z"}\n{"at": "2026-03-01T00:00:00Z"}'
    assert first_time(text) == datetime(2026, 3, 1, tzinfo=UTC)
    assert first_time('{"at": "+1h"}') is None


def test_responses_are_kept_apart() -> None:
    text = '{"type": "response", "url": "https://a.test", "method": "POST", "body": {"a": 1}, "status": 201}'
    stream = read_events(text, START)
    assert stream.happenings == ()
    assert [(each.method, each.status, each.text) for each in stream.responses] == [("POST", 201, '{"a": 1}')]
