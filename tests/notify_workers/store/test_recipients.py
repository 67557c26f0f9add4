from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from notify_workers.ids import environment_id
from notify_workers.store.purges import delete_recipient
from notify_workers.store.recipients import Recipient, get_recipient, identify, page_of_recipients
from notify_workers.store.session import as_json, transaction
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import USERS, Identity, Reference, deep_merge

JANE = Reference(USERS, "jane")
PRODUCTION = environment_id("production")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["", "a", "ü"])
    | st.lists(st.integers(0, 3), max_size=2)
)
MAPS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), LEAVES | inner, max_size=3),
    max_leaves=8,
)


def known(reference: Reference = JANE) -> Recipient | None:
    with transaction() as tx:
        return get_recipient(tx, DEVELOPMENT, reference)


def say(*properties: dict[str, Any], reference: Reference = JANE) -> list[Recipient]:
    with transaction() as tx:
        return identify(tx, [(DEVELOPMENT, Identity(reference, each)) for each in properties])


def users(**page: Any) -> list[str]:
    with transaction() as tx:
        return [
            each.reference.id
            for each in page_of_recipients(
                tx, DEVELOPMENT, USERS, **{"after": None, "before": None, "limit": 3, **page}
            )
        ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(old=MAPS, new=MAPS)
def test_python_and_the_database_merge_alike(old: dict[str, Any], new: dict[str, Any], engine: Engine) -> None:
    with transaction() as tx:
        merged = tx.scalar(text("select deep_merge(:old, :new)"), old=as_json(old), new=as_json(new))
    assert merged == deep_merge(old, new)


def test_a_recipient_is_made_and_then_merged_deeply(engine: Engine) -> None:
    (first,) = say({"name": "Jane", "plan": {"name": "pro", "seats": 3}})
    (second,) = say({"plan": {"seats": 4}, "name": None})
    assert first.properties == {"name": "Jane", "plan": {"name": "pro", "seats": 3}}
    assert second.properties == {"name": None, "plan": {"name": "pro", "seats": 4}}
    found = known()
    assert found is not None
    assert found.properties == second.properties
    assert found.updated_at > first.updated_at


def test_what_is_said_twice_in_one_request_is_merged_in_order(engine: Engine) -> None:
    (merged,) = say({"a": 1, "deep": {"x": 1}}, {"a": 2, "deep": {"y": 2}})
    assert merged.properties == {"a": 2, "deep": {"x": 1, "y": 2}}
    with transaction() as tx:
        assert identify(tx, []) == []


def test_the_applications_own_date_is_kept_when_nothing_new_is_said_of_it(engine: Engine) -> None:
    born = datetime(2020, 1, 1, tzinfo=UTC)
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(JANE, created_at=born))])
    (again,) = say({"name": "Jane"})
    assert again.created_at == born


def test_a_recipient_is_one_of_its_collection_and_its_environment(engine: Engine) -> None:
    say({"name": "user"})
    say({"name": "object"}, reference=Reference("projects", "jane"))
    with transaction() as tx:
        identify(tx, [(PRODUCTION, Identity(JANE, {"name": "elsewhere"}))])
    found = known()
    assert found is not None
    assert found.properties == {"name": "user"}
    assert (str(JANE), str(Reference("projects", "p1"))) == ("jane", "projects/p1")
    assert (JANE.as_wire(), Reference("projects", "p1").as_wire()) == ("jane", {"collection": "projects", "id": "p1"})


def test_identifying_the_same_people_in_any_order_at_once_deadlocks_nobody(engine: Engine) -> None:
    people = [(DEVELOPMENT, Identity(Reference(USERS, f"u{each}"), {"n": each})) for each in range(50)]
    barrier = Barrier(6)

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(5):
            with transaction() as tx:
                identify(tx, people if number % 2 else reversed(people))

    with ThreadPoolExecutor(6) as threads:
        for future in [threads.submit(work, number) for number in range(6)]:
            future.result(30)
    assert engine.count("recipients") == 50


def test_a_deleted_recipient_is_unknown_and_deleting_again_is_no_error(engine: Engine) -> None:
    say({"name": "Jane"})
    for _ in range(2):
        with transaction() as tx:
            delete_recipient(tx, DEVELOPMENT, JANE)
    assert known() is None


def test_users_are_listed_by_id_a_page_at_a_time_both_ways(engine: Engine) -> None:
    for name in "fbdaec":
        say({}, reference=Reference(USERS, name))
    say({}, reference=Reference("projects", "aa"))
    assert users() == ["a", "b", "c"]
    assert users(after="c") == ["d", "e", "f"]
    assert users(after="f") == []
    assert users(before="f") == ["c", "d", "e"]
    assert users(before="b") == ["a"]
