from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from doorbell.embedded import free_port
from notify_workers import smtp
from notify_workers.providers import SmtpSubmission
from notify_workers.smtp import ResultLost, submit
from tests.notify_workers.scripted_server import AND_HANG_UP, HANG_UP, SILENCE, THOUGHTFUL, ScriptedServer

ChangeSettings = Callable[..., None]
MESSAGE = b"Subject: Hello\r\n\r\nHello Jane\r\n"


@pytest.fixture
def submission(stores: object, server: ScriptedServer) -> SmtpSubmission:
    return SmtpSubmission(
        host="127.0.0.1",
        port=server.port,
        security="none",
        username=None,
        password=None,
        envelope_from="hello@doorbell.test",
        envelope_to=("jane@example.com",),
        message=MESSAGE,
    )


def test_a_message_is_handed_over_as_rfc_5321_says(server: ScriptedServer, submission: SmtpSubmission) -> None:
    reply = submit(submission)
    assert (reply.code, reply.text, reply.stage, reply.refused) == (250, "taken", "END", {})
    assert server.verbs() == ["ehlo", "mail", "rcpt", "DATA"]
    assert server.heard[1:3] == [b"mail FROM:<hello@doorbell.test>\r\n", b"rcpt TO:<jane@example.com>\r\n"]
    assert server.messages == [MESSAGE]


@pytest.mark.parametrize(
    ("message", "on_the_wire"),
    [
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n"),
        (b".a\r\n..b\r\n", b"..a\r\n...b\r\n"),
        (b"a.\r\n b.c\r\n", b"a.\r\n b.c\r\n"),
        (b"a\r\n\r\n.\r\n", b"a\r\n\r\n..\r\n"),
        (b"no end of line", b"no end of line\r\n"),
        ("Grüße, 你好\r\n".encode(), "Grüße, 你好\r\n".encode()),
    ],
)
def test_bytes_arrive_as_they_are_but_for_leading_dots(
    message: bytes, on_the_wire: bytes, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    assert submit(replace(submission, message=message)).code == 250
    assert server.messages == [on_the_wire]


def test_a_connection_is_kept_for_the_next_message(server: ScriptedServer, submission: SmtpSubmission) -> None:
    assert [submit(submission).code for _ in range(3)] == [250, 250, 250]
    assert server.connections == 1
    assert len(server.messages) == 3


def test_a_kept_connection_is_not_used_for_another_account(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("EHLO", "250 ok", "250-ok\r\n250 AUTH PLAIN")
    server.will_say("AUTH", "235 welcome")
    submit(submission)
    assert submit(replace(submission, username="jane", password="secret")).code == 250
    assert server.connections == 2


def test_a_connection_idle_for_too_long_is_not_used_again(
    server: ScriptedServer, submission: SmtpSubmission, change_settings: ChangeSettings
) -> None:
    change_settings(smtp_idle=1e-9)
    assert [submit(submission).code for _ in range(3)] == [250, 250, 250]
    assert server.connections == 3


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_kept_connection_that_breaks_before_the_message_is_replaced_once(
    stage: str, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    submit(submission)
    server.will_say(stage, HANG_UP)
    assert submit(submission).code == 250
    assert server.connections == 2
    assert len(server.messages) == 2


def test_a_kept_connection_is_replaced_once_and_not_twice(server: ScriptedServer, submission: SmtpSubmission) -> None:
    submit(submission)
    server.will_say("MAIL", HANG_UP, HANG_UP)
    reply = submit(submission)
    assert (reply.code, reply.stage) == (421, "MAIL")
    assert server.connections == 2
    assert len(server.messages) == 1


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_message_means_nothing_was_accepted(
    stage: str, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    server.will_say(stage, HANG_UP, HANG_UP)
    server.will_say("HELO", HANG_UP)
    reply = submit(submission)
    assert (reply.code, reply.stage) == (421, stage)
    assert server.messages == []


@pytest.mark.parametrize("kept", [False, True])
def test_a_connection_lost_after_the_final_dot_leaves_the_result_unknown(
    kept: bool, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    if kept:
        submit(submission)
    server.will_say("END", HANG_UP)
    with pytest.raises(ResultLost, match="after the message"):
        submit(submission)
    assert len(server.messages) == 1 + kept
    assert server.connections == 1


def test_silence_after_the_final_dot_leaves_the_result_unknown(
    server: ScriptedServer, submission: SmtpSubmission, change_settings: ChangeSettings
) -> None:
    change_settings(smtp_timeout=0.5, delivery_lease=1.2)
    server.will_say("END", SILENCE)
    with pytest.raises(ResultLost, match="timed out"):
        submit(submission)


def test_silence_before_the_message_means_nothing_was_accepted(
    server: ScriptedServer, submission: SmtpSubmission, change_settings: ChangeSettings
) -> None:
    change_settings(smtp_timeout=0.5)
    server.will_say("RCPT", SILENCE)
    assert submit(submission).code == 421


def test_a_server_may_think_about_a_message_longer_than_about_anything_else(
    server: ScriptedServer, submission: SmtpSubmission, change_settings: ChangeSettings
) -> None:
    change_settings(smtp_timeout=0.6, delivery_lease=30)
    server.will_say("END", THOUGHTFUL + "250 taken")
    assert submit(submission).code == 250
    server.will_say("MAIL", THOUGHTFUL + "250 ok", THOUGHTFUL + "250 ok")
    assert submit(submission).code == 421


def test_a_message_is_not_begun_when_it_may_outlast_the_lease(
    server: ScriptedServer, submission: SmtpSubmission, change_settings: ChangeSettings
) -> None:
    change_settings(smtp_timeout=2, delivery_lease=2.5)
    server.will_say("MAIL", THOUGHTFUL + "250 ok")
    reply = submit(submission)
    assert (reply.code, reply.text) == (421, "the server is too slow for the lease")
    assert server.messages == []
    change_settings(smtp_timeout=20, delivery_lease=60)
    assert submit(submission).code == 250
    assert server.connections == 2


def test_a_server_that_cannot_be_reached_answers_421(submission: SmtpSubmission) -> None:
    reply = submit(replace(submission, port=free_port()))
    assert (reply.code, reply.stage) == (421, "CONNECT")
    assert "cannot be reached" in reply.text


def test_a_server_that_refuses_the_connection_is_quoted(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("CONNECT", "554 not you")
    reply = submit(submission)
    assert (reply.code, reply.text, reply.stage) == (554, "not you", "CONNECT")


def test_a_refused_password_is_a_reply_of_its_own_stage(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("EHLO", "250-ok\r\n250 AUTH PLAIN")
    server.will_say("AUTH", "535 5.7.8 wrong")
    reply = submit(replace(submission, username="jane", password="secret"))
    assert (reply.code, reply.text, reply.stage) == (535, "5.7.8 wrong", "AUTH")
    assert "secret" not in repr(reply)


def test_without_starttls_nothing_is_sent_in_the_clear(server: ScriptedServer, submission: SmtpSubmission) -> None:
    reply = submit(replace(submission, security="starttls", username="jane", password="secret"))
    assert (reply.code, reply.stage) == (421, "STARTTLS")
    assert server.verbs() == ["ehlo"]


@pytest.mark.parametrize(
    ("said", "code"),
    [(HANG_UP, 421), ("220 go on" + AND_HANG_UP, 421), ("220 go on\r\nnonsense", 421), ("454 not now", 454)],
)
def test_a_failed_change_to_tls_sends_no_password(
    said: str, code: int, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    server.will_say("EHLO", "250-ok\r\n250-STARTTLS\r\n250 AUTH PLAIN")
    server.will_say("STARTTLS", said)
    reply = submit(replace(submission, security="starttls", username="jane", password="secret"))
    assert (reply.code, reply.stage) == (code, "STARTTLS")
    assert server.verbs()[:2] == ["ehlo", "STARTTLS"]
    assert "AUTH" not in server.verbs()


@pytest.mark.parametrize(("said", "code"), [(HANG_UP, 421), ("454 4.7.0 not now", 454), ("535 no" + AND_HANG_UP, 535)])
def test_a_failed_login_is_told_at_its_stage(
    said: str, code: int, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    server.will_say("EHLO", "250-ok\r\n250 AUTH PLAIN")
    server.will_say("AUTH", said)
    reply = submit(replace(submission, username="jane", password="secret"))
    assert (reply.code, reply.stage) == (code, "AUTH")
    assert server.messages == []


def test_a_server_that_speaks_no_tls_is_told_from_one_that_does(
    server: ScriptedServer, submission: SmtpSubmission
) -> None:
    reply = submit(replace(submission, security="tls"))
    assert (reply.code, reply.stage) == (421, "CONNECT")
    assert server.messages == []


def test_a_reply_of_421_closes_the_connection(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("END", "421 going down")
    assert submit(submission).code == 421
    assert submit(submission).code == 250
    assert server.connections == 2


def test_a_refusal_leaves_the_connection_usable(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("MAIL", "550 not from you")
    server.will_say("RCPT", "550 no such user")
    server.will_say("DATA", "451 not now")
    replies = [submit(submission) for _ in range(4)]
    assert [(each.code, each.stage) for each in replies] == [(550, "MAIL"), (550, "RCPT"), (451, "DATA"), (250, "END")]
    assert server.connections == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_the_word_of_a_server_that_hangs_up_after_it_is_kept(
    stage: str, server: ScriptedServer, submission: SmtpSubmission
) -> None:
    server.will_say(stage, "550 5.7.1 blocked" + AND_HANG_UP)
    reply = submit(submission)
    assert (reply.code, reply.text, reply.stage) == (550, "5.7.1 blocked", stage)
    assert submit(submission).code == 250
    assert server.connections == 2


def test_a_message_taken_for_some_is_sent_and_the_others_are_named(
    server: ScriptedServer, submission: SmtpSubmission
) -> None:
    server.will_say("RCPT", "250 ok", "550 5.1.1 unknown", "251 forwarded")
    reply = submit(replace(submission, envelope_to=("a@example.com", "b@example.com", "c@example.com")))
    assert reply.code == 250
    assert reply.refused == {"b@example.com": (550, "5.1.1 unknown")}
    assert len(server.messages) == 1


def test_when_all_are_refused_the_mildest_refusal_counts(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("RCPT", "550 unknown", "450 greylisted")
    reply = submit(replace(submission, envelope_to=("a@example.com", "b@example.com")))
    assert (reply.code, reply.text, reply.stage) == (450, "greylisted", "RCPT")
    assert set(reply.refused) == {"a@example.com", "b@example.com"}
    assert server.messages == []


def test_the_size_is_announced_to_servers_that_want_it(server: ScriptedServer, submission: SmtpSubmission) -> None:
    server.will_say("EHLO", "250-ok\r\n250 SIZE 100")
    submit(submission)
    assert server.heard[1] == b"mail FROM:<hello@doorbell.test> size=%d\r\n" % len(MESSAGE)


def test_an_address_that_would_break_the_line_never_reaches_the_server(
    server: ScriptedServer, submission: SmtpSubmission
) -> None:
    submit(replace(submission, envelope_to=("jane@example.com>\r\nRCPT TO:<eve@example.com",)))
    assert b"eve" not in b"".join(server.heard)


def test_threads_share_connections_and_never_one_at_a_time(server: ScriptedServer, submission: SmtpSubmission) -> None:
    barrier = Barrier(8)

    def send(number: int) -> int:
        barrier.wait()
        return submit(replace(submission, message=b"%d\r\n" % number)).code

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(send, range(8))) == [250] * 8
    assert sorted(server.messages) == [b"%d\r\n" % number for number in range(8)]
    assert sum(map(len, smtp._idle.values())) == server.connections <= 8
