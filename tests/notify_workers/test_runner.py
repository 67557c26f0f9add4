from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from threading import Barrier
from typing import Any

import pytest

from notify_workers import queue, resources, runner
from notify_workers.ids import channel_id
from notify_workers.queue import Bell
from notify_workers.store import runs
from notify_workers.store.purges import delete_recipient
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_at, places_of
from workflows.recipients import USERS, Reference

BROKEN = "{{ 1 | divided_by: 0 }}"


def step_bell(engine: Engine) -> Bell:
    """The bell of the only step that is owed; accepts what waits."""
    (accepting,) = engine.bells()
    engine.answer(accepting)
    (bell,) = engine.bells()
    assert bell.task == "run_step"
    return bell


def events(engine: Engine) -> list[tuple[str, Any]]:
    found = engine.rows("select entries from run_log order by run_id, number")
    return [(entry["event"], entry["data"]) for row in found for entry in row.entries]


# Steps and what they leave behind


def test_each_step_is_logged_and_the_run_ends_completed(invite: Engine) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    first_steps = invite.log()
    assert first_steps[:4] == ["step_started", "address_resolved", "rendered", "message_enqueued"]
    assert first_steps[4:] == ["step_completed", "step_started", "step_paused"]
    assert invite.statuses() == {"paused": 1}
    invite.advance(days=3)
    assert invite.log()[7:9] == ["step_resumed", "step_completed"]
    assert invite.log()[-1] == "run_completed"
    assert invite.one("select status, paused_until, error_count from recipient_runs") == ("completed", None, 0)


def test_a_message_carries_its_run_its_content_and_its_events(invite: Engine) -> None:
    trigger_id = invite.trigger("account-invite", ["jane"], data={"a": 1}, tenant="acme")
    invite.drain()
    row = invite.one("select * from messages")
    run = invite.one("select * from recipient_runs")
    assert (row.run_id, row.trigger_id, row.version_id) == (run.id, trigger_id, run.version_id)
    assert (row.step_ref, row.channel_id, row.channel_type) == ("email_1", channel_id("email"), "email")
    assert (row.recipient_id, row.tenant, row.status) == ("jane", "acme", "sent")
    assert row.content["subject"] == "Subject of email_1"
    assert row.recipient_snapshot == {"email": "jane@example.com", "name": "Jane Doe"}
    found = invite.rows("select type from message_events order by number")
    assert [each.type for each in found] == ["message.created", "message.queued", "message.sent"]


def test_a_template_sees_the_trigger_the_people_and_the_workflow(engine: Engine, mail: MailServer) -> None:
    subject = (
        "{{ recipient.name }}|{{ recipient.id }}|{{ actor.name }}|{{ tenant.id }}|{{ data.n }}|{{ n }}"
        "|{{ workflow.key }}|{{ workflow.cancellation_key }}|{{ total_activities }}|{{ activities[0].n }}"
    )
    engine.publish("hello", [email_step(subject=subject)])
    jane = {"id": "jane", "name": "Jane", "email": "jane@example.com"}
    request = {"actor": {"id": "b", "name": "Bob"}, "tenant": "acme", "data": {"n": 7}, "cancellation_key": "k"}
    engine.trigger("hello", [jane], **request)
    engine.drain()
    assert mail.subjects() == ["Jane|jane|Bob|acme|7|7|hello|k|1|7"]


def test_a_skipped_step_lets_the_next_one_run(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", [{"id": "nobody"}], settings={"skip_delay": True})
    invite.drain()
    assert mail.messages == []
    assert invite.log().count("step_skipped") == 3
    assert invite.statuses() == {"completed": 1}


def test_the_sandbox_sends_nothing_and_says_so(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"], settings={"sandbox_mode": True})
    invite.drain()
    invite.advance(days=3)
    assert (mail.messages, mail.connections) == ([], 0)
    assert [row.status for row in invite.rows("select status from messages")] == ["not_sent", "not_sent"]
    types = [row.type for row in invite.rows("select type from message_events order by number")]
    assert types == ["message.created", "message.not_sent"] * 2
    assert (invite.count("delivery_attempts"), invite.count("due")) == (0, 0)


# Delays


@pytest.mark.parametrize(
    ("value", "unit", "lasts"),
    [
        (1, "seconds", {"seconds": 1}),
        (4, "seconds", {"seconds": 4}),
        (6, "seconds", {"seconds": 6}),
        (90, "minutes", {"minutes": 90}),
        (24, "hours", {"hours": 24}),
        (3, "days", {"days": 3}),
        (52, "weeks", {"weeks": 52}),
        (365, "days", {"days": 365}),
    ],
)
def test_a_fixed_delay_lasts_as_long_as_it_says(
    value: int, unit: str, lasts: dict[str, float], engine: Engine, mail: MailServer
) -> None:
    engine.publish("later", [delay_step(unit=unit, value=value), email_step()])
    engine.trigger("later", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    pause = engine.one("select r.paused_until - l.at as time from recipient_runs r join run_log l on l.run_id = r.id")
    assert (pause.time, engine.statuses(), mail.messages) == (timedelta(**lasts), {"paused": 1}, [])
    engine.advance(**lasts)
    engine.release()
    assert (engine.statuses(), len(mail.messages)) == ({"completed": 1}, 1)


def test_a_delay_lasts_to_its_end(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    invite.advance(days=2, hours=23, minutes=59)
    assert mail.subjects() == ["Subject of email_1"]
    invite.advance(minutes=1)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


def test_a_month_is_a_month_of_the_calendar(engine: Engine) -> None:
    engine.publish("later", [delay_step(unit="months", value=1), email_step()])
    engine.trigger("later", ["jane"])
    engine.drain()
    run = engine.one("select paused_until, inserted_at from recipient_runs")
    assert (run.paused_until.month - run.inserted_at.month) % 12 == 1


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(days=40), timedelta(days=364)])
def test_a_delay_until_a_time_in_the_data_ends_at_that_time(ahead: timedelta, engine: Engine, mail: MailServer) -> None:
    until = (datetime.now(UTC) + ahead).replace(microsecond=0)
    settings = {"delay_until_field_path": "data.at"}
    engine.publish("later", [{"ref": "delay_1", "type": "delay", "settings": settings}, email_step()])
    engine.trigger("later", [{"id": "jane", "email": "jane@example.com"}], data={"at": until.isoformat()})
    engine.drain()
    assert engine.one("select paused_until from recipient_runs").paused_until == until
    engine.advance(seconds=ahead.total_seconds() - 10)
    assert mail.messages == []
    engine.advance(seconds=10)
    assert len(mail.messages) == 1


def test_a_delay_relative_to_a_time_in_the_data_ends_before_it(engine: Engine, mail: MailServer) -> None:
    renewal = (datetime.now(UTC) + timedelta(days=10)).replace(microsecond=0)
    settings = {"delay_until_field_path": "recipient.renews_at", "delay_for": {"unit": "days", "value": -3}}
    engine.publish("later", [{"ref": "delay_1", "type": "delay", "settings": settings}, email_step()])
    engine.trigger("later", [{"id": "jane", "email": "jane@example.com", "renews_at": renewal.isoformat()}])
    engine.drain()
    assert engine.one("select paused_until from recipient_runs").paused_until == renewal - timedelta(days=3)
    engine.advance(days=7)
    assert len(mail.messages) == 1


@pytest.mark.parametrize("given", [None, "soon", "2001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", {"unit": "days"}])
def test_a_delay_that_cannot_be_is_skipped_and_counted_as_an_error(
    given: Any, engine: Engine, mail: MailServer
) -> None:
    settings = {"delay_until_field_path": "data.at"}
    engine.publish("later", [{"ref": "delay_1", "type": "delay", "settings": settings}, email_step()])
    engine.trigger("later", [{"id": "jane", "email": "jane@example.com"}], data={"at": given})
    engine.drain()
    assert len(mail.messages) == 1
    assert engine.one("select error_count from recipient_runs").error_count == 1
    assert "delay_invalid" in engine.log()


def test_a_trigger_may_skip_delays(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"], settings={"skip_delay": True})
    invite.drain()
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


def test_delays_one_after_the_other_add_up(engine: Engine, mail: MailServer) -> None:
    engine.publish("later", [delay_step("a", "hours", 1), delay_step("b", "hours", 1), email_step()])
    engine.trigger("later", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    engine.advance(hours=1, seconds=1)
    assert engine.statuses() == {"paused": 1}
    engine.advance(hours=1, seconds=1)
    assert len(mail.messages) == 1


# Bells that come twice, early, late, together or never


def test_every_bell_rung_twice_sends_one_mail_a_step(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    heard = list(answer_all(invite, times=2))
    invite.advance(days=3)
    for bell in heard:
        invite.answer(bell)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]
    assert (invite.count("messages"), invite.count("due")) == (2, 0)


def answer_all(engine: Engine, times: int) -> Iterator[Bell]:
    while bells := list(engine.bells()):
        for bell in [each for each in bells for _ in range(times)]:
            engine.answer(bell)
        yield from bells


@pytest.mark.parametrize("hop", ["accept_triggers", "run_step", "deliver"])
def test_a_bell_answered_by_many_at_once_is_answered_once(hop: str, invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    while (bells := list(invite.bells())) and hop not in map(attrgetter("task"), bells):
        for bell in bells:
            invite.answer(bell)
    together(invite, bells, hands=4)
    invite.drain()
    invite.tick()
    assert mail.subjects() == ["Subject of email_1"]
    assert invite.statuses() == {"paused": 1}


def together(engine: Engine, bells: list[Bell], hands: int) -> None:
    barrier = Barrier(hands * len(bells))

    def answer(bell: Bell) -> None:
        barrier.wait()
        engine.answer(bell)

    with ThreadPoolExecutor(hands * len(bells)) as threads:
        list(threads.map(answer, bells * hands))


def test_a_bell_for_a_step_in_hand_is_over_at_once(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", ["jane"])
    bell, move = step_bell(invite), runs.move

    def meanwhile(*arguments: Any) -> Any:
        assert runner.run_step(*bell.args) == []
        return move(*arguments)

    monkeypatch.setattr(runs, "move", meanwhile)
    invite.answer(bell)
    monkeypatch.undo()
    invite.drain()
    assert mail.subjects() == ["Subject of email_1"]


def test_a_bell_that_comes_too_early_puts_the_step_back(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    row = invite.one("select * from due")
    for _ in range(3):
        runner.run_step(row.id)
    after = invite.one("select * from due")
    assert (after.due_at, after.publish_at, after.step) == (row.due_at, row.due_at - timedelta(seconds=5), "delay_1")
    assert mail.subjects() == ["Subject of email_1"]
    invite.advance(days=3)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


def test_a_bell_for_a_step_long_done_does_nothing(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    bell = step_bell(invite)
    invite.answer(bell)
    invite.drain()
    invite.advance(days=3)
    invite.answer(bell)
    invite.answer(Bell("run_step", (999_999,)))
    assert len(mail.messages) == 2


def test_bells_that_never_come_are_rung_by_the_timers(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", ["jane", "jane"])
    invite.answer(next(invite.bells()))
    for _ in range(4):
        list(invite.bells())
        invite.advance(seconds=16)
    invite.advance(days=3)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


def test_a_bell_that_waits_in_redis_while_the_timers_ring_again_doubles_nothing(
    invite: Engine, mail: MailServer
) -> None:
    invite.trigger("account-invite", ["jane"])
    late = step_bell(invite)
    invite.advance(seconds=16)
    assert mail.subjects() == ["Subject of email_1"]
    invite.answer(late)
    invite.advance(days=3)
    invite.answer(late)
    assert len(mail.messages) == 2


# Failing steps


def retry(engine: Engine, seconds: float) -> None:
    """The pause before the next attempt is over."""
    engine.advance(seconds=seconds)
    engine.release()


def test_a_step_that_fails_is_tried_three_times_then_its_run_is_halted(engine: Engine, mail: MailServer) -> None:
    engine.publish("broken", [email_step("email_1", subject=BROKEN), email_step("email_2")])
    engine.trigger("broken", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert engine.statuses() == {"queued": 1}
    retry(engine, seconds=2)
    retry(engine, seconds=4)
    assert engine.one("select status, error_count from recipient_runs") == ("completed", 3)
    failures = [data for event, data in events(engine) if event in ("step_attempt_failed", "step_failed")]
    assert [each["attempt"] for each in failures] == [1, 2, 3]
    assert {each["code"] for each in failures} == {"template_error"}
    assert "divided_by: can't divide by 0" in failures[0]["message"]
    assert events(engine)[-1] == ("run_halted", {"reason": "step email_1 failed 3 times"})
    assert (mail.messages, engine.count("messages"), engine.count("due")) == ([], 0, 0)


def test_attempts_are_spaced_by_a_doubling_pause(engine: Engine) -> None:
    engine.publish("broken", [email_step(subject=BROKEN)])
    engine.trigger("broken", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    pauses = []
    wait = "select extract(epoch from d.due_at - r.updated_at)::float8 as pause from due d join recipient_runs r on r.id = d.run_id"
    while due := engine.rows(wait):
        pauses.append(due[0].pause)
        retry(engine, due[0].pause)
    assert pauses == [2, 4]


def test_a_step_that_recovers_goes_on_and_its_attempts_start_over(engine: Engine, mail: MailServer) -> None:
    layout = {"name": "Plain", "html_layout": "{{ content }}", "text_layout": "{{ content }}", "footer_links": []}
    with resources.configuration() as tx:
        resources.publish_layout(tx, DEVELOPMENT, "plain", layout)
    engine.publish("hello", [email_step("a", settings={"layout_key": "missing"}), email_step("b")])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert [data["code"] for event, data in events(engine) if event == "step_attempt_failed"] == ["step_failed"]
    with resources.configuration() as tx:
        resources.publish_layout(tx, DEVELOPMENT, "missing", layout)
    retry(engine, seconds=2)
    assert mail.subjects() == ["Subject of a", "Subject of b"]
    assert engine.one("select status, error_count from recipient_runs") == ("completed", 1)
    assert [row.attempt for row in engine.rows("select attempt from run_log order by number")] == [1, 2, 1]


def test_a_failing_step_leaves_nothing_half_done(
    engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.publish("hello", [email_step()])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("of an unexpected kind")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "told", fail)
        engine.drain()
    assert (engine.count("messages"), engine.count("message_events"), mail.messages) == (0, 0, [])
    retry(engine, seconds=2)
    assert len(mail.messages) == 1
    assert engine.one("select error_count from recipient_runs").error_count == 1


def test_an_unexpected_kind_of_error_halts_the_run_alike(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.publish("hello", [email_step()])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])

    def fail(*arguments: object) -> None:
        raise RecursionError("of an unexpected kind")

    monkeypatch.setattr(runner, "drive", fail)
    engine.drain()
    retry(engine, seconds=2)
    retry(engine, seconds=4)
    assert engine.one("select status, error_count from recipient_runs") == ("completed", 3)
    assert events(engine)[-2][1]["code"] == "RecursionError"


def test_a_step_whose_outcome_the_database_refuses_halts_the_run_alike(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.publish("hello", [email_step()])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    monkeypatch.setattr(runner, "told", lambda outcome, execution: execution.log("nul", {"text": "\0"}))
    engine.drain()
    retry(engine, seconds=2)
    retry(engine, seconds=4)
    assert engine.one("select status, error_count from recipient_runs") == ("completed", 3)
    assert (engine.count("messages"), engine.count("due")) == (0, 0)


def test_what_the_database_refuses_does_not_reach_the_log(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    engine.publish("hello", [email_step(html_body="<p>pin-1234 {{ data.nul | url_decode }}</p>")])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}], data={"nul": "%00"})
    engine.drain()
    assert "step email_1 of run" in caplog.text
    assert "pin-1234" not in caplog.text
    assert "pin-1234" not in repr(events(engine))


def test_a_failure_is_not_counted_against_a_step_that_somebody_else_has_executed(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.publish("account-invite", [delay_step(), email_step()])
    invite.trigger("account-invite", ["jane"])
    bell = step_bell(invite)
    fail = runner._fail

    def overtaken(*arguments: Any) -> None:
        monkeypatch.undo()
        invite.answer(bell)
        fail(*arguments)

    def refused(*arguments: object) -> None:
        raise KeyError

    monkeypatch.setattr(runner, "_settle", refused)
    monkeypatch.setattr(runner, "_fail", overtaken)
    invite.answer(bell)
    assert (invite.statuses(), "step_attempt_failed" in invite.log()) == ({"paused": 1}, False)
    invite.advance(days=2)
    assert mail.messages == []


def test_a_workflow_that_does_not_compile_any_more_halts_its_runs(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    invite.rows("update resource_versions set content = '{}' returning id")
    invite.rows("update catalog set number = number + 1 returning number")
    invite.advance(days=3)
    retry(invite, seconds=2)
    retry(invite, seconds=4)
    assert invite.statuses() == {"completed": 1}
    assert invite.count("due") == 0


def test_the_body_of_a_mail_never_reaches_the_log(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="notify_workers")
    engine.publish("hello", [email_step(html_body="<p>{{ data.pin }}</p>")])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}], data={"pin": "pin-1234"})
    engine.drain()
    assert "pin-1234" not in caplog.text


# What changes while a run is paused


def test_a_workflow_deactivated_meanwhile_ends_its_paused_runs(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    resources.set_workflow_active(DEVELOPMENT, "account-invite", False)
    invite.advance(days=3)
    assert mail.subjects() == ["Subject of email_1"]
    assert invite.statuses() == {"cancelled": 1}
    assert events(invite)[-1] == ("run_cancelled", {"reason": "workflow account-invite is not active any more"})
    assert invite.count("due") == 0


def test_a_workflow_deactivated_and_activated_again_meanwhile_goes_on(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    for active in (False, True):
        resources.set_workflow_active(DEVELOPMENT, "account-invite", active)
    invite.advance(days=3)
    assert len(mail.messages) == 2


def test_a_recipient_deleted_meanwhile_gets_no_reminder(invite: Engine, mail: MailServer) -> None:
    invite.identify("bob", email="bob@example.com")
    invite.trigger("account-invite", ["jane", "bob"])
    invite.drain()
    with transaction() as tx:
        delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))
    invite.advance(days=3)
    assert mail.subjects("jane@example.com") == ["Subject of email_1"]
    assert mail.subjects("bob@example.com") == ["Subject of email_1", "Subject of email_2"]
    assert (invite.statuses(), invite.count("due")) == ({"completed": 1}, 0)


def test_editing_a_workflow_changes_nothing_for_a_paused_run(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    edited = [email_step("email_1"), delay_step(), email_step("email_2", subject="Edited")]
    invite.publish("account-invite", edited)
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    invite.advance(days=3)
    assert mail.subjects()[:2] == ["Subject of email_1", "Subject of email_1"]
    assert sorted(mail.subjects()[2:]) == ["Edited", "Subject of email_2"]


def test_a_step_removed_from_the_workflow_is_still_executed_by_a_paused_run(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    invite.publish("account-invite", [email_step("email_9")])
    invite.advance(days=3)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


def test_what_is_known_of_a_recipient_is_read_when_the_step_runs(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    invite.identify("jane", email="new@example.com")
    invite.advance(days=3)
    assert [each["To"] for each in mail.messages] == ["jane@example.com", "new@example.com"]


# Crashes


def test_a_crash_between_the_commit_and_the_bell_costs_a_lease_and_no_mail(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", ["jane"])
    bell = step_bell(invite)
    with monkeypatch.context() as patched:
        patched.setattr(queue, "ring", lambda bells: None)
        invite.answer(bell)
    assert list(invite.bells()) == []
    invite.advance(seconds=16)
    assert mail.subjects() == ["Subject of email_1"]
    assert invite.statuses() == {"paused": 1}


def test_a_kill_between_any_two_lines_of_a_step_loses_and_doubles_nothing(invite: Engine) -> None:
    invite.publish("account-invite", [email_step("email_1"), email_step("email_2")])
    warm, *_ = step_bells(invite, 1)
    places = places_of(lambda: invite.answer(warm))
    invite.drain()
    bells = step_bells(invite, len(places))
    killed = [killed_at(place, partial(invite.answer, bell)) for place, bell in zip(places, bells, strict=True)]
    assert sum(killed) > 0.9 * len(places)
    list(invite.bells())
    invite.advance(minutes=1)
    each = "select count(*) as number from messages group by run_id, step_ref"
    assert [row.number for row in invite.rows(each)] == [1] * 2 * (len(places) + 1)
    assert (invite.statuses(), invite.count("due")) == ({"completed": len(places) + 1}, 0)


def step_bells(engine: Engine, number: int) -> list[Bell]:
    """The first steps of that many runs, in the sandbox."""
    people = [{"id": f"u{each}", "email": f"u{each}@example.com"} for each in range(number)]
    engine.trigger("account-invite", people, settings={"sandbox_mode": True})
    (accepting,) = engine.bells()
    engine.answer(accepting)
    return [each for each in engine.bells() if each.task == "run_step"]
