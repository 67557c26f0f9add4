from __future__ import annotations

from typing import Any

import pytest

from notify_workers.store import trigger_data
from notify_workers.store.activities import first_activities
from notify_workers.store.messages import MessageFilter, page_of_messages
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step

DATA: tuple[dict[str, Any], ...] = (
    {"n": 7},
    {"n": "7", "text": "true"},
    {"n": 7.5, "text": True},
    {"n": "7.0", "text": "x" * 300},
    {"n": None, "text": "null"},
    {"n": [7], "text": '"7"'},
)

WANTED: tuple[dict[str, Any], ...] = (
    {"n": 7},
    {"n": "7"},
    {"n": "7.5"},
    {"n": "7.0"},
    {"n": "null"},
    {"n": None},
    {"n": "[7]"},
    {"text": "true"},
    {"text": True},
    {"text": "x" * 256},
    {"text": "x" * 255},
    {"text": '"7"'},
    {"n": "7", "text": "true"},
    {"n": 7, "text": "true"},
    {"missing": 1},
)


def told(engine: Engine, *datas: dict[str, Any]) -> None:
    """A message for each: of the users `0`, `1` and so on."""
    engine.publish("hello", [email_step()])
    for number, data in enumerate(datas):
        engine.trigger("hello", [{"id": str(number), "email": "jane@example.com"}], data=data)
    engine.drain()


def found(wanted: dict[str, Any]) -> list[str]:
    with transaction() as tx:
        page = page_of_messages(tx, DEVELOPMENT, MessageFilter(trigger_data=wanted), after=None, before=None, limit=50)
    return sorted(each.recipient.id for each in page)


def test_what_the_index_finds_is_what_a_walk_through_the_list_finds(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(engine, *DATA)
    looked_up = [found(wanted) for wanted in WANTED]
    monkeypatch.setattr(trigger_data, "_indexed", lambda *_: [])
    assert [found(wanted) for wanted in WANTED] == looked_up
    assert looked_up[:4] == [["0"], ["0", "1"], ["2"], ["3"]]


def test_data_that_many_have_is_found_on_the_way_through_the_list(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(engine, {"n": 1}, {"n": 1}, {"n": 2})
    monkeypatch.setattr(trigger_data, "FEW", 1)
    with transaction() as tx:
        assert trigger_data.among(tx, DEVELOPMENT, {"n": 1}) == []
        assert len(trigger_data.among(tx, DEVELOPMENT, {"n": 2})) == 1
    assert (found({"n": 1}), found({"n": 2})) == (["0", "1"], ["2"])


def test_data_that_a_run_was_given_alone_is_found_and_the_triggers_is_not(engine: Engine) -> None:
    engine.publish("hello", [email_step()])
    special = {"id": "special", "email": "jane@example.com", "$trigger_data": {"n": 2}}
    engine.trigger("hello", [special, {"id": "other", "email": "jane@example.com"}], data={"n": 1})
    engine.drain()
    assert found({"n": 1}) == ["other"]
    assert found({"n": 2}) == ["special"]


def test_the_activities_of_a_page_are_read_at_once(engine: Engine) -> None:
    told(engine, {"n": 1}, {"n": 2})
    ids = [row.id for row in engine.rows("select id from messages order by id")]
    with transaction() as tx:
        found = first_activities(tx, [*ids, "unknown"], 10)
    assert [[each.data["n"] for each in found[of]] for of in [*ids, "unknown"]] == [[1], [2], []]
