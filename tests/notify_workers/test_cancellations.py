from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import text

from notify_workers import cancellations, delivery, fanout, pending, queue, runner, smtp
from notify_workers.cancellations import CancellationKey
from notify_workers.errors import StoreUnavailable
from notify_workers.queue import Bell
from notify_workers.redis_client import client
from notify_workers.settings import settings
from notify_workers.store import cancellations as rows
from notify_workers.store import runs
from notify_workers.store.purges import delete_recipient
from notify_workers.store.session import Transaction, transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away
from tests.notify_workers.kill import Killed, killed_at, places_of
from workflows.recipients import USERS, Reference

ChangeSettings = Callable[..., None]
KEY = CancellationKey(DEVELOPMENT, "account-invite", "k")
JANE = Reference(USERS, "jane")


def people(number: int) -> list[dict[str, Any]]:
    return [{"id": f"u{each}", "email": f"u{each}@example.com"} for each in range(number)]


def paused(engine: Engine, number: int = 1, key: str = "k") -> None:
    """That many runs which wait for their reminder."""
    engine.trigger("account-invite", people(number), cancellation_key=key)
    engine.drain()


def next_bell(engine: Engine, task: str) -> Bell:
    """Answers bells until one of that task comes."""
    while bells := list(engine.bells()):
        for bell in bells:
            if bell.task == task:
                return bell
            engine.answer(bell)
    raise AssertionError(f"no bell for {task}")


def cancel_within(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, cancel: Callable[[], object]) -> None:
    """The next time that `place.name` is called, somebody cancels just before."""
    original = getattr(place, name)

    def cancelling(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(place, name, original)
        cancel()
        return original(*arguments, **named)

    monkeypatch.setattr(place, name, cancelling)


def settle(engine: Engine) -> None:
    """Everything in hand is taken over, and days pass."""
    engine.drain()
    engine.expire_leases()
    engine.advance(days=4)
    assert engine.count("due") == 0


# Runs that wait


def test_cancelling_stops_every_paused_run_and_counts_them(invite: Engine, mail: MailServer) -> None:
    paused(invite, 3)
    assert invite.cancel("account-invite", "k") == 3
    run = invite.rows("select status, paused_until, cancelled_at is not null as dated from recipient_runs")
    assert [tuple(each) for each in run] == [("cancelled", None, True)] * 3
    assert invite.log().count("run_cancelled") == 3
    settle(invite)
    assert set(mail.subjects()) == {"Subject of email_1"}


def test_cancelling_again_stops_nothing_more(invite: Engine) -> None:
    paused(invite)
    assert [invite.cancel("account-invite", "k") for _ in range(3)] == [1, 0, 0]
    assert invite.log().count("run_cancelled") == 1


def test_finished_runs_stay_completed(invite: Engine) -> None:
    paused(invite)
    invite.advance(days=3)
    assert invite.cancel("account-invite", "k") == 0
    assert invite.statuses() == {"completed": 1}


def test_all_triggers_made_with_the_key_are_cancelled(invite: Engine) -> None:
    for _ in range(3):
        paused(invite)
    assert invite.cancel("account-invite", "k") == 3


def test_only_the_recipients_named_are_cancelled(invite: Engine, mail: MailServer) -> None:
    paused(invite, 4)
    assert invite.cancel("account-invite", "k", "u1", "u3", "stranger") == 2
    settle(invite)
    assert [mail.subjects(f"u{each}@example.com")[1:] for each in range(4)] == [
        ["Subject of email_2"],
        [],
        ["Subject of email_2"],
        [],
    ]


def test_an_object_is_told_from_the_user_of_the_same_id(invite: Engine) -> None:
    invite.trigger("account-invite", ["p1", {"id": "p1", "collection": "projects"}], cancellation_key="k")
    invite.drain()
    assert cancellations.cancel(KEY, [Reference("projects", "p1")]) == 1
    found = invite.one("select collection from recipient_runs where status = 'cancelled'")
    assert found.collection == "projects"


def test_the_same_key_means_something_else_for_another_workflow(invite: Engine) -> None:
    invite.publish("other", [email_step()])
    paused(invite)
    assert invite.cancel("other", "k") == 0
    assert invite.statuses() == {"paused": 1}


def test_a_key_can_be_used_again(invite: Engine, mail: MailServer) -> None:
    paused(invite)
    invite.cancel("account-invite", "k")
    paused(invite)
    invite.cancel("account-invite", "k", "somebody else")
    settle(invite)
    assert invite.statuses() == {"cancelled": 1, "completed": 1}
    assert mail.subjects() == ["Subject of email_1"] * 2 + ["Subject of email_2"]


def test_keys_may_hold_any_character(invite: Engine) -> None:
    for key in ("a:b", "ключ 🔑", "'; drop table due; --", "x" * 255, "%s{}\n"):
        paused(invite, key=key)
        assert invite.cancel("account-invite", key) == 1


# Runs that do not wait yet


def test_a_trigger_still_waiting_to_be_accepted_is_cancelled_too(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", people(2), cancellation_key="k")
    assert invite.cancel("account-invite", "k") is None
    invite.answer(next_bell(invite, "accept_triggers"))
    assert (invite.statuses(), invite.count("due"), list(invite.bells())) == ({"cancelled": 2}, 0, [])
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 2})


def test_of_a_trigger_still_waiting_only_those_named_are_cancelled(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", people(3), cancellation_key="k")
    assert invite.cancel("account-invite", "k", "u1") is None
    settle(invite)
    assert invite.statuses() == {"cancelled": 1, "completed": 2}
    assert mail.subjects("u1@example.com") == []


def test_a_trigger_made_after_the_cancellation_lives_also_when_accepted_with_an_earlier_one(
    invite: Engine, mail: MailServer
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    invite.cancel("account-invite", "k")
    invite.trigger("account-invite", ["jane"], cancellation_key="k")
    settle(invite)
    assert invite.statuses() == {"cancelled": 1, "completed": 1}
    assert {str(each["To"]) for each in mail.messages} == {"jane@example.com"}


def test_a_trigger_made_while_a_cancellation_is_being_written_lives(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused(invite)
    cancel_within(monkeypatch, rows, "lock", lambda: paused(invite))
    assert invite.cancel("account-invite", "k") == 1
    settle(invite)
    assert invite.statuses() == {"cancelled": 1, "completed": 1}


def test_a_trigger_still_being_fanned_out_is_cancelled_to_its_end(
    invite: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=2)
    invite.trigger("account-invite", people(7), cancellation_key="k")
    invite.answer(next_bell(invite, "accept_triggers"))
    invite.answer(next_bell(invite, "fan_out"))
    assert invite.cancel("account-invite", "k") is None
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 7})


def test_a_cancellation_within_the_acceptance_wins(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(2), cancellation_key="k")
    cancel_within(monkeypatch, rows, "lock", lambda: invite.cancel("account-invite", "k"))
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 2})


@pytest.mark.parametrize("task", ["accept_triggers", "fan_out"])
def test_a_cancellation_waits_for_a_fan_out_that_holds_the_key(
    task: str, invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=2)
    invite.trigger("account-invite", people(4), cancellation_key="k")
    bell, cancelling = next_bell(invite, task), Cancelling(invite)
    cancel_within(monkeypatch, fanout, "insert_runs", cancelling.start)
    invite.answer(bell)
    cancelling.stopped()
    client().delete(KEY.token())
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 4})


class Cancelling:
    """A cancellation by somebody else, who has to wait for a lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._result: list[int | None] = []
        self._thread = Thread(target=lambda: self._result.append(engine.cancel("account-invite", "k")))

    def start(self) -> None:
        """Returns when the cancellation waits, or is done because there is nothing to wait for."""
        self._thread.start()
        waiting = "select count(*) as number from pg_stat_activity where wait_event_type = 'Lock'"
        while self._thread.is_alive() and not self.engine.one(waiting).number:
            pass

    def stopped(self) -> int | None:
        self._thread.join(10)
        return self._result[0]


# Steps and deliveries in hand


def test_a_step_in_hand_does_nothing_when_its_run_is_cancelled(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "run_step")
    counted: list[int | None] = []
    cancel_within(monkeypatch, runner, "advance", lambda: counted.append(invite.cancel("account-invite", "k")))
    invite.answer(bell)
    assert counted == [1]
    assert (invite.count("messages"), invite.statuses(), invite.count("due")) == (0, {"cancelled": 1}, 0)
    assert "step_started" not in invite.log()


def test_a_cancellation_waits_for_a_step_that_has_written_its_outcome(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "run_step")
    cancelling, move = Cancelling(invite), runs.move

    def slowly(*arguments: Any) -> Any:
        bells = move(*arguments)
        cancelling.start()
        return bells

    with monkeypatch.context() as patched:
        patched.setattr(runs, "move", slowly)
        invite.answer(bell)
    assert cancelling.stopped() == 1
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 1})
    assert [row.status for row in invite.rows("select status from messages")] == ["not_sent"]


def test_a_step_is_stopped_by_the_token_before_the_row_is_written(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "run_step")
    cancel_within(monkeypatch, rows, "lock", lambda: invite.answer(bell))
    invite.cancel("account-invite", "k")
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 1})


@pytest.mark.parametrize("flushed", [False, True])
def test_a_delivery_whose_intent_is_written_is_not_sent_when_its_run_is_cancelled(
    flushed: bool, invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "deliver")

    def cancel() -> None:
        invite.cancel("account-invite", "k")
        if flushed:
            client().flushdb()

    cancel_within(monkeypatch, delivery, "_revoked", cancel)
    invite.answer(bell)
    attempt = invite.one("select outcome, reason from delivery_attempts")
    assert (attempt.outcome, mail.messages) == ("cancelled", [])
    assert invite.one("select status from messages").status == "not_sent"
    events = invite.rows("select type, data from message_events order by number")
    assert tuple(events[-1]) == ("message.not_sent", {"reason": "cancelled"})
    settle(invite)


def test_a_mail_already_on_its_way_arrives_and_nothing_after_it(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "deliver")
    cancel_within(monkeypatch, smtp, "submit", lambda: invite.cancel("account-invite", "k"))
    invite.answer(bell)
    settle(invite)
    assert mail.subjects() == ["Subject of email_1"]
    assert (invite.one("select status from messages").status, invite.statuses()) == ("sent", {"cancelled": 1})


def test_a_failed_attempt_is_not_repeated_when_its_run_was_cancelled_meanwhile(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.answer_to_rcpt = lambda address: "450 not now"
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "deliver")
    cancel_within(monkeypatch, smtp, "submit", lambda: invite.cancel("account-invite", "k"))
    invite.answer(bell)
    assert invite.one("select status from messages").status == "not_sent"
    assert invite.rows("select type from message_events order by number")[-1].type == "message.not_sent"
    mail.reset()
    settle(invite)
    assert mail.messages == []


def test_a_delivery_that_waits_for_its_next_attempt_is_cancelled(invite: Engine, mail: MailServer) -> None:
    mail.answer_to_rcpt = lambda address: "450 not now"
    paused(invite)
    assert invite.cancel("account-invite", "k") == 1
    message = invite.one("select id, status from messages")
    events = invite.rows("select id, type, data from message_events order by number")
    assert (message.status, events[-1].type) == ("not_sent", "message.not_sent")
    assert events[-1].data == {"reason": "cancelled", "cancellation_key": "k"}
    assert len(events[-1].id) == 27
    mail.reset()
    settle(invite)
    assert mail.messages == []


def test_an_attempt_cut_off_by_a_crash_stays_unknown_when_its_run_is_cancelled(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "deliver")

    def die(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "settlement", die)
        with pytest.raises(Killed):
            invite.answer(bell)
    invite.expire_leases()
    invite.cancel("account-invite", "k")
    settle(invite)
    assert len(mail.messages) == 1
    assert invite.one("select outcome from delivery_attempts").outcome == "unknown"


def test_two_bells_for_a_cancelled_delivery_tell_of_it_once(invite: Engine) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "deliver")
    invite.rows("update recipient_runs set cancelled_at = now() returning id")
    barrier = Barrier(4)

    def answer(_: int) -> None:
        barrier.wait()
        invite.answer(bell)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(answer, range(4)))
    types = [row.type for row in invite.rows("select type from message_events order by number")]
    assert types == ["message.created", "message.queued", "message.not_sent"]


# Stores that fail


def test_redis_flushed_right_after_changes_nothing(invite: Engine, mail: MailServer) -> None:
    paused(invite)
    invite.cancel("account-invite", "k")
    client().flushdb()
    settle(invite)
    assert mail.subjects() == ["Subject of email_1"]


def test_redis_flushed_while_a_cancelled_trigger_is_fanned_out_changes_nothing(
    invite: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=2)
    invite.trigger("account-invite", people(5), cancellation_key="k")
    invite.answer(next_bell(invite, "accept_triggers"))
    invite.cancel("account-invite", "k")
    client().flushdb()
    for _ in range(3):
        invite.advance(minutes=1)
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 5})


def test_redis_flushed_while_a_step_is_in_hand_changes_nothing(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "run_step")

    def cancel() -> None:
        invite.cancel("account-invite", "k")
        client().flushdb()

    cancel_within(monkeypatch, runner, "_stopped", cancel)
    invite.answer(bell)
    settle(invite)
    assert (mail.messages, invite.statuses()) == ([], {"cancelled": 1})


def test_while_redis_is_away_the_rows_tell_who_is_cancelled(
    invite: Engine, mail: MailServer, redis_away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused(invite, 2)
    invite.cancel("account-invite", "k", "u0")
    invite.rows("update recipient_runs set cancelled_at = null, status = 'paused' returning id")
    for run in invite.rows("select id, trigger_id from recipient_runs where recipient_id = 'u0'"):
        owe = "insert into due (kind, environment_id, trigger_id, run_id, step, due_at, publish_at) values"
        invite.rows(
            owe + " ('step', :env, :trigger, :run, 'delay_1', now(), now()) returning id",
            env=DEVELOPMENT,
            trigger=run.trigger_id,
            run=run.id,
        )
    invite.rows("update due set due_at = now() returning id")
    with redis_away():
        for row in invite.rows("select id from due"):
            runner.run_step(row.id)
    found = {row.recipient_id: row.status for row in invite.rows("select recipient_id, status from recipient_runs")}
    assert found == {"u0": "cancelled", "u1": "processing"}


def test_while_redis_is_away_steps_and_mails_go_on_and_bells_come_later(
    invite: Engine, mail: MailServer, redis_away: Away
) -> None:
    invite.trigger("account-invite", people(1), cancellation_key="k")
    bell = next_bell(invite, "run_step")
    with redis_away():
        invite.answer(bell)
    invite.advance(seconds=16)
    assert mail.subjects() == ["Subject of email_1"]


def test_while_redis_is_away_nothing_can_be_cancelled(invite: Engine, mail: MailServer, redis_away: Away) -> None:
    paused(invite)
    with redis_away(), pytest.raises(StoreUnavailable, match="Redis"):
        invite.cancel("account-invite", "k")
    assert (invite.statuses(), invite.count("cancellations")) == ({"paused": 1}, 0)


def test_while_the_database_is_away_nothing_is_cancelled(invite: Engine, mail: MailServer, database_away: Away) -> None:
    paused(invite)
    with database_away(), pytest.raises(StoreUnavailable):
        invite.cancel("account-invite", "k")
    assert list(client().scan_iter("doorbell:revoked:*")) == []
    invite.advance(days=3)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


def test_a_connection_that_dies_within_a_cancellation_cancels_nothing(
    invite: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused(invite)
    stop_runs = rows.stop_runs

    def dying(tx: Transaction, *arguments: Any) -> Any:
        stopped = stop_runs(tx, *arguments)
        tx.run(text("select pg_terminate_backend(pg_backend_pid())"))
        return stopped

    with monkeypatch.context() as patched:
        patched.setattr(rows, "stop_runs", dying)
        with pytest.raises(StoreUnavailable):
            invite.cancel("account-invite", "k")
    assert list(client().scan_iter("doorbell:revoked:*")) == []
    assert invite.cancel("account-invite", "k") == 1


def test_a_failed_cancellation_leaves_an_earlier_token_standing(invite: Engine, database_away: Away) -> None:
    cancellations.cancel(KEY, [JANE])
    earlier = int(client().get(KEY.token(JANE)) or 0)
    with database_away(), pytest.raises(StoreUnavailable):
        cancellations.cancel(KEY, [JANE, Reference(USERS, "bob")])
    assert [each.decode() for each in client().scan_iter("doorbell:revoked:*")] == [KEY.token(JANE)]
    assert client().pttl(KEY.token(JANE)) > 0
    assert cancellations.revoked(KEY, JANE, earlier - 1) == earlier
    assert cancellations.revoked(KEY, JANE, earlier) is None


def test_a_failed_cancellation_takes_back_no_token_of_a_later_one(
    invite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused(invite)

    def overtaken(*arguments: object) -> None:
        monkeypatch.undo()
        invite.cancel("account-invite", "k")
        raise StoreUnavailable("of the first")

    monkeypatch.setattr(rows, "lock", overtaken)
    with pytest.raises(StoreUnavailable):
        invite.cancel("account-invite", "k")
    assert [each.decode() for each in client().scan_iter("doorbell:revoked:*")] == [KEY.token()]
    assert invite.statuses() == {"cancelled": 1}


def test_a_token_lives_as_long_as_the_settings_say(invite: Engine) -> None:
    cancellations.cancel(KEY, [JANE])
    left = client().pttl(KEY.token(JANE))
    assert 0.99 < left / (settings().token_lifetime * 1000) <= 1


# Many at once


def test_cancellations_at_once_wait_for_each_other_and_count_each_run_once(invite: Engine) -> None:
    paused(invite, 20)
    barrier = Barrier(8)

    def cancel(number: int) -> int:
        barrier.wait()
        scope = [f"u{each}" for each in range(20)] if number % 2 else []
        return invite.cancel("account-invite", "k", *reversed(scope)) or 0

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(cancel, range(8))) == 20
    assert invite.statuses() == {"cancelled": 20}


def test_cancelling_deleting_and_running_at_once_deadlock_nobody(invite: Engine, mail: MailServer) -> None:
    for key in ("a", "b", "a", "b"):
        paused(invite, 10, key)
    invite.advance(days=2, hours=23, minutes=59, seconds=58)
    invite.rows("update due set due_at = now() returning id")
    steps: list[Callable[[], object]] = [
        partial(runner.run_step, row.id) for row in invite.rows("select id from due order by id")
    ]
    cancels: list[Callable[[], object]] = [
        partial(invite.cancel, "account-invite", key, *scope) for key in "ab" for scope in ([], ["u3", "u1"])
    ]
    with ThreadPoolExecutor(12) as threads:
        for future in [threads.submit(work) for work in [*steps[:20], *cancels, *map(delete, range(10)), *steps[20:]]]:
            future.result(20)
    settle(invite)
    assert set(invite.statuses()) <= {"cancelled", "completed"}


def delete(number: int) -> Callable[[], None]:
    def work() -> None:
        with transaction() as tx:
            delete_recipient(tx, DEVELOPMENT, Reference(USERS, f"u{number}"))

    return work


# Crashes


def test_a_kill_between_any_two_lines_of_a_cancellation_can_be_repeated(invite: Engine) -> None:
    def paused_in_the_sandbox(key: str) -> None:
        invite.trigger("account-invite", ["jane"], cancellation_key=key, settings={"sandbox_mode": True})
        invite.drain()

    paused_in_the_sandbox("warm")
    places = places_of(partial(invite.cancel, "account-invite", "warm"))
    for number, place in enumerate(places):
        paused_in_the_sandbox(f"k{number}")
        killed_at(place, partial(invite.cancel, "account-invite", f"k{number}"))
        assert invite.cancel("account-invite", f"k{number}") in (0, 1)
    settle(invite)
    assert invite.statuses() == {"cancelled": len(places) + 1}
    assert {row.step_ref for row in invite.rows("select step_ref from messages")} == {"email_1"}


def test_the_answer_says_nothing_while_anybodys_trigger_still_waits(invite: Engine) -> None:
    paused(invite)
    invite.trigger("account-invite", ["jane"])
    assert invite.cancel("account-invite", "k") is None
    invite.drain()
    assert (pending.count(), invite.cancel("account-invite", "k")) == (0, 0)
    assert queue.length(queue.ACCEPT) == 0
