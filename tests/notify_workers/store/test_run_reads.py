from __future__ import annotations

from typing import Any

import pytest

from notify_workers.ids import environment_id
from notify_workers.store.run_reads import RunFilter, RunRow, get_run, page_of_runs, run_events
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from workflows.recipients import USERS, Reference


@pytest.fixture
def ran(engine: Engine) -> Engine:
    """Runs, oldest first: a is paused, b completed, c failed and completed, d cancelled."""
    engine.publish("later", [delay_step(), email_step()])
    engine.publish("hello", [email_step()])
    engine.publish("broken", [email_step(subject="{{ 1 | divided_by: 0 }}")])
    for name, workflow, request in (
        ("a", "later", {"tenant": "acme"}),
        ("b", "hello", {"actor": "boss"}),
        ("c", "broken", {}),
        ("d", "later", {"cancellation_key": "k"}),
    ):
        engine.trigger(workflow, [{"id": name, "email": f"{name}@example.com"}], **request)
        engine.drain()
    engine.cancel("later", "k")
    return engine


def page(*, after: str | None = None, before: str | None = None, limit: int = 50, **narrowed: Any) -> list[RunRow]:
    with transaction() as tx:
        return page_of_runs(tx, DEVELOPMENT, RunFilter(**narrowed), after=after, before=before, limit=limit)


def names(runs: list[RunRow]) -> str:
    return "".join(each.recipient.id for each in runs)


def test_runs_are_listed_newest_first_a_page_at_a_time_both_ways(ran: Engine) -> None:
    d, c, b, a = page()
    assert names([d, c, b, a]) == "dcba"
    assert names(page(limit=2)) == "dc"
    assert names(page(limit=2, after=c.cursor)) == "ba"
    assert names(page(limit=2, before=a.cursor)) == "cb"
    assert page(before=d.cursor) == page(after=a.cursor) == []


def test_a_cursor_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ValueError, match=r".+"):
        page(after="nonsense")


def test_a_list_is_narrowed(ran: Engine) -> None:
    assert names(page(workflow="later")) == "da"
    assert names(page(statuses=["paused", "cancelled"])) == "da"
    assert names(page(statuses=["queued"])) == "c"
    assert names(page(tenant="acme")) == "a"
    assert names(page(has_errors=True)) == "c"
    assert names(page(has_errors=False)) == "dba"
    assert names(page(recipient=Reference(USERS, "b"))) == "b"
    assert names(page(recipient=Reference("projects", "b"))) == ""


def test_a_list_is_narrowed_to_times(ran: Engine) -> None:
    at = page()[2].inserted_at
    assert names(page(starting_at=at)) == "dcb"
    assert names(page(ending_at=at)) == "a"
    assert names(page(starting_at=at, ending_at=at)) == ""


def test_a_run_shows_what_its_trigger_said(ran: Engine) -> None:
    d, _, b, a = page()
    with transaction() as tx:
        assert get_run(tx, d.id) == d
        assert get_run(tx, d.id, environment_id("production")) is None
    assert (d.cancellation_key, d.status, d.actor) == ("k", "cancelled", None)
    assert (a.tenant, a.paused_until is not None, a.source) == ("acme", True, {"type": "api"})
    assert b.actor == Reference(USERS, "boss")


def test_the_log_of_a_run_tells_everything_in_order(ran: Engine) -> None:
    d, c, b, _ = page()
    with transaction() as tx:
        assert [each.event for each in run_events(tx, d.id)] == ["step_started", "step_paused", "run_cancelled"]
        failed = run_events(tx, c.id)
        assert [each.event for each in run_events(tx, b.id)][-1] == "run_completed"
    assert [(each.event, each.status, each.step_ref) for each in failed] == [
        ("step_started", "ok", "email_1"),
        ("address_resolved", "ok", "email_1"),
        ("step_attempt_failed", "error", "email_1"),
    ]
    assert all(len(each.id) == 27 for each in failed)
    assert failed[0].step_type == "channel"
