from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from doorbell.embedded import free_port
from notify_workers import delivery, resources, settlements, smtp
from notify_workers.providers import SmtpReply, SmtpSubmission
from notify_workers.queue import Bell
from notify_workers.settings import Settings, settings
from notify_workers.store import deliveries, due
from notify_workers.store.deliveries import Attempt
from notify_workers.store.environments import set_channel
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import Killed, killed_at, places_of

ChangeSettings = Callable[..., None]
JANE = {"id": "jane", "email": "jane@example.com", "name": "Jane"}


@pytest.fixture
def hello(engine: Engine) -> Engine:
    """One mail, nothing else."""
    engine.publish("hello", [email_step()])
    return engine


def set_mail_channel(**changes: Any) -> None:
    """The mail channel with other settings."""
    with resources.configuration() as tx:
        known = tx.one(
            text("select settings from channels where environment_id = :env and key = 'email'"), env=DEVELOPMENT
        )
        merged = {**known.settings, **changes}
        set_channel(tx, DEVELOPMENT, "email", name="Mail", type="email", provider="smtp", settings=merged)


def delivery_bell(engine: Engine, workflow: str = "hello", recipient: Any = JANE, **request: Any) -> Bell:
    """The bell of the delivery that a new trigger leads to."""
    engine.trigger(workflow, [recipient], **request)
    while bells := list(engine.bells()):
        for bell in bells:
            if bell.task == "deliver":
                return bell
            engine.answer(bell)
    raise AssertionError("nothing is to be delivered")


def message(engine: Engine) -> Any:
    return engine.one("select * from messages")


def attempts(engine: Engine) -> list[Attempt]:
    with transaction() as tx:
        return deliveries.attempts(tx, message(engine).id)


def events(engine: Engine) -> list[tuple[str, Any]]:
    return [tuple(each) for each in engine.rows("select type, data from message_events order by number")][2:]


def exhaust(engine: Engine) -> None:
    """Time passes until nothing is owed any more."""
    while engine.count("due"):
        engine.advance(minutes=20)
        engine.release()


# What an outcome makes of a message


def test_an_accepted_message_is_sent(hello: Engine, mail: MailServer) -> None:
    hello.trigger("hello", [JANE])
    hello.drain()
    (attempt,) = attempts(hello)
    assert (attempt.attempt, attempt.outcome, attempt.provider) == (1, "sent", "smtp")
    assert attempt.finished_at is not None
    assert attempt.started_at <= attempt.finished_at
    assert events(hello) == [("message.sent", None)]
    row = message(hello)
    assert (row.status, row.metadata) == ("sent", {"external_id": row.id})
    assert mail.messages[0]["Message-ID"] == f"<{row.id}@doorbell.test>"


@pytest.mark.parametrize(
    ("said", "status", "event", "failure"),
    [
        ("550 5.1.1 no such user", "bounced", "message.bounced", "bounced"),
        ("553 5.1.3 bad address", "bounced", "message.bounced", "bounced"),
        ("552 5.2.2 mailbox full", "undelivered", "message.undelivered", "fatal_error"),
        ("554 5.7.1 blocked", "undelivered", "message.undelivered", "fatal_error"),
    ],
)
def test_a_refused_address_is_told_from_another_refusal(
    said: str, status: str, event: str, failure: str, hello: Engine, mail: MailServer
) -> None:
    mail.answer_to_rcpt = lambda address: said
    hello.trigger("hello", [JANE])
    hello.drain()
    (found,) = events(hello)
    assert (message(hello).status, found[0], found[1]["failure_reason"]) == (status, event, failure)
    assert said in found[1]["failure_details"]
    assert (len(attempts(hello)), hello.count("due")) == (1, 0)


def test_a_refused_message_is_not_delivered_and_not_a_bounce(hello: Engine, mail: MailServer) -> None:
    mail.answer_to_data = lambda envelope: "550 5.7.1 spam"
    hello.trigger("hello", [JANE])
    hello.drain()
    assert message(hello).status == "undelivered"
    assert events(hello)[0][1]["failure_reason"] == "fatal_error"


@pytest.mark.parametrize("weather", ["greylisted", "later", "closed", "unreachable"])
def test_what_may_be_better_later_is_tried_again_later(weather: str, hello: Engine, mail: MailServer) -> None:
    if weather == "greylisted":
        mail.answer_to_rcpt = lambda address: "450 4.7.1 greylisted"
    elif weather == "later":
        mail.answer_to_data = lambda envelope: "451 4.3.0 try later"
    elif weather == "closed":
        mail.answer_to_rcpt = lambda address: "421 4.3.2 closing"
    else:
        set_mail_channel(port=free_port())
    hello.trigger("hello", [JANE])
    hello.drain()
    assert message(hello).status == "delivery_attempted"
    ((event, data),) = events(hello)
    assert (event, data["attempt"], data["max_attempts"], data["retryable"]) == (
        "message.delivery_attempted",
        1,
        8,
        True,
    )
    mail.reset()
    set_mail_channel(port=mail.port)
    hello.advance(seconds=18)
    hello.release()
    assert (message(hello).status, len(mail.messages)) == ("sent", 1)
    assert [each.outcome for each in attempts(hello)] == ["retry", "sent"]


def test_after_eight_attempts_within_half_an_hour_a_message_is_given_up(hello: Engine, mail: MailServer) -> None:
    mail.answer_to_rcpt = lambda address: "450 4.7.1 not now"
    hello.trigger("hello", [JANE])
    hello.drain()
    gaps = []
    gap = (
        "select extract(epoch from d.due_at - a.finished_at)::float8 as gap"
        " from due d join delivery_attempts a on a.attempt = d.attempt - 1"
    )
    while owed := hello.rows(gap):
        gaps.append(owed[0].gap)
        hello.advance(seconds=owed[0].gap)
        hello.release()
    assert [each.outcome for each in attempts(hello)] == ["retry"] * 8
    assert all(0.7 < gap / (1800 / 127 * 2**number) < 1.3 for number, gap in enumerate(gaps))
    assert [each[0] for each in events(hello)] == ["message.delivery_attempted"] * 7 + ["message.undelivered"]
    assert [data["attempt"] for _, data in events(hello)[:-1]] == [1, 2, 3, 4, 5, 6, 7]
    assert events(hello)[-1][1]["failure_reason"] == "retries_exhausted"
    assert (message(hello).status, hello.count("due")) == ("undelivered", 0)


@given(st.randoms(use_true_random=False))
def test_the_pauses_between_attempts_fill_half_an_hour_give_or_take(seed: random.Random) -> None:
    configured = Settings()
    random.seed(seed.random())
    pauses = [settlements.backoff(attempt) for attempt in range(1, configured.delivery_attempts)]
    assert 0.7 * configured.delivery_window < sum(pauses) < 1.3 * configured.delivery_window
    assert len(pauses) == 7
    assert all(1.2 < later / sooner < 3.4 for sooner, later in pairwise(pauses))


def test_a_single_attempt_can_be_all(hello: Engine, mail: MailServer, change_settings: ChangeSettings) -> None:
    change_settings(delivery_attempts=1)
    mail.answer_to_rcpt = lambda address: "450 not now"
    hello.trigger("hello", [JANE])
    hello.drain()
    assert (message(hello).status, hello.count("due")) == ("undelivered", 0)


def test_a_retry_soon_enough_is_rung_and_a_later_one_waits_for_the_timers(
    hello: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    mail.answer_to_rcpt = lambda address: "450 not now"
    change_settings(delivery_window=3 * 127.0)
    hello.trigger("hello", [JANE])
    hello.drain()
    (bell,) = hello.held
    assert bell.label.endswith("attempt 2)")
    assert 0 < bell.countdown < 4
    change_settings(delivery_window=1800.0)
    hello.advance(seconds=4)
    hello.release()
    assert (list(hello.bells()), hello.held) == ([], [])
    assert hello.one("select publish_at = due_at - interval '5 seconds' as ahead from due").ahead


def test_an_address_the_channel_cannot_carry_bounces(hello: Engine, mail: MailServer) -> None:
    hello.trigger("hello", [{"id": "jane", "email": "jäne@example.com"}])
    hello.drain()
    assert (message(hello).status, mail.connections) == ("bounced", 0)


def test_a_channel_that_is_gone_or_misconfigured_is_a_reason_and_no_crash(hello: Engine) -> None:
    for settings_ in ({"host": "127.0.0.1"}, {"host": "h", "from_address": "a@b.test", "colour": "red"}):
        bell = delivery_bell(hello)
        with resources.configuration() as tx:
            set_channel(tx, DEVELOPMENT, "email", name="Mail", type="email", provider="smtp", settings=settings_)
        hello.answer(bell)
    found = hello.rows("select status from messages")
    assert [row.status for row in found] == ["undelivered"] * 2
    reasons = [row.reason for row in hello.rows("select reason from delivery_attempts order by started_at")]
    assert reasons == ["`from_address` is missing", "`colour` is not a setting of smtp"]


def test_a_layout_that_cannot_be_read_keeps_no_finished_message_from_being_sent(
    hello: Engine, mail: MailServer
) -> None:
    bell = delivery_bell(hello)
    layout = {"name": "Plain", "html_layout": "{{ content }}", "text_layout": "{{ content }}", "footer_links": []}
    with resources.configuration() as tx:
        resources.publish_layout(tx, DEVELOPMENT, "plain", layout)
        tx.run(text("update resource_versions set content = '{}' where kind = 'email_layout'"))
    hello.answer(bell)
    assert len(mail.messages) == 1


def test_a_message_that_cannot_be_composed_is_undelivered(
    hello: Engine, mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    bell = delivery_bell(hello)
    hello.rows('update messages set content = content || \'{"subject": ["eve@example.com"]}\' returning id')
    hello.answer(bell)
    (attempt,) = attempts(hello)
    assert (attempt.outcome, attempt.reason) == ("refused", "TypeError while composing the message")
    assert (message(hello).status, mail.messages) == ("undelivered", [])
    assert "eve@example.com" not in caplog.text


def test_a_line_break_in_a_name_adds_no_header(hello: Engine, mail: MailServer) -> None:
    hello.publish("hello", [email_step(subject="Hi {{ recipient.name }}")])
    hello.trigger("hello", [{**JANE, "name": "Jane\r\nBcc: eve@example.com"}])
    hello.drain()
    assert mail.messages[0]["Bcc"] is None
    assert mail.subjects() == ["Hi Jane Bcc: eve@example.com"]


def test_text_of_every_kind_arrives_as_it_was_written(hello: Engine, mail: MailServer) -> None:
    body = "<p>Grüße, 你好 👋</p>\n.\n..two dots\n" + "x" * 3000
    hello.publish("hello", [email_step(subject="Grüße 👋", html_body=body, text_body="你好\n.\n" + "y" * 2000)])
    hello.trigger("hello", [JANE])
    hello.drain()
    (received,) = mail.messages
    html, plain = received.get_body(("html",)), received.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert received["Subject"] == "Grüße 👋"
    assert body in html.get_content().replace("\r\n", "\n")
    assert plain.get_content().replace("\r\n", "\n").startswith("你好\n.\n" + "y" * 2000)


# The ledger


def test_exchanges_show_what_was_said_and_neither_secret_nor_body(
    hello: Engine, mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="notify_workers")
    hello.publish("hello", [email_step(html_body="<p>{{ data.pin }}</p>")])
    set_mail_channel(username="mailer", password="hunter2")
    hello.trigger("hello", [JANE], data={"pin": "pin-1234"})
    hello.drain()
    (attempt,) = attempts(hello)
    shown = repr(attempt) + caplog.text + repr(events(hello))
    assert "hunter2" not in shown
    assert "pin-1234" not in shown


def test_an_exchange_names_the_addresses_that_were_refused(hello: Engine, mail: MailServer) -> None:
    overrides = {"to_address": "jane@example.com, gone@example.com"}
    hello.publish("hello", [{**email_step(), "channel_overrides": overrides}])
    mail.answer_to_rcpt = lambda address: "550 5.1.1 unknown" if address.startswith("gone") else "250 ok"
    hello.trigger("hello", [JANE])
    hello.drain()
    (exchange,) = attempts(hello)[0].exchanges
    assert exchange["request"]["body"]["rcpt_to"] == ["jane@example.com", "gone@example.com"]
    assert exchange["response"]["body"]["refused"] == {"gone@example.com": "550 5.1.1 unknown"}
    assert (message(hello).status, len(mail.messages)) == ("sent", 1)


def test_a_servers_strange_words_are_written_down_and_send_nothing_twice(hello: Engine, mail: MailServer) -> None:
    mail.answer_to_data = lambda envelope: "250 queued as \0\x7f"
    hello.trigger("hello", [JANE])
    hello.drain()
    hello.expire_leases()
    hello.tick()
    assert (message(hello).status, len(mail.messages)) == ("sent", 1)


# Bells that come twice, early, late or together


def test_a_bell_answered_again_and_again_sends_once(hello: Engine, mail: MailServer) -> None:
    bell = delivery_bell(hello)
    for _ in range(3):
        hello.answer(bell)
    assert (len(mail.messages), hello.count("delivery_attempts")) == (1, 1)


def test_a_bell_answered_by_many_at_once_sends_once(hello: Engine, mail: MailServer) -> None:
    bell = delivery_bell(hello)
    barrier = Barrier(6)

    def answer(_: int) -> None:
        barrier.wait()
        hello.answer(bell)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(answer, range(6)))
    assert (len(mail.messages), hello.count("delivery_attempts")) == (1, 1)


def test_an_early_bell_does_not_shorten_the_pause(hello: Engine, mail: MailServer) -> None:
    mail.answer_to_rcpt = lambda address: "450 not now"
    bell = delivery_bell(hello)
    hello.answer(bell)
    before = hello.one("select * from due")
    hello.answer(bell)
    after = hello.one("select * from due")
    assert (after.due_at, after.attempt, after.publish_at) == (before.due_at, 2, before.publish_at)
    assert hello.count("delivery_attempts") == 1


def test_a_delivery_in_hand_is_not_taken_over_before_its_lease_ends(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = delivery_bell(hello)

    def meanwhile(submission: SmtpSubmission) -> SmtpReply:
        hello.advance(hours=1)
        hello.answer(bell)
        return SmtpReply(250, "ok", "END", {})

    monkeypatch.setattr(smtp, "submit", meanwhile)
    hello.answer(bell)
    assert [each.outcome for each in attempts(hello)] == ["sent"]


# Crashes between the intent and the outcome


def die(*arguments: object) -> None:
    raise Killed


def crash_after_sending(engine: Engine, monkeypatch: pytest.MonkeyPatch, bell: Bell) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "settlement", die)
        with pytest.raises(Killed):
            engine.answer(bell)


def test_a_crash_after_sending_is_an_unknown_outcome_and_sends_again_under_the_same_name(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_after_sending(hello, monkeypatch, delivery_bell(hello))
    assert attempts(hello)[0].outcome is None
    hello.expire_leases()
    hello.tick()
    assert [each.outcome for each in attempts(hello)] == ["unknown", "sent"]
    assert len(mail.messages) == 2
    assert len({each["Message-ID"] for each in mail.messages}) == 1
    assert [each[0] for each in events(hello)] == ["message.delivery_attempted", "message.sent"]
    assert message(hello).status == "sent"


def test_a_channel_that_holds_does_not_send_again_after_a_crash(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_mail_channel(on_unknown="hold")
    crash_after_sending(hello, monkeypatch, delivery_bell(hello))
    hello.expire_leases()
    hello.tick()
    assert len(mail.messages) == 1
    assert [each.outcome for each in attempts(hello)] == ["unknown"]
    assert (message(hello).status, hello.count("due")) == ("delivery_attempted", 0)
    assert events(hello)[0][1]["retryable"] is False


@pytest.mark.parametrize(("policy", "mails", "outcomes"), [("retry", 2, ["unknown", "sent"]), ("hold", 1, ["unknown"])])
def test_a_connection_lost_after_the_final_dot_is_treated_alike(
    policy: str, mails: int, outcomes: list[str], hello: Engine, mail: MailServer
) -> None:
    set_mail_channel(on_unknown=policy)
    answers = iter([None])
    mail.keeps_when_dropping = True
    mail.answer_to_data = lambda envelope: next(answers, "250 ok")
    hello.trigger("hello", [JANE])
    hello.drain()
    exhaust(hello)
    assert [each.outcome for each in attempts(hello)] == outcomes
    assert (len(mail.messages), len({each["Message-ID"] for each in mail.messages})) == (mails, 1)
    assert hello.count("due") == 0


def test_an_outcome_that_stays_unknown_is_given_up_after_eight_attempts(hello: Engine, mail: MailServer) -> None:
    mail.answer_to_data = lambda envelope: None
    hello.trigger("hello", [JANE])
    hello.drain()
    exhaust(hello)
    assert [each.outcome for each in attempts(hello)] == ["unknown"] * 8
    assert (message(hello).status, events(hello)[-1][1]["failure_reason"]) == ("undelivered", "retries_exhausted")


def test_a_bell_that_came_early_changes_nothing_for_who_has_begun_meanwhile(
    hello: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = delivery_bell(hello)
    hello.rows("update due set due_at = engine_now() + interval '1 minute' returning id")
    rearm = due.rearm

    def overtaken(*arguments: Any) -> None:
        in_hand = (
            "leased_until = clock_timestamp() + interval '1 minute', publish_at = engine_now() + interval '1 hour'"
        )
        hello.rows(f"update due set {in_hand} returning id")
        rearm(*arguments)

    monkeypatch.setattr(due, "rearm", overtaken)
    hello.answer(bell)
    row = hello.one("select leased_until is not null as leased, publish_at > due_at as untouched from due")
    assert (row.leased, row.untouched) == (True, True)


def test_a_crash_between_the_outcome_and_the_bell_for_the_next_attempt_costs_a_lease(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch, change_settings: ChangeSettings
) -> None:
    change_settings(delivery_window=127.0)
    mail.answer_to_rcpt = lambda address: "450 not now"
    bell = delivery_bell(hello)
    with monkeypatch.context() as patched:
        patched.setattr("notify_workers.queue.ring", lambda bells: None)
        hello.answer(bell)
    mail.reset()
    hello.advance(seconds=70)
    assert [each.outcome for each in attempts(hello)] == ["retry", "sent"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Nobody closes the victims' sockets.
def test_a_kill_between_any_two_lines_of_a_delivery_loses_nothing_and_repeats_under_the_same_name(
    hello: Engine, mail: MailServer
) -> None:
    places = places_of(partial(hello.answer, delivery_bell(hello)))
    bells = delivery_bells(hello, len(places))
    for place, bell in zip(places, bells, strict=True):
        killed_at(place, partial(hello.answer, bell))
    hello.expire_leases()
    hello.tick()
    assert len({each["Message-ID"] for each in mail.messages}) == hello.count("messages") == len(places) + 1
    assert {row.status for row in hello.rows("select status from messages")} == {"sent"}
    assert hello.count("due") == 0
    unfinished = hello.rows("select from delivery_attempts where outcome is null")
    assert unfinished == []


def delivery_bells(engine: Engine, number: int) -> list[Bell]:
    """The bells of that many deliveries."""
    engine.trigger("hello", [{"id": f"u{each}", "email": f"u{each}@example.com"} for each in range(number)])
    bells: list[Bell] = []
    while found := list(engine.bells()):
        bells += [each for each in found if each.task == "deliver"]
        for each in found:
            if each.task != "deliver":
                engine.answer(each)
    return bells


# Outcomes that come after somebody has called them unknown


class Slow:
    """A delivery whose provider answers only when told to, and a second worker that takes it over."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = engine
        self.bell = delivery_bell(engine)
        self._submit = smtp.submit
        self._asked, self._told = Event(), Event()
        monkeypatch.setattr(smtp, "submit", self._wait)
        self._thread = Thread(target=engine.answer, args=(self.bell,))
        self._thread.start()
        assert self._asked.wait(10)
        monkeypatch.setattr(smtp, "submit", self._submit)
        engine.expire_leases()

    def _wait(self, submission: SmtpSubmission) -> SmtpReply:
        self._asked.set()
        assert self._told.wait(10)
        return self.reply

    def answers(self, code: int) -> None:
        self.reply = SmtpReply(code, "at last", "END", {})
        self._told.set()
        self._thread.join(10)


def test_a_success_that_comes_late_is_kept(hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    set_mail_channel(on_unknown="hold")
    slow = Slow(hello, monkeypatch)
    hello.tick()
    assert (message(hello).status, hello.count("due")) == ("delivery_attempted", 0)
    slow.answers(250)
    assert message(hello).status == "sent"
    assert [each.outcome for each in attempts(hello)] == ["sent"]
    assert [each[0] for each in events(hello)] == ["message.delivery_attempted", "message.sent"]


@pytest.mark.parametrize("code", [450, 550])
def test_a_failure_that_comes_late_takes_back_no_success(
    code: int, hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(hello, monkeypatch)
    hello.tick()
    assert (message(hello).status, len(mail.messages)) == ("sent", 1)
    slow.answers(code)
    assert message(hello).status == "sent"
    assert [each[0] for each in events(hello)] == ["message.delivery_attempted", "message.sent"]
    assert (len(mail.messages), hello.count("due")) == (1, 0)


def test_a_success_that_comes_late_saves_the_second_mail(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(hello, monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr("notify_workers.queue.ring", lambda bells: None)
        hello.answer(slow.bell)
    assert [each.outcome for each in attempts(hello)] == ["unknown"]
    slow.answers(250)
    exhaust(hello)
    assert (message(hello).status, mail.messages) == ("sent", [])
    assert [each.outcome for each in attempts(hello)] == ["sent"]


def test_a_failure_that_comes_late_takes_nothing_from_the_attempt_that_is_owed(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(hello, monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr("notify_workers.queue.ring", lambda bells: None)
        hello.answer(slow.bell)
    slow.answers(550)
    assert (message(hello).status, hello.one("select attempt from due").attempt) == ("delivery_attempted", 2)
    exhaust(hello)
    assert (message(hello).status, len(mail.messages)) == ("sent", 1)


def test_a_success_that_comes_late_takes_nothing_from_an_attempt_in_hand(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(hello, monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr("notify_workers.queue.ring", lambda bells: None)
        hello.answer(slow.bell)
    hello.rows("update due set leased_until = clock_timestamp() + interval '1 minute' returning id")
    slow.answers(250)
    assert (message(hello).status, hello.count("due")) == ("sent", 1)


def test_an_outcome_between_the_takeover_and_its_verdict_stands(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(hello, monkeypatch)
    settle = settlements.settlement

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(delivery, "settlement", settle)
        slow.answers(250)
        return settle(*arguments)

    monkeypatch.setattr(delivery, "settlement", meanwhile)
    hello.answer(slow.bell)
    assert message(hello).status == "sent"
    assert [each[0] for each in events(hello)] == ["message.sent"]
    assert [each.outcome for each in attempts(hello)] == ["sent"]


def test_the_lease_of_a_delivery_is_longer_than_the_patience_with_a_server() -> None:
    assert settings().delivery_lease > settings().smtp_timeout
