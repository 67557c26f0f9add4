"""What a simulated world does in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.workflows.simulate.worlds import JANE, batch, decided, delay, environment, run, sent, sms, trace, trigger
from workflows.simulate.environment import Settings


def test_a_message_leaves_when_its_delay_is_over() -> None:
    world = run(environment(sms(), delay(24), sms("sms_2", "again")), trigger())
    assert sent(world) == [("0:00:00", "1"), ("1 day, 0:00:00", "again")]


def test_nothing_happens_after_the_end() -> None:
    world = run(environment(delay(25), sms()), trigger(), trigger("+2d", n=2), days=1)
    assert sent(world) == []
    assert len(world.runs) == len(world.due_steps) == 1


def test_what_is_due_goes_before_what_happens_at_the_same_moment() -> None:
    steps = environment(delay(1), sms())
    cancel = {"type": "cancel", "cancellation_key": "k"}
    assert sent(run(steps, trigger(cancellation_key="k"), cancel | {"at": "+1h"})) == [("1:00:00", "1")]
    assert sent(run(steps, trigger(cancellation_key="k"), cancel | {"at": "+59m"})) == []


def test_steps_go_before_deliveries_at_the_same_moment() -> None:
    queued = {"variable": "refs.sms_1.delivery_status", "operator": "equal_to", "argument": "$message.queued"}
    world = run(environment(sms(), sms("sms_2", "still queued", conditions={"all": [queued]})), trigger())
    assert [text for _, text in sent(world)] == ["1", "still queued"]


def test_a_batch_collects_until_it_closes() -> None:
    text = "{{ total_activities }}: {% for each in activities %}{{ each.n }}{% endfor %}"
    world = run(environment(batch(1), sms(text=text)), *(trigger(f"+{n * 20}m", n=n) for n in range(5)))
    assert sent(world) == [("1:00:00", "3: 012"), ("2:00:00", "2: 34")]


def test_a_trigger_at_the_moment_a_batch_closes_opens_the_next_one() -> None:
    world = run(environment(batch(1), sms(text="{{ total_activities }}")), trigger(), trigger("+1h"))
    assert sent(world) == [("1:00:00", "1"), ("2:00:00", "1")]


def test_a_sliding_batch_moves_its_end_up_to_its_limit() -> None:
    limit: dict[str, Any] = {
        "batch_window_type": "sliding",
        "batch_window_extension_limit": {"unit": "minutes", "value": 90},
    }
    world = run(environment(batch(1, **limit), sms(text="{{ total_activities }}")), trigger(), trigger("+50m"))
    assert sent(world) == [("1:30:00", "2")]


def test_a_full_batch_closes_at_once() -> None:
    steps = environment(batch(1, batch_items_max_limit=2), sms(text="{{ total_activities }}"))
    assert sent(run(steps, trigger(), trigger("+5m"), trigger("+6m"))) == [("0:05:00", "2"), ("1:06:00", "1")]


def test_a_cancelled_activity_leaves_its_batch_and_the_batch_stays() -> None:
    events = (
        trigger(cancellation_key="a"),
        trigger("+5m", n=2),
        {"type": "cancel", "at": "+6m", "cancellation_key": "a"},
    )
    world = run(environment(batch(1), sms(text="{{ data.n }} of {{ total_activities }}")), *events)
    assert sent(world) == [("1:00:00", "2 of 1")]


def test_a_batch_goes_on_with_the_newest_version_that_has_its_step() -> None:
    document = {"name": "Trial", "steps": [batch(1, workflow_version_mode="latest"), sms(text="new")]}
    events = (trigger(), {"type": "publish", "at": "+5m", "document": document})
    assert sent(run(environment(batch(1, workflow_version_mode="latest"), sms(text="old")), *events)) == [
        ("1:00:00", "new")
    ]
    assert sent(run(environment(batch(1, workflow_version_mode="pinned"), sms(text="old")), *events)) == [
        ("1:00:00", "old")
    ]


def test_a_message_waits_for_its_send_window_and_is_stopped_with_its_run() -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    windows = [{"day": day, "type": "send", "from": "13:00", "until": "20:00"} for day in days]
    steps = environment(sms(send_windows=windows))
    assert sent(run(steps, trigger())) == [("4:00:00", "1")]
    cancelled = run(steps, trigger(cancellation_key="k"), {"type": "cancel", "at": "+1h", "cancellation_key": "k"})
    assert sent(cancelled) == []
    assert decided(cancelled, "message.not_sent") == ["cancelled"]


def test_a_channel_in_the_sandbox_sends_nothing() -> None:
    steps = environment(sms())
    steps.channels = {key: replace(each, is_sandboxed=True) for key, each in steps.channels.items()}
    world = run(steps, trigger())
    assert [each.type for each in world.message_events] == ["message.created", "message.not_sent"]


def test_engagement_is_seen_by_later_conditions() -> None:
    unseen = {"variable": "refs.sms_1.engagement_status", "operator": "not_contains", "argument": "$message.seen"}
    steps = environment(sms(), delay(24), sms("sms_2", "look", conditions={"all": [unseen]}))
    seen = {"type": "engagement", "at": "+2h", "recipient": "jane", "status": "seen"}
    assert [text for _, text in sent(run(steps, trigger()))] == ["1", "look"]
    assert [text for _, text in sent(run(steps, trigger(), seen))] == ["1"]


def test_engagement_finds_the_message_that_is_meant() -> None:
    world = run(
        environment(sms(), sms("sms_2", "two")),
        trigger(),
        trigger("+1h", n=2),
        {"type": "engagement", "at": "+2h", "recipient": "jane", "step": "sms_1", "nth": 1, "status": "read"},
    )
    assert [entry.detail["message"] for entry in trace(world) if entry.event == "message.read"] == ["message 1"]


def test_engagement_implies_what_must_have_been_before_and_happens_once() -> None:
    told = {"type": "engagement", "recipient": "jane"}
    statuses = ("interacted", "read", "unread", "unread", "interacted", "read")
    world = run(
        environment(sms()), trigger(), *({**told, "at": f"+{n}h", "status": each} for n, each in enumerate(statuses, 1))
    )
    events = [each.type.removeprefix("message.") for each in world.message_events]
    assert events == ["created", "queued", "sent", "seen", "read", "interacted", "unread", "read"]


def test_what_comes_to_nothing_is_told() -> None:
    world = run(
        environment(sms()),
        {"type": "engagement", "at": "+1h", "recipient": "jane", "status": "seen", "step": "sms_9"},
        {"type": "cancel", "at": "+2h", "cancellation_key": "k"},
        {"type": "trigger", "at": "+3h", "workflow": "other", "recipients": ["jane"]},
    )
    assert [refusal.line for refusal in world.refusals] == [1, 2, 3]
    assert "step `sms_9`" in world.refusals[0].reason
    assert world.refusals[2].reason == "there is no workflow `other`"


def test_data_that_the_workflow_does_not_take_is_refused() -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    world = run(environment(sms(), trigger_data_json_schema=schema), trigger(), trigger(data={"n": "one"}))
    assert len(world.runs) == 1
    assert [refusal.reason for refusal in world.refusals] == [
        "workflow `trial` does not take data.n: 'one' is not of type 'integer'"
    ]


def test_preferences_are_replaced_and_decide() -> None:
    no_sms = {"type": "preferences", "recipient": "jane", "preferences": {"channel_types": {"sms": False}}}
    all_again = {"type": "preferences", "recipient": "jane", "at": "+1h", "preferences": {"channel_types": {}}}
    world = run(environment(sms()), no_sms, trigger(), all_again, trigger("+2h", n=2))
    assert sent(world) == [("2:00:00", "2")]
    assert decided(world, "step_skipped") == ["channel type `sms` is false in the recipient's default set"]


def test_a_failing_step_is_tried_again_and_then_ends_its_run() -> None:
    steps = environment(
        sms(text="{{ 1 | divided_by: data.zero }}"), settings=Settings(step_attempts=2, step_retry_delay=60)
    )
    world = run(steps, trigger(data={"zero": 0}), {"type": "identify", "at": "+30s", "recipient": {"id": "jane"}})
    assert [
        str(entry.at.time()) for entry in trace(world) if entry.event.startswith("step_") and "failed" in entry.event
    ] == [
        "09:00:00",
        "09:01:00",
    ]
    assert decided(world, "run_halted") == ["step sms_1 failed 2 times"]


def test_a_call_without_a_response_says_which_one_is_missing() -> None:
    fetch = {
        "ref": "fetch_1",
        "type": "http_fetch",
        "settings": {"method": "get", "url": "https://a.test/{{ data.n }}"},
    }
    world = run(environment(fetch, sms()), trigger())
    assert decided(world, "run_halted") == ["no response is given for GET https://a.test/1, after 1 try"]


def test_responses_are_used_in_their_order() -> None:
    fetch = {"ref": "fetch_1", "type": "http_fetch", "settings": {"method": "get", "url": "https://a.test/x"}}
    responses: list[dict[str, Any]] = [
        {"type": "response", "url": "https://a.test/*", "status": 500},
        {"type": "response", "url": "https://a.test/*", "body": {"n": "fetched"}},
    ]
    assert sent(run(environment(fetch, sms()), trigger(), *responses)) == [("0:00:30", "fetched")]


def test_workflows_do_not_trigger_each_other_without_end() -> None:
    again = {"ref": "again_1", "type": "trigger_workflow", "settings": {"workflow_key": "trial"}}
    world = run(environment(again, settings=Settings(max_nesting=3)), trigger())
    assert len(world.runs) == 4
    assert decided(world, "run_halted") == ["step again_1 failed 3 times"]


def test_a_recipient_who_is_deleted_gets_nothing_more() -> None:
    world = run(environment(delay(), sms()), trigger(), {"type": "delete", "at": "+5m", "recipient": "jane"})
    assert sent(world) == []
    assert decided(world, "run_cancelled") == ["the recipient was deleted"]


def test_an_inactive_workflow_stops_its_runs_when_they_wake() -> None:
    world = run(
        environment(delay(), sms()), trigger(), {"type": "activate", "at": "+5m", "active": False}, trigger("+6m")
    )
    assert decided(world, "run_cancelled") == ["workflow trial is not active any more"]
    assert [refusal.reason for refusal in world.refusals] == ["workflow `trial` is not active"]


def test_a_step_that_fails_takes_back_what_it_has_taken() -> None:
    """The wait's event is still there when its conditions can be evaluated."""
    event = {"event_type": "workflow", "event_key": "started", "source_key": "trial"}
    odd = {"variable": "{{ 1 | divided_by: recipient.zero }}", "operator": "equal_to", "argument": "1"}
    settings = {
        "event": event,
        "expires_after": {"unit": "hours", "value": 1},
        "match_conditions": [{"operator": "and", "conditions": [odd]}],
    }
    wait = {"ref": "wait_1", "type": "wait_for_event", "settings": settings}
    first = {**JANE, "zero": 0}
    world = run(
        environment(wait, sms(), settings=Settings(step_retry_delay=60)),
        trigger(recipients=[first]),
        trigger("+5m", n=2, recipients=["jane"]),
        {"type": "identify", "at": "+5m30s", "recipient": {"id": "jane", "zero": 1}},
        days=0.02,
    )
    assert sent(world) == [("0:06:00", "1")]


def test_the_environment_is_left_as_it_was() -> None:
    within = environment(sms())
    run(within, {"type": "publish", "document": {"name": "Trial", "steps": []}}, {"type": "activate", "active": False})
    assert sent(run(within, trigger())) == [("0:00:00", "1")]


@pytest.mark.parametrize(("frequency", "runs"), [("every_trigger", 3), ("once_per_recipient", 1)])
def test_a_workflow_may_be_entered_once(frequency: str, runs: int) -> None:
    events = (trigger(), trigger("+1h"), trigger("+2h", tenant="acme"))
    assert len(run(environment(sms(), trigger_frequency=frequency), *events).runs) == runs
