"""Apprise, as https://github.com/caronc/apprise/wiki writes its addresses."""

from __future__ import annotations

import pytest

from notify_workers.providers import (
    AppriseNotification,
    AppriseReply,
    Bounced,
    Connection,
    Envelope,
    Refused,
    Retry,
    Sent,
    Unknown,
)
from tests.notify_workers.providers.vendor import ENVELOPE, ID, load, outcome
from workflows.content import Chat

APPRISE = load("apprise", {"urls": "ntfy://topic  tgram://token/1", "schemes": "ntfy ntfys"})
HELLO = Chat({}, "**Hello**", summary="Greeting")
TAKEN = AppriseReply(is_sent=True)


def refused(status: int = 0) -> AppriseReply:
    return AppriseReply(is_sent=False, status=status, error="no answer")


def test_each_of_the_channels_addresses_is_notified() -> None:
    sending = APPRISE.send(HELLO, ENVELOPE)
    assert next(sending) == AppriseNotification("ntfy://topic", "Greeting", "**Hello**")
    assert sending.send(refused(404)) == AppriseNotification("tgram://token/1", "Greeting", "**Hello**")
    assert outcome(APPRISE, HELLO, refused(404), TAKEN) == Sent()


def test_a_connection_of_a_scheme_that_is_allowed_goes_before_the_channels() -> None:
    own = Connection(url="ntfys://ntfy.example/jane")
    assert next(APPRISE.send(HELLO, Envelope(ID, ID, own))) == AppriseNotification(
        "ntfys://ntfy.example/jane", "Greeting", "**Hello**"
    )
    denied = outcome(APPRISE, HELLO, connection=Connection(url="syslog://secret"))
    assert isinstance(denied, Refused)
    assert "secret" not in denied.reason


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ((refused(401), refused(404)), Refused("the vendor answered 404")),
        ((refused(401), refused(429)), Retry("the vendor answered 429")),
        ((refused(429), refused(500)), Unknown("the vendor answered 500")),
        ((refused(), refused(404)), Unknown("Apprise could not deliver: no answer")),
    ],
)
def test_when_nobody_has_taken_it_the_answers_say_what_comes_next(
    replies: tuple[AppriseReply, ...], expected: object
) -> None:
    assert outcome(APPRISE, HELLO, *replies) == expected


def test_without_an_address_nothing_is_sent() -> None:
    assert outcome(load("apprise", {}), HELLO) == Bounced("there is no address to send to")
    assert isinstance(outcome(APPRISE, HELLO, connection=None), Bounced)


def test_an_address_is_not_shown() -> None:
    assert "token" not in repr(AppriseNotification("tgram://token/1", "", ""))
