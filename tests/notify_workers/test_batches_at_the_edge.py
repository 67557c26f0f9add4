"""Batches where something else happens at the same time: late bells, cancellations cut in half, deletions, new versions."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers import cancellations, clock, lifeline
from notify_workers.cancellations import CancellationKey
from notify_workers.redis_client import client
from notify_workers.store import messages
from notify_workers.store.activities import page_of_activities
from notify_workers.store.due import step_bell
from notify_workers.store.messages import MessageFilter
from notify_workers.store.purges import delete_recipient
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away
from tests.notify_workers.test_batches import DIGEST, JANE, batch_step, publish, send
from workflows.recipients import USERS, Identity, Reference

SLIDING: dict[str, Any] = {
    "batch_window_type": "sliding",
    "batch_window_extension_limit": {"unit": "hours", "value": 1},
    "batch_until_field_path": "data.until",
}


def send_until(engine: Engine, number: int, minutes: int) -> None:
    engine.trigger("digest", [JANE], data={"n": number, "until": {"unit": "minutes", "value": minutes}})
    engine.drain()


def sent(mail: MailServer) -> list[str]:
    return mail.subjects()


def test_a_sliding_window_can_be_moved_to_an_earlier_time_after_its_carrier_was_told_a_later_one(
    engine: Engine, mail: MailServer
) -> None:
    engine.publish("digest", [batch_step(minutes=None, **SLIDING), email_step(subject=DIGEST)])
    send_until(engine, 1, 5)
    send_until(engine, 2, 20)
    engine.advance(minutes=5)
    send_until(engine, 3, 2)
    assert sent(mail) == []
    engine.advance(minutes=2)
    assert sent(mail) == ["3: 1 by ;2 by ;3 by ;"]


def test_the_limit_of_a_sliding_window_is_about_its_extension_and_closes_it_with_the_next_activity(
    engine: Engine, mail: MailServer
) -> None:
    limit = {"unit": "seconds", "value": 1}
    publish(engine, batch_window_type="sliding", batch_window_extension_limit=limit)
    send(engine, 1)
    engine.advance(minutes=4)
    assert sent(mail) == []
    send(engine, 2)
    assert sent(mail) == ["2: 1 by ;2 by ;"]
    send(engine, 3)
    engine.advance(minutes=5)
    assert sent(mail)[1:] == ["1: 3 by ;"]


def test_an_early_bell_for_the_carrier_changes_nothing(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    send(engine, 1)
    before = engine.log()
    for _ in range(3):
        engine.answer(step_bell(engine.one("select id from due").id, "", ""))
    assert (engine.log(), sent(mail)) == (before, [])
    engine.advance(minutes=5)
    assert sent(mail) == ["1: 1 by ;"]


def test_an_early_bell_closes_a_full_window_whose_carrier_could_not_be_woken(engine: Engine, mail: MailServer) -> None:
    """As when the timer process held the carrier's row while the window was filled, and the bell for it was lost."""
    publish(engine, batch_items_max_limit=2)
    send(engine, 1)
    carrier = engine.one("select id, due_at, publish_at from due")
    engine.trigger("digest", [JANE], data={"n": 2})
    accept, *_ = engine.bells()
    engine.answer(accept)
    (joining,) = engine.bells()
    engine.answer(joining)
    list(engine.bells())
    engine.rows("update due set due_at = :due, publish_at = :due returning id", due=carrier.due_at)
    engine.answer(step_bell(carrier.id, "", ""))
    engine.drain()
    assert sent(mail) == ["2: 1 by ;2 by ;"]


@pytest.mark.parametrize("redis", ["remembers", "forgets"])
def test_a_cancellation_that_died_before_its_rows_does_not_take_the_others_with_it(
    engine: Engine, mail: MailServer, redis: str
) -> None:
    """Its token is set, and stops runs. The one that carries the batch leaves its own activity out and goes on."""
    publish(engine)
    for number in (1, 2):
        send(engine, number, cancellation_key=f"key-{number}")
    cancellations._revoke([CancellationKey(DEVELOPMENT, "digest", "key-1").token()])
    if redis == "forgets":
        client().flushdb()
    engine.advance(minutes=5)
    assert sent(mail) == (["1: 2 by ;"] if redis == "remembers" else ["2: 1 by ;2 by ;"])


def test_a_full_window_counts_only_activities_that_are_still_in_it(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_items_max_limit=2)
    for number in (1, 2, 3):
        send(engine, number, cancellation_key=f"key-{number}")
        if number == 1:
            assert engine.cancel("digest", "key-1") == 1
    assert sent(mail) == ["2: 2 by ;3 by ;"]


def test_a_cancellation_for_one_recipient_leaves_the_others_windows_alone(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    people = [JANE, {"id": "joe", "email": "joe@example.com"}]
    engine.trigger("digest", people, data={"n": 1}, cancellation_key="key")
    engine.drain()
    assert engine.cancel("digest", "key", "joe") == 1
    engine.advance(minutes=5)
    assert [str(each["To"]) for each in mail.messages] == ["jane@example.com"]


def test_a_deleted_recipients_window_ends_and_the_next_activity_opens_a_new_one(
    engine: Engine, mail: MailServer
) -> None:
    publish(engine)
    send(engine, 1, 2)
    with transaction() as tx:
        delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))
    send(engine, 3)
    engine.advance(minutes=5)
    assert sent(mail) == ["1: 3 by ;"]
    assert engine.count("batch_windows where closed_at is null") == 0


def test_while_redis_is_away_the_rows_keep_the_window(engine: Engine, mail: MailServer, redis_away: Away) -> None:
    publish(engine)
    send(engine, 1)
    for number in (2, 3):
        engine.trigger("digest", [JANE], data={"n": number})
    for bell in list(engine.bells()):
        engine.answer(bell)
    steps = list(engine.bells())
    with redis_away():
        for bell in steps:
            engine.answer(bell)
    engine.advance(minutes=5)
    assert sent(mail) == ["3: 1 by ;2 by ;3 by ;"]


@pytest.mark.parametrize("remembered", [b"not a window", b"00000000-0000-0000-0000-000000000000"])
def test_what_redis_says_of_a_window_that_no_row_knows_is_not_believed(
    engine: Engine, mail: MailServer, remembered: bytes
) -> None:
    publish(engine)
    send(engine, 1)
    for name in client().keys("doorbell:window:*"):
        client().set(name, remembered)
    send(engine, 2)
    (known,) = (client().get(name) for name in client().keys("doorbell:window:*"))
    assert known == str(engine.one("select id from batch_windows").id).encode()
    engine.advance(minutes=5)
    assert sent(mail) == ["2: 1 by ;2 by ;"]
    assert client().keys("doorbell:window:*") == []


def test_a_batch_goes_on_with_a_newer_version_only_where_its_step_is_still_in_latest_mode(
    engine: Engine, mail: MailServer
) -> None:
    for mode, subject in (("latest", "old"), ("latest", "newer"), ("pinned", "newest")):
        step = batch_step(workflow_version_mode=mode)
        engine.publish("digest", [step, email_step(subject=subject)])
        if subject == "old":
            engine.trigger("digest", [JANE])
            engine.drain()
    engine.advance(minutes=5)
    assert sent(mail) == ["newer"]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_preferences_judge_a_batch_by_its_first_activity(engine: Engine, mail: MailServer, order: str) -> None:
    publish(engine, batch_order=order, batch_items_render_limit=1)
    one = {"variable": "data.n", "operator": "equal_to", "argument": "1"}
    preferences = {"default": {"workflows": {"digest": {"conditions": [one]}}}}
    for name, numbers in (("jane", (1, 2, 3)), ("joe", (2, 1, 3))):
        with transaction() as tx:
            identify(tx, [(DEVELOPMENT, Identity(Reference(USERS, name), preferences=preferences))])
        for number in numbers:
            engine.trigger("digest", [{"id": name, "email": f"{name}@example.com"}], data={"n": number})
            engine.drain()
    engine.advance(minutes=5)
    assert [str(each["To"]) for each in mail.messages] == ["jane@example.com"]


# What is left of windows


def test_windows_that_nobody_followed_are_forgotten_when_they_have_ended(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_execution_mode="flush_leading")
    send(engine, 1)
    lifeline.look()
    assert engine.count("batch_windows") == 1
    clock.advance(301)
    lifeline.look()
    assert engine.count("batch_windows") == 0
    send(engine, 2, 3)
    lifeline.look()
    engine.advance(minutes=5)
    lifeline.look()
    assert sent(mail) == ["1: 1 by ;", "1: 2 by ;", "1: 3 by ;"]
    assert engine.count("batch_windows") == 1


def test_a_window_that_nobody_followed_makes_room_when_it_is_over(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_execution_mode="flush_leading")
    for number in (1, 2, 3):
        send(engine, number)
        clock.advance(301)
    assert (len(sent(mail)), engine.count("batch_windows")) == (3, 1)


# What a message tells of


def told(number: int) -> list[dict[str, Any]]:
    """The data of a message's activities; messages oldest first."""
    with transaction() as tx:
        page = messages.page_of_messages(tx, DEVELOPMENT, MessageFilter(), after=None, before=None, limit=50)
        return [dict(each.data) for each in page_of_activities(tx, page[::-1][number].id)]


def with_data(**data: Any) -> int:
    with transaction() as tx:
        wanted = MessageFilter(trigger_data=data)
        return len(messages.page_of_messages(tx, DEVELOPMENT, wanted, after=None, before=None, limit=50))


def test_a_message_tells_of_every_activity_of_its_batch_and_of_none_that_was_cancelled(
    engine: Engine, mail: MailServer
) -> None:
    steps = [
        email_step("before"),
        batch_step(batch_items_render_limit=1),
        delay_step(unit="minutes", value=1),
        email_step(),
    ]
    engine.publish("digest", steps)
    for number in (1, 2, 3, 4):
        send(engine, number, cancellation_key=f"key-{number}", actor=f"boss-{number}")
    engine.cancel("digest", "key-3")
    engine.advance(minutes=5)
    engine.advance(minutes=1)
    assert len(mail.messages) == 5
    assert told(4) == [{"n": 1}, {"n": 2}, {"n": 4}]
    assert told(1) == [{"n": 2}]
    with transaction() as tx:
        newest = messages.page_of_messages(tx, DEVELOPMENT, MessageFilter(), after=None, before=None, limit=1)[0]
        found = page_of_activities(tx, newest.id)
    assert [each.number for each in found] == sorted({each.number for each in found})


def test_a_message_is_found_by_the_data_of_any_of_its_activities(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    for number, page in ((1, "a"), (2, "b"), (3, "c")):
        engine.trigger("digest", [JANE], data={"n": number, "page": page}, cancellation_key=page)
        engine.drain()
    engine.cancel("digest", "b")
    engine.advance(minutes=5)
    assert [with_data(n=n) for n in (1, 2, 3)] == [1, 0, 1]
    assert [with_data(n=1, page="a"), with_data(n=1, page="c"), with_data(n=3, page="c")] == [1, 0, 1]
