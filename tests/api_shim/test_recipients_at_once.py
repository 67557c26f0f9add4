"""Recipients written, merged, deleted, subscribed and judged by many at once: every answer is a proper one, nobody waits for
ever for somebody else, and what is left belongs together."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import httpx2
import pytest

from notify_workers import audiences, queue, recipients, resources, subscriptions
from notify_workers.redis_client import client
from notify_workers.store.session import transaction
from tests.answers import eventually, trigger
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine, decode, delay_step, email_step
from tests.notify_workers.test_batches import batch_step
from workflows.recipients import Reference

USERS = [f"u{number}" for number in range(6)]
"""Few, so that everybody meets."""

PROS = [{"conditions": [{"property": "recipient.plan", "operator": "equal_to", "argument": "pro"}]}]


@pytest.fixture
def busy(engine: Engine, api: CheckedClient) -> Engine:
    """Workflows that wait, batch and write the recipient, and a dynamic audience."""
    engine.publish("welcome", [email_step()])
    engine.publish("invite", [delay_step(), email_step()])
    engine.publish("digest", [batch_step(minutes=9999), email_step()])
    engine.publish("once", [email_step()], trigger_frequency="once_per_recipient")
    with resources.configuration() as tx:
        audiences.publish(tx, DEVELOPMENT, "pros", {"name": "pros", "type": "dynamic", "segments": PROS})
    return engine


def requests(api: CheckedClient, dice: random.Random) -> list[Callable[[], httpx2.Response]]:
    one, two = dice.sample(USERS, 2)
    some = dice.sample(USERS, 4)
    people = [{"id": each, "plan": dice.choice(["pro", "free"])} for each in some]
    thing = f"/v1/objects/projects/{dice.choice('ab')}"
    return [
        lambda: api.post(f"/v1/users/{one}/merge", json={"from_user_id": two}),
        lambda: api.post(f"/v1/users/{two}/merge", json={"from_user_id": one}),
        lambda: api.delete(f"/v1/users/{one}"),
        lambda: api.put(f"/v1/users/{one}", json=people[0] | {"preferences": {"default": {"categories": {"a": True}}}}),
        lambda: api.put(f"/v1/users/{two}/preferences/default", json={"categories": {"b": False}}),
        lambda: api.post("/v1/users/bulk/identify", json={"users": people}),
        lambda: api.post("/v1/users/bulk/preferences", json={"user_ids": some, "preferences": {"workflows": {}}}),
        lambda: api.post("/v1/users/bulk/delete", json={"user_ids": some[:2]}),
        lambda: api.post(f"{thing}/subscriptions", json={"recipients": people}),
        lambda: api.request("DELETE", f"{thing}/subscriptions", json={"recipients": some}),
        lambda: api.delete(thing),
        lambda: api.post("/v1/audiences/vips/members?create_audience=true", json={"members": [{"user": each} for each in people]}),
        lambda: api.request("DELETE", "/v1/audiences/vips/members", json={"members": [{"user": {"id": each}} for each in some]}),
        lambda: trigger(api, dice.choice(["welcome", "invite", "digest", "once"]), people, tenant="acme"),
        lambda: trigger(api, "welcome", [{"collection": "projects", "id": dice.choice("ab")}], actor=people[0]),
    ]  # fmt: skip


def test_whatever_happens_to_the_same_few_at_once_is_answered_and_ends(
    api: CheckedClient, busy: Engine, mail: object
) -> None:
    stopping = Event()

    def work() -> None:
        while not stopping.is_set():
            for name in queue.QUEUES:
                while (message := client().rpop(name)) is not None:
                    bell = decode(message)  # type: ignore[arg-type]
                    if bell.countdown < 0.01:
                        busy.answer(bell)
            stopping.wait(0.005)

    def ask(number: int) -> list[int]:
        dice = random.Random(number)
        return [dice.choice(requests(api, dice))().status_code for _ in range(40)]

    with ThreadPoolExecutor(8) as threads:
        hands: list[Future[None]] = [threads.submit(work) for _ in range(3)]
        answers = [threads.submit(ask, number) for number in range(5)]
        try:
            seen = {status for each in answers for status in each.result(300)}
        finally:
            stopping.set()
        for hand in hands:
            hand.result(60)
    assert seen <= {200, 204, 404}
    busy.drain()
    busy.advance(minutes=11)
    for _ in range(3):
        busy.advance(minutes=1)
    assert {row.status for row in busy.rows("select status from bulk_operations")} == {"completed"}
    assert busy.count("purges") == 0
    orphans = """
        select 'run', id::text from recipient_runs r where not exists (select from triggers t where t.id = r.trigger_id)
        union all select 'due', id::text from due d where run_id is not null
            and not exists (select from recipient_runs r where r.id = d.run_id)
        union all select 'window', id::text from batch_windows w where closed_at is null and carrier_run is not null
            and not exists (select from recipient_runs r where r.id = w.carrier_run)
        union all select 'subscriber', recipient_id from subscriptions s where not exists (select from recipients r
            where r.environment_id = s.environment_id and r.collection = s.collection and r.id = s.recipient_id)
        union all select 'member', recipient_id from audience_members s where not exists (select from recipients r
            where r.environment_id = s.environment_id and r.collection = s.collection and r.id = s.recipient_id)
    """
    assert busy.rows(orphans) == []
    judged = "select recipient_id from audience_members where audience_key = 'pros' order by 1"
    pros = "select id from recipients where collection = '$users' and properties ->> 'plan' = 'pro' order by 1"
    assert [row[0] for row in busy.rows(judged)] == [row[0] for row in busy.rows(pros)]


def test_who_is_subscribed_while_they_are_deleted_exists_afterwards_or_is_not_subscribed(
    api: CheckedClient, engine: Engine
) -> None:
    api.put("/v1/users/jane", json={"name": "Jane"})
    with ThreadPoolExecutor(2) as threads:
        for number in range(20):
            path = f"/v1/objects/projects/p{number}/subscriptions"
            adding = threads.submit(api.post, path, json={"recipients": ["jane"]})
            deleting = threads.submit(api.delete, "/v1/users/jane")
            assert (adding.result().status_code, deleting.result().status_code) == (200, 204)
            (subscribed,) = engine.rows("select exists (select from subscriptions where recipient_id = 'jane')")
            (known,) = engine.rows("select exists (select from recipients where id = 'jane')")
            assert known[0] or not subscribed[0]


def test_a_deletion_waits_for_who_gives_them_something(api: CheckedClient, engine: Engine) -> None:
    api.put("/v1/users/jane", json={"name": "Jane"})
    with ThreadPoolExecutor(1) as threads:
        with transaction() as tx:
            subscriptions.add(tx, DEVELOPMENT, Reference("projects", "p1"), ["jane"])
            deleting = threads.submit(api.delete, "/v1/users/jane")
            eventually(lambda: bool(engine.rows("select from pg_stat_activity where wait_event_type = 'Lock'")))
        assert deleting.result().status_code == 204
    assert engine.count("subscriptions") == 0


def test_a_trigger_that_is_accepted_while_its_recipient_is_being_deleted_makes_nobody(
    api: CheckedClient, busy: Engine
) -> None:
    api.put("/v1/users/jane", json={"name": "Jane"})
    busy.drain()
    trigger(api, "welcome", [{"id": "jane", "plan": "pro"}])
    (bell,) = busy.bells()
    with ThreadPoolExecutor(1) as threads:
        with transaction() as tx:
            recipients.delete(tx, DEVELOPMENT, Reference("$users", "jane"))
            accepting = threads.submit(busy.answer, bell)
            eventually(lambda: bool(busy.rows("select from pg_stat_activity where wait_event_type = 'Lock'")))
        accepting.result(60)
    busy.drain()
    assert busy.rows("select from recipients where id = 'jane'") == []
    assert busy.count("recipient_runs") == 0


def test_two_bulk_operations_on_the_same_users_in_opposite_orders_do_not_meet(
    api: CheckedClient, engine: Engine
) -> None:
    ids = [f"u{number}" for number in range(50)]
    for order in (ids, ids[::-1]):
        api.post("/v1/users/bulk/identify", json={"users": [{"id": each, "name": each} for each in order]})
    with ThreadPoolExecutor(2) as threads:
        for hand in [threads.submit(engine.answer, bell) for bell in engine.bells()]:
            hand.result(60)
    rows = engine.rows("select status, success_count, error_count from bulk_operations")
    assert [tuple(row) for row in rows] == [("completed", 50, 0)] * 2
