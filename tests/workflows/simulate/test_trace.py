"""Traces: neutral, in order, and comparable."""

from __future__ import annotations

import json

from tests.workflows.simulate.worlds import batch, delay, environment, run, sms, trace, trigger
from workflows.simulate.trace import as_lines, difference


def test_a_trace_names_no_identifiers() -> None:
    world = run(environment(batch(), sms()), trigger(), trigger("+5m"))
    found = [entry.as_json() for entry in trace(world)]
    opened, joined = (each["detail"] for each in found if each["event"] in ("batch_opened", "batch_joined"))
    assert (opened["window_id"], joined["window_id"]) == ("window 1", "window 1")
    assert {"reason": "1 message was created: message 1"} in [each.get("detail") for each in found]


def test_entries_are_ordered_by_time_and_age_of_their_run() -> None:
    world = run(environment(delay(), sms()), trigger(), trigger(), trigger("+30m"))
    assert [entry.run for entry in trace(world) if entry.event == "message.sent"] == [1, 2, 3]
    assert [entry.at for entry in trace(world)] == sorted(entry.at for entry in trace(world))


def test_a_saved_line_says_what_came_of_something() -> None:
    world = run(environment(sms()), trigger())
    lines = [json.loads(line) for line in as_lines(trace(world))]
    assert [line["event"] for line in lines] == ["run_started", "step_completed", "run_completed", "message.sent"]
    assert lines[-1]["detail"].keys() == {"message", "channel", "content"}


def test_other_content_is_another_trace() -> None:
    saved = "\n".join(as_lines(trace(run(environment(sms(text="a")), trigger()))))
    same = as_lines(trace(run(environment(sms(text="a")), trigger())))
    other = as_lines(trace(run(environment(sms(text="b")), trigger())))
    assert difference(saved, same, "saved") == ""
    changed = difference(saved, other, "saved").splitlines()
    assert changed[:2] == ["--- saved", "+++ this simulation"]
    assert [line[0] for line in changed[3:]] == [" ", "-", "+"]
