"""Triggers for objects reach their subscribers: each once, a chunk at a time, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from notify_workers import queue, subscriptions
from notify_workers.queue import Bell
from notify_workers.redis_client import client
from notify_workers.store.session import transaction
from notify_workers.store.subscriptions import subscribers
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_at, places_of
from workflows.recipients import USERS, Reference

ChangeSettings = Callable[..., None]

PROJECT = {"id": "p1", "collection": "projects"}


def subscribe(object_: dict[str, str], *recipients: Any, **properties: Any) -> None:
    with transaction() as tx:
        subscriptions.add(tx, DEVELOPMENT, Reference(object_["collection"], object_["id"]), recipients, properties)


def thing(name: str) -> dict[str, str]:
    return {"id": name, "collection": "projects"}


def people(*names: str) -> list[dict[str, str]]:
    return [{"id": each, "email": f"{each}@example.com"} for each in names]


def reached(engine: Engine) -> list[str]:
    """Who has a run, of whatever trigger."""
    return sorted(row.recipient_id for row in engine.rows("select recipient_id from recipient_runs"))


@pytest.fixture
def hello(engine: Engine) -> Engine:
    engine.publish("hello", [email_step()])
    return engine


def test_an_objects_subscribers_are_reached_and_the_object_itself(hello: Engine, mail: MailServer) -> None:
    subscribe(PROJECT, *people("jane", "joe"))
    hello.trigger("hello", [PROJECT, *people("ann")])
    hello.drain()
    assert reached(hello) == ["ann", "jane", "joe", "p1"]
    assert len(mail.subjects()) == 3
    assert hello.count("due") == 0


def test_a_subscribers_object_is_followed_two_deep_and_no_deeper(hello: Engine) -> None:
    subscribe(thing("p1"), "u1", thing("p2"))
    subscribe(thing("p2"), "u2", thing("p3"))
    subscribe(thing("p3"), "u3")
    hello.trigger("hello", [PROJECT])
    hello.drain()
    assert reached(hello) == ["p1", "p2", "p3", "u1", "u2"]


def test_how_deep_it_goes_is_a_setting(hello: Engine, change_settings: ChangeSettings) -> None:
    change_settings(subscription_depth=1)
    subscribe(thing("p1"), "u1", thing("p2"))
    subscribe(thing("p2"), "u2")
    hello.trigger("hello", [PROJECT])
    hello.drain()
    assert reached(hello) == ["p1", "p2", "u1"]


def test_a_circle_of_subscriptions_ends(hello: Engine) -> None:
    subscribe(thing("p1"), thing("p2"), thing("p1"), "u1")
    subscribe(thing("p2"), thing("p1"), "u2")
    hello.trigger("hello", [PROJECT])
    hello.drain()
    assert reached(hello) == ["p1", "p2", "u1", "u2"]


def test_who_is_reached_on_several_ways_has_one_run_and_the_direct_one_wins(hello: Engine) -> None:
    for name in ("p1", "p2"):
        subscribe(thing(name), "jane", "joe", via=name)
    hello.trigger("hello", [thing("p1"), thing("p2"), {"id": "jane", "$trigger_data": {"own": 1}}], data={"a": 1})
    hello.drain()
    assert reached(hello) == ["jane", "joe", "p1", "p2"]
    jane, joe = hello.rows(
        "select data, subscription from recipient_runs where collection = '$users' order by recipient_id"
    )
    assert tuple(jane) == ({"a": 1, "own": 1}, None)
    assert joe.data is None
    assert set(joe.subscription["properties"]) == {"via"}


def test_the_actor_is_not_told_unless_named(hello: Engine) -> None:
    subscribe(PROJECT, "jane", "joe")
    hello.trigger("hello", [PROJECT], actor="jane")
    hello.drain()
    assert reached(hello) == ["joe", "p1"]
    hello.trigger("hello", [PROJECT, "jane"], actor="jane")
    hello.drain()
    assert reached(hello) == ["jane", "joe", "joe", "p1", "p1"]


def test_an_object_that_is_the_actor_is_passed_over_and_its_subscribers_are_not(hello: Engine) -> None:
    subscribe(thing("p1"), thing("p2"), "u1")
    subscribe(thing("p2"), "u2")
    hello.trigger("hello", [PROJECT], actor=thing("p2"))
    hello.drain()
    assert reached(hello) == ["p1", "u1", "u2"]


def test_templates_and_conditions_see_the_subscription(engine: Engine, mail: MailServer) -> None:
    subject = "{{ recipient.subscription.role }} of {{ recipient.subscription.object.name }}"
    conditions = {"all": [{"variable": "recipient.subscription.role", "operator": "equal_to", "argument": "owner"}]}
    engine.publish("hello", [{**email_step(subject=subject), "conditions": conditions}])
    subscribe({**PROJECT, "name": "?"}, *people("jane"), role="owner")
    subscribe(PROJECT, *people("joe"), role="guest")
    engine.trigger("hello", [{**PROJECT, "name": "Apollo"}, *people("ann")])
    engine.drain()
    assert mail.subjects() == ["owner of Apollo"]


def test_a_template_looks_subscriptions_up(engine: Engine, mail: MailServer) -> None:
    subject = "{% assign all = recipient.id | subscriptions %}{{ all | size }} {{ all[0].object.id }} {{ all[0].properties.n }}"
    engine.publish("hello", [email_step(subject=subject)])
    for number in range(30):
        subscribe(thing(f"p{number:02d}"), "jane", n=number)
    engine.trigger("hello", people("jane"))
    engine.drain()
    assert mail.subjects() == ["25 p00 0"]


def test_a_run_reached_by_subscription_can_be_cancelled(engine: Engine, mail: MailServer) -> None:
    engine.publish("hello", [delay_step(), email_step()])
    subscribe(PROJECT, *people("jane", "joe"))
    engine.trigger("hello", [PROJECT], cancellation_key="k")
    engine.drain()
    assert engine.cancel("hello", "k", "jane") == 1
    engine.advance(days=4)
    assert [message["To"] for message in mail.messages] == ["joe@example.com"]


def test_a_cancellation_between_two_chunks_stops_those_who_are_still_to_be_reached(
    engine: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=2)
    engine.publish("hello", [delay_step(), email_step()])
    subscribe(PROJECT, "u1", "u2", "u3", "u4", "u5")
    fanning = accept(engine, [PROJECT], cancellation_key="k")
    engine.answer(fanning)
    assert engine.cancel("hello", "k") is None
    finish(engine)
    assert engine.statuses() == {"cancelled": 6}


def accept(engine: Engine, recipients: list[Any], **request: Any) -> Bell:
    """Triggers and accepts; the bell for the rest of the fan-out."""
    list(engine.bells())
    engine.trigger("hello", recipients, settings={"sandbox_mode": True}, **request)
    (accepting,) = engine.bells()
    engine.answer(accepting)
    (fanning,) = [each for each in engine.bells() if each.task == "fan_out"]
    return fanning


def finish(engine: Engine) -> None:
    engine.expire_leases()
    engine.tick()


@pytest.mark.parametrize("number", [1, 9, 10, 11, 20, 21, 47])
@pytest.mark.parametrize("children", [0, 1, 12])
def test_everybody_has_one_run_whatever_the_numbers(
    engine: Engine, change_settings: ChangeSettings, number: int, children: int
) -> None:
    change_settings(fan_out_chunk=10)
    engine.publish("hello", [])
    below = [thing(f"c{each}") for each in range(children)]
    subscribe(PROJECT, *[f"u{each}" for each in range(number)], *below)
    for each in below:
        subscribe(each, "u0", f"of-{each['id']}", *[f"deep{other}" for other in range(3)])
    engine.trigger("hello", [PROJECT, *[f"named{each}" for each in range(12)]])
    engine.drain()
    deep = [f"deep{other}" for other in range(3)] if children else []
    expected = [f"u{each}" for each in range(number)] + [f"named{each}" for each in range(12)] + ["p1"] + deep
    expected += [name for each in below for name in (each["id"], f"of-{each['id']}")]
    assert reached(engine) == sorted(expected)
    assert engine.count("due") == 0


def test_no_more_than_a_chunk_is_read_at_once(hello: Engine, change_settings: ChangeSettings) -> None:
    change_settings(fan_out_chunk=10)
    subscribe(PROJECT, *[f"u{each:02d}" for each in range(35)])
    fanning = accept(hello, [PROJECT])
    made = []
    while hello.rows("select id from due where kind = 'fan_out'"):
        hello.answer(fanning)
        made.append(hello.count("recipient_runs"))
    assert made == [11, 21, 31, 36]
    with transaction() as tx:
        page = subscribers(tx, DEVELOPMENT, Reference("projects", "p1"), Reference(USERS, "u04"), 2)
    assert [each.reference.id for each in page] == ["u05", "u06"]


def test_who_comes_or_goes_meanwhile_disturbs_nobody_else(hello: Engine, change_settings: ChangeSettings) -> None:
    change_settings(fan_out_chunk=10)
    subscribe(PROJECT, *[f"u{each:02d}" for each in range(35)])
    fanning = accept(hello, [PROJECT])
    hello.answer(fanning)
    with transaction() as tx:
        gone = [Reference(USERS, f"u{each:02d}") for each in (3, 9, 30)]
        subscriptions.remove(tx, DEVELOPMENT, Reference("projects", "p1"), gone)
    subscribe(PROJECT, "a-first", "z-last")
    finish(hello)
    assert set(reached(hello)) - {"a-first", "z-last"} == {"p1", *(f"u{each:02d}" for each in range(35) if each != 30)}
    assert len(reached(hello)) == len(set(reached(hello)))


def test_bells_that_ring_twice_double_nobody_and_lost_ones_cost_a_lease(
    hello: Engine, change_settings: ChangeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(fan_out_chunk=10)
    subscribe(PROJECT, *[f"u{each:02d}" for each in range(35)], thing("p2"))
    subscribe(thing("p2"), *[f"v{each:02d}" for each in range(35)])
    fanning = accept(hello, [PROJECT])
    with monkeypatch.context() as patched:
        patched.setattr(queue, "ring", lambda bells: None)
        hello.answer(fanning)
        hello.answer(fanning)
    client().flushdb()
    hello.advance(minutes=1)
    hello.advance(minutes=2)
    hello.answer(fanning)
    assert len(reached(hello)) == len(set(reached(hello))) == 72
    assert (hello.statuses(), hello.count("due")) == ({"completed": 72}, 0)


def test_a_kill_between_any_two_lines_of_a_chunk_loses_and_doubles_nobody(
    engine: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=3)
    engine.publish("hello", [])
    subscribe(PROJECT, "u1", "u2", thing("p2"), "u3")
    subscribe(thing("p2"), "u4", "u5")
    places = places_of(partial(engine.answer, accept(engine, [PROJECT])))
    for place in places:
        killed_at(place, partial(engine.answer, accept(engine, [PROJECT])))
    finish(engine)
    each = engine.rows("select count(*) as number from recipient_runs group by trigger_id")
    assert [row.number for row in each] == [7] * (len(places) + 1)
    assert engine.one("select count(*) as number from due where kind = 'fan_out'").number == 0


def test_a_chunk_answered_by_many_at_once_is_made_once(hello: Engine, change_settings: ChangeSettings) -> None:
    change_settings(fan_out_chunk=10)
    subscribe(PROJECT, *[f"u{each:02d}" for each in range(35)])
    fanning = accept(hello, [PROJECT])
    barrier = Barrier(4)

    def answer(_: int) -> None:
        barrier.wait()
        hello.answer(fanning)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(answer, range(4)))
    finish(hello)
    assert reached(hello) == ["p1", *(f"u{each:02d}" for each in range(35))]


def test_a_trigger_for_users_only_asks_nothing_of_subscriptions(hello: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify_workers.store.subscriptions.with_subscribers", None)
    hello.trigger("hello", ["jane", "joe"])
    hello.drain()
    assert reached(hello) == ["jane", "joe"]


def test_an_object_without_subscribers_owes_no_second_hop(hello: Engine) -> None:
    hello.trigger("hello", [PROJECT])
    (accepting,) = hello.bells()
    hello.answer(accepting)
    assert [each.task for each in hello.bells()] == ["run_step"]
