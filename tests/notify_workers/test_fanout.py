from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from notify_workers import queue, resources
from notify_workers.ids import recipient_run_id
from notify_workers.queue import Bell
from notify_workers.redis_client import client
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_at, places_of

ChangeSettings = Callable[..., None]


@pytest.fixture
def many(engine: Engine, change_settings: ChangeSettings) -> Engine:
    """A workflow whose trigger is fanned out ten recipients at a time."""
    change_settings(fan_out_chunk=10)
    engine.publish("hello", [email_step(subject="{{ data.what }}")])
    return engine


def people(number: int) -> list[dict[str, Any]]:
    return [{"id": f"u{each}", "email": f"u{each}@example.com"} for each in range(number)]


def accept(engine: Engine, recipients: list[Any], **request: Any) -> list[Bell]:
    """Triggers and accepts; the bells that this rings."""
    engine.trigger("hello", recipients, settings={"sandbox_mode": True}, **request)
    (accepting,) = engine.bells()
    engine.answer(accepting)
    return list(engine.bells())


def recipients_of_runs(engine: Engine) -> list[str]:
    return [row.recipient_id for row in engine.rows("select recipient_id from recipient_runs")]


def test_a_small_trigger_is_fanned_out_where_it_is_accepted(many: Engine) -> None:
    bells = accept(many, people(10))
    assert [each.task for each in bells] == ["run_step"] * 10
    assert many.count("due") == 10


def test_a_large_trigger_is_fanned_out_a_chunk_at_a_time(many: Engine) -> None:
    made = []
    bells = accept(many, people(25))
    while fanning := [each for each in bells if each.task == "fan_out"]:
        made.append(many.count("recipient_runs"))
        many.answer(fanning[0])
        bells = list(many.bells())
    assert (made, many.count("recipient_runs")) == ([10, 20], 25)
    assert many.one("select count(*) as number from due where kind = 'fan_out'").number == 0


@pytest.mark.parametrize("number", [1, 9, 10, 11, 20, 21])
def test_everybody_has_one_run_whatever_the_number(number: int, many: Engine) -> None:
    accept(many, people(number))
    many.expire_leases()
    many.tick()
    assert sorted(recipients_of_runs(many)) == sorted(f"u{each}" for each in range(number))
    assert (many.statuses(), many.count("due")) == ({"completed": number}, 0)


def test_a_run_is_named_by_its_trigger_and_its_recipient(many: Engine) -> None:
    trigger_id = many.trigger("hello", ["jane", {"id": "jane", "collection": "projects"}])
    many.drain()
    found = {row.id for row in many.rows("select id from recipient_runs")}
    assert found == {recipient_run_id(trigger_id, each, "jane") for each in ("$users", "projects")}
    assert recipient_run_id(trigger_id, "a", "bc") != recipient_run_id(trigger_id, "ab", "c")


def test_a_fan_out_of_1200_that_is_killed_in_the_middle_doubles_nobody(
    engine: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=100)
    engine.publish("hello", [])
    repeated = [*people(1200), *people(50)]
    (fanning,) = [each for each in accept(engine, repeated) if each.task == "fan_out"]
    for _ in range(5):
        engine.answer(fanning)
    client().flushdb()
    assert engine.count("recipient_runs") == 600
    engine.advance(minutes=1)
    engine.advance(minutes=2)
    assert len(recipients_of_runs(engine)) == len(set(recipients_of_runs(engine))) == 1200
    assert (engine.statuses(), engine.count("due")) == ({"completed": 1200}, 0)


def test_a_chunk_answered_by_many_at_once_is_made_once(many: Engine) -> None:
    (fanning,) = [each for each in accept(many, people(35)) if each.task == "fan_out"]
    barrier = Barrier(4)

    def answer(_: int) -> None:
        barrier.wait()
        many.answer(fanning)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(answer, range(4)))
    many.expire_leases()
    many.tick()
    assert sorted(recipients_of_runs(many)) == sorted(f"u{each}" for each in range(35))
    assert (many.statuses(), many.count("messages")) == ({"completed": 35}, 35)


def test_a_bell_for_a_fan_out_long_done_does_nothing(many: Engine) -> None:
    (fanning,) = [each for each in accept(many, people(15)) if each.task == "fan_out"]
    many.answer(fanning)
    many.answer(fanning)
    many.answer(Bell("fan_out", (999_999,)))
    assert many.count("recipient_runs") == 15


def test_a_crash_between_the_chunk_and_its_bells_costs_a_lease(many: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    (fanning,) = [each for each in accept(many, people(25)) if each.task == "fan_out"]
    with monkeypatch.context() as patched:
        patched.setattr(queue, "ring", lambda bells: None)
        many.answer(fanning)
    assert many.count("recipient_runs") == 20
    many.advance(seconds=16)
    many.advance(seconds=16)
    assert (many.statuses(), many.count("due")) == ({"completed": 25}, 0)


def test_a_kill_between_any_two_lines_of_a_fan_out_loses_and_doubles_nobody(
    many: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(fan_out_chunk=2)
    many.publish("hello", [])
    places = places_of(partial(many.answer, fan_out_bell(many)))
    for place in places:
        killed_at(place, partial(many.answer, fan_out_bell(many)))
    many.expire_leases()
    many.tick()
    each = many.rows("select count(*) as number from recipient_runs group by trigger_id")
    assert [row.number for row in each] == [5] * (len(places) + 1)
    assert many.one("select count(*) as number from due where kind = 'fan_out'").number == 0


def fan_out_bell(engine: Engine) -> Bell:
    list(engine.bells())
    (bell,) = [each for each in accept(engine, people(5)) if each.task == "fan_out"]
    return bell


def test_data_for_one_recipient_stays_with_that_recipient_in_every_chunk(many: Engine) -> None:
    special = {**people(25)[23], "$trigger_data": {"what": "special", "deep": {"b": 2}}}
    accept(many, [*people(23), special], data={"what": "common", "deep": {"a": 1}})
    many.expire_leases()
    many.tick()
    own = many.one("select recipient_id, data from recipient_runs where data is not null")
    assert tuple(own) == ("u23", {"what": "special", "deep": {"a": 1, "b": 2}})
    subjects = many.rows("select content ->> 'subject' as subject, count(*) as number from messages group by 1")
    assert {row.subject: row.number for row in subjects} == {"common": 23, "special": 1}


def test_runs_of_a_workflow_edited_during_the_fan_out_are_of_one_version(many: Engine) -> None:
    (fanning,) = [each for each in accept(many, people(25)) if each.task == "fan_out"]
    many.publish("hello", [email_step(subject="Edited")])
    many.answer(fanning)
    many.drain()
    versions = many.rows("select version_id from recipient_runs group by 1")
    assert len(versions) == 1


def test_runs_made_after_their_workflow_was_deactivated_end_at_their_first_step(many: Engine) -> None:
    (fanning,) = [each for each in accept(many, people(25)) if each.task == "fan_out"]
    list(many.bells())
    resources.set_workflow_active(DEVELOPMENT, "hello", False)
    many.answer(fanning)
    many.expire_leases()
    many.tick()
    assert (many.count("messages"), many.statuses(), many.count("due")) == (0, {"cancelled": 25}, 0)
