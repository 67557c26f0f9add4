"""Batches, from trigger to mail: what is collected, when it leaves, and what is never lost or doubled."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers.redis_client import client
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer

JANE = {"id": "jane", "email": "jane@example.com"}
DIGEST = (
    "{{ total_activities }}: {% for activity in activities %}{{ activity.n }} by {{ activity.actor.id }};{% endfor %}"
)


def batch_step(ref: str = "batch_1", minutes: int | None = 5, **settings: Any) -> dict[str, Any]:
    window = {"batch_window": {"unit": "minutes", "value": minutes}} if minutes else {}
    return {"ref": ref, "type": "batch", "settings": {**window, **settings}}


@pytest.fixture
def digest(engine: Engine) -> Engine:
    return publish(engine)


def publish(engine: Engine, **settings: Any) -> Engine:
    engine.publish("digest", [batch_step(**settings), email_step(subject=DIGEST)])
    return engine


def send(engine: Engine, *numbers: int, **request: Any) -> None:
    for number in numbers:
        engine.trigger("digest", [JANE], data={"n": number}, **request)
        engine.drain()


def subjects(mail: MailServer) -> list[str]:
    return mail.subjects()


def test_what_comes_in_a_window_leaves_as_one_message_when_it_closes(digest: Engine, mail: MailServer) -> None:
    send(digest, 1, 2, 3)
    digest.advance(minutes=4)
    assert subjects(mail) == []
    digest.advance(minutes=1)
    assert subjects(mail) == ["3: 1 by ;2 by ;3 by ;"]
    assert digest.statuses() == {"completed": 3}


def test_a_new_window_opens_after_the_old_one(digest: Engine, mail: MailServer) -> None:
    send(digest, 1)
    digest.advance(minutes=5)
    send(digest, 2)
    digest.advance(minutes=5)
    assert subjects(mail) == ["1: 1 by ;", "1: 2 by ;"]


def test_recipients_tenants_and_keys_have_windows_of_their_own(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_key="page")
    for request in (
        {"data": {"n": 1, "page": "a"}},
        {"data": {"n": 2, "page": "b"}},
        {"data": {"n": 3, "page": "a"}, "tenant": "acme"},
    ):
        engine.trigger("digest", [JANE], **request)
    engine.trigger("digest", [{"id": "joe", "email": "joe@example.com"}], data={"n": 4, "page": "a"})
    engine.drain()
    engine.advance(minutes=5)
    assert sorted(subjects(mail)) == ["1: 1 by ;", "1: 2 by ;", "1: 3 by ;", "1: 4 by ;"]


def test_a_full_window_closes_at_once_and_the_next_one_opens(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_items_max_limit=2)
    send(engine, 1, 2, 3)
    assert subjects(mail) == ["2: 1 by ;2 by ;"]
    engine.advance(minutes=5)
    assert subjects(mail)[1:] == ["1: 3 by ;"]


def test_a_sliding_window_moves_with_each_activity_up_to_its_limit(engine: Engine, mail: MailServer) -> None:
    limit = {"unit": "minutes", "value": 12}
    publish(engine, batch_window_type="sliding", batch_window_extension_limit=limit)
    for number in (1, 2, 3):
        send(engine, number)
        engine.advance(minutes=4)
    assert subjects(mail) == ["3: 1 by ;2 by ;3 by ;"]


def test_the_leading_one_passes_and_the_others_are_collected(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_execution_mode="flush_leading")
    send(engine, 1, 2, 3)
    assert subjects(mail) == ["1: 1 by ;"]
    engine.advance(minutes=5)
    assert subjects(mail)[1:] == ["2: 2 by ;3 by ;"]
    send(engine, 4)
    assert subjects(mail)[2:] == ["1: 4 by ;"]
    engine.advance(minutes=5)
    assert len(subjects(mail)) == 3


@pytest.mark.parametrize(("order", "shown"), [("asc", "1;2;"), ("desc", "3;4;")])
def test_only_so_many_are_shown_and_all_are_counted(engine: Engine, mail: MailServer, order: str, shown: str) -> None:
    shows = "{{ total_activities }}: {% for each in activities %}{{ each.n }};{% endfor %} {{ n }}"
    engine.publish("digest", [batch_step(batch_order=order, batch_items_render_limit=2), email_step(subject=shows)])
    send(engine, 1, 2, 3, 4)
    engine.advance(minutes=5)
    assert subjects(mail) == [f"4: {shown} {shown[2]}"]


def test_a_cancelled_activity_leaves_the_window_and_the_others_stay(digest: Engine, mail: MailServer) -> None:
    for number in (1, 2, 3):
        send(digest, number, cancellation_key=f"key-{number}")
    assert digest.cancel("digest", "key-1") == 1
    assert digest.cancel("digest", "key-3") == 1
    digest.advance(minutes=5)
    assert subjects(mail) == ["1: 2 by ;"]


def test_a_window_whose_every_activity_is_cancelled_sends_nothing(digest: Engine, mail: MailServer) -> None:
    send(digest, 1, cancellation_key="key")
    assert digest.cancel("digest", "key") == 1
    digest.advance(minutes=5)
    assert subjects(mail) == []
    assert digest.statuses() == {"completed": 1}


def test_after_the_close_the_openers_key_stops_the_run_even_if_it_was_used_before(
    engine: Engine, mail: MailServer
) -> None:
    engine.publish("digest", [batch_step(), delay_step(), email_step(subject=DIGEST)])
    for number in (1, 2):
        send(engine, number, cancellation_key=f"key-{number}")
    assert engine.cancel("digest", "key-1") == 1
    engine.advance(minutes=5)
    assert engine.cancel("digest", "key-2") == 0
    assert engine.cancel("digest", "key-1") == 1
    engine.advance(days=3)
    assert subjects(mail) == []


def test_the_openers_first_cancellation_does_not_stop_what_follows_the_batch(engine: Engine, mail: MailServer) -> None:
    engine.publish("digest", [batch_step(), delay_step(), email_step(subject=DIGEST)])
    for number in (1, 2):
        send(engine, number, cancellation_key=f"key-{number}")
    engine.cancel("digest", "key-1")
    engine.advance(minutes=5)
    engine.advance(days=3)
    assert subjects(mail) == ["1: 2 by ;"]


def test_a_flushed_redis_costs_no_activity(digest: Engine, mail: MailServer) -> None:
    send(digest, 1, 2)
    client().flushall()
    send(digest, 3)
    digest.advance(minutes=5)
    assert subjects(mail) == ["3: 1 by ;2 by ;3 by ;"]


def test_an_inactive_workflow_ends_its_batches_and_opens_new_ones_when_it_is_active_again(
    digest: Engine, mail: MailServer
) -> None:
    send(digest, 1)
    digest.set_active("digest", active=False)
    digest.advance(minutes=5)
    assert digest.statuses() == {"cancelled": 1}
    digest.set_active("digest", active=True)
    send(digest, 2)
    digest.advance(minutes=5)
    assert subjects(mail) == ["1: 2 by ;"]


def test_a_pinned_batch_stays_on_its_version_and_a_latest_one_goes_on_with_the_newest(
    engine: Engine, mail: MailServer
) -> None:
    for mode in ("pinned", "latest"):
        engine.publish(mode, [batch_step(workflow_version_mode=mode), email_step(subject="old {{ total_activities }}")])
        engine.trigger(mode, [JANE])
        engine.drain()
        engine.publish(mode, [batch_step(workflow_version_mode=mode), email_step(subject="new {{ total_activities }}")])
        engine.trigger(mode, [JANE])
        engine.drain()
    engine.advance(minutes=5)
    assert sorted(subjects(mail)) == ["new 1", "new 2", "old 1"]


def test_maps_and_lists_of_the_data_survive_and_the_last_one_wins(engine: Engine, mail: MailServer) -> None:
    engine.publish("digest", [batch_step(), email_step(subject="{{ n }} {{ page.title }} {{ only_first }}")])
    engine.trigger("digest", [JANE], data={"n": 1, "only_first": "yes", "page": {"title": "A"}})
    engine.drain()
    engine.trigger("digest", [JANE], data={"n": 2, "page": {"title": "B"}})
    engine.drain()
    engine.advance(minutes=5)
    assert subjects(mail) == ["2 B yes"]
