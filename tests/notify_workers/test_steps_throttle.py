"""So many executions in a window, and no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from notify_workers import lifeline
from tests.engine import Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_at, places_of
from tests.notify_workers.language import JANE, details, function_step, send

HOUR = {"throttle_window": {"unit": "hours", "value": 1}}


def publish(engine: Engine, key: str = "limited", **settings: Any) -> None:
    engine.publish(key, [function_step("throttle", **{**HOUR, **settings}), email_step(subject="{{ n }}")])


def numbers(engine: Engine, *each: int, **request: Any) -> None:
    for number in each:
        send(engine, "limited", **{"data": {"n": number, **request.pop("data", {})}, **request})


def test_what_is_beyond_the_limit_ends_its_run(engine: Engine, mail: MailServer) -> None:
    publish(engine, throttle_limit=2)
    numbers(engine, 1, 2, 3, 4)
    assert mail.subjects() == ["1", "2"]
    assert engine.statuses() == {"completed": 4}
    assert [each["number"] for each in details(engine, "throttle_counted")] == [1, 2, 3, 4]


def test_the_window_opens_with_the_first_one_and_closes_whatever_comes(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    numbers(engine, 1)
    for number in (2, 3, 4):
        engine.advance(minutes=19)
        numbers(engine, number)
    assert mail.subjects() == ["1"]
    engine.advance(minutes=3, seconds=1)
    numbers(engine, 5, 6)
    assert mail.subjects() == ["1", "5"]


def test_recipients_steps_and_workflows_have_windows_of_their_own(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    publish(engine, "another")
    numbers(engine, 1)
    send(engine, "another", data={"n": 2})
    send(engine, "limited", {**JANE, "id": "joe"}, data={"n": 3})
    project = {"id": "jane", "collection": "projects", "email": "p@example.com"}
    send(engine, "limited", project, data={"n": 4})
    assert mail.subjects() == ["1", "2", "3", "4"]


def test_a_key_splits_the_window(engine: Engine, mail: MailServer) -> None:
    publish(engine, throttle_key="{{ data.page }}")
    for number, page in ((1, "a"), (2, "b"), (3, "a")):
        send(engine, "limited", data={"n": number, "page": page})
    assert mail.subjects() == ["1", "2"]


def test_tenants_have_windows_of_their_own(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    for number, tenant in ((1, "acme"), (2, "umbrella"), (3, "acme"), (4, None)):
        send(engine, "limited", data={"n": number}, **({"tenant": tenant} if tenant else {}))
    assert mail.subjects() == ["1", "2", "4"]


def test_a_window_may_come_from_the_data_and_is_the_openers(engine: Engine, mail: MailServer) -> None:
    step = function_step("throttle", throttle_window_field_path="data.window")
    engine.publish("limited", [step, email_step(subject="{{ n }}")])
    for number, minutes in ((1, 10), (2, 1)):
        send(engine, "limited", data={"n": number, "window": {"unit": "minutes", "value": minutes}})
    engine.advance(minutes=5)
    send(engine, "limited", data={"n": 3, "window": {"unit": "minutes", "value": 10}})
    engine.advance(minutes=6)
    send(engine, "limited", data={"n": 4, "window": {"unit": "minutes", "value": 10}})
    assert mail.subjects() == ["1", "4"]


@pytest.mark.parametrize("window", [None, "soon", "2001-01-01", {"unit": "days", "value": 40}])
def test_a_window_that_is_none_skips_the_step_with_an_error(window: Any, engine: Engine, mail: MailServer) -> None:
    step = function_step("throttle", throttle_window_field_path="data.window")
    engine.publish("limited", [step, email_step(subject="{{ n }}")])
    for number in (1, 2):
        send(engine, "limited", data={"n": number, "window": window})
    assert mail.subjects() == ["1", "2"]
    assert {row.error_count for row in engine.rows("select error_count from recipient_runs")} == {1}
    assert engine.count("throttle_windows") == 0


def test_an_execution_that_crashes_anywhere_is_counted_once(engine: Engine, mail: MailServer) -> None:
    publish(engine, throttle_limit=1000)

    def step_bell(number: int) -> Any:
        engine.trigger("limited", [JANE], data={"n": number})
        (accepting,) = engine.bells()
        engine.answer(accepting)
        return next(iter(engine.bells()))

    bell = step_bell(0)
    places = places_of(lambda: engine.answer(bell))
    engine.drain()
    chosen = places[:: max(1, len(places) // 25)]
    for number, place in enumerate(chosen, 1):
        bell = step_bell(number)
        killed_at(place, lambda bell=bell: engine.answer(bell))  # type: ignore[misc]
        engine.drain()
        engine.advance(seconds=16)
    assert engine.one("select executions from throttle_windows").executions == len(chosen) + 1
    assert mail.subjects() == [str(number) for number in range(len(chosen) + 1)]


def test_many_at_once_are_counted_one_by_one(engine: Engine, mail: MailServer) -> None:
    publish(engine, throttle_limit=3)
    for number in range(12):
        engine.trigger("limited", [JANE], data={"n": number})
    with ThreadPoolExecutor(12) as threads:
        while bells := list(engine.bells()):
            list(threads.map(engine.answer, bells))
    assert len(mail.messages) == 3
    assert engine.one("select executions from throttle_windows").executions == 12


def test_windows_that_are_over_are_forgotten(engine: Engine) -> None:
    publish(engine)
    numbers(engine, 1)
    lifeline.look()
    assert engine.count("throttle_windows") == 1
    engine.advance(hours=1, seconds=1)
    lifeline.look()
    assert engine.count("throttle_windows") == 0
