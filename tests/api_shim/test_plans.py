"""Every list stays fast when there is much: no statement reads a whole large table, and none sorts one.

Statements are taken from real requests, and explained with the plan that the pool's connections use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import pytest
from sqlalchemy import event

from benchmarks import plenty
from benchmarks.plenty import Amount, Names
from notify_workers.settings import Settings
from notify_workers.store import session
from notify_workers.store.session import transaction
from tests.conftest import SECRET, CheckedClient

MOST_ROWS = 5_000
"""Rows that a plan may expect to sort, or to read from a table from its beginning to its end."""

MESSAGES = {
    "tenant=tenant-3",
    "channel_id={feed}",
    "status[]=queued",
    "engagement_status[]=unread",
    "engagement_status[]=interacted",
    "message_ids[]={message}",
    "workflow_categories[]=news",
    "source=workflow-3",
    "workflow_run_id={trigger}",
    "workflow_recipient_run_id={run}",
    'trigger_data={{"n": 7}}',
    "inserted_at.gte=2020-01-01T00:00:00Z",
    "inserted_at.lt=2030-01-01T00:00:00Z",
}
OF_ONE = MESSAGES - {'trigger_data={{"n": 7}}'}
"""While there are as few triggers as here, reading them all costs no more than looking up those of somebody's messages."""

FEED = {
    "status=unread",
    "status=seen",
    "source=workflow-3",
    "tenant=tenant-3",
    "tenant=tenant-3&has_tenant=true",
    "has_tenant=false",
    "workflow_categories[]=news",
    "archived=include",
    "archived=only",
    "mode=compact",
    'trigger_data={{"n": 7}}',
    "inserted_at.gte=2020-01-01T00:00:00Z",
}
RUNS = {
    "workflow=workflow-3",
    "status[]=paused",
    "tenant=tenant-3",
    "has_errors=true",
    "has_errors=false",
    "recipient=user-3",
    "starting_at=2020-01-01T00:00:00Z",
    "ending_at=2030-01-01T00:00:00Z",
}
LISTS: dict[str, set[str]] = {
    "/v1/users": set(),
    "/v1/objects/projects": set(),
    "/v1/tenants": {"name=Name", "tenant_id=tenant-3"},
    "/v1/messages": MESSAGES,
    "/v1/users/user-3/messages": OF_ONE,
    "/v1/objects/projects/project-3/messages": OF_ONE,
    "/v1/messages/{message}/events": set(),
    "/v1/messages/{message}/activities": {'trigger_data={{"n": 7}}'},
    "/v1/messages/{message}/delivery_logs": set(),
    "/v1/messages/batch/content?message_ids[]={message}": set(),
    "/v1/users/user-3/feeds/{feed}": FEED,
    "/v1/workflow_recipient_runs": RUNS,
    "/v1/workflow_recipient_runs/{run}": set(),
    "/v1/schedules?workflow=workflow-3": {"tenant=tenant-3", "recipients[]=user-3"},
    "/v1/users/user-3/schedules": {"workflow=workflow-3", "tenant=tenant-3"},
    "/v1/objects/projects/project-3/schedules": {"workflow=workflow-3", "tenant=tenant-3"},
    "/v1/users/user-3/subscriptions": {"objects[]=project-3"},
    "/v1/objects/projects/project-3/subscriptions": {"mode=recipient", "recipients[]=user-3"},
    "/v1/audiences/audience-3/members": set(),
}
"""Every list with each of its filters. Those of statuses, categories, trigger data and times have no index of their own:
they walk the list's order until the page is full."""

BULK: list[Mapping[str, Any]] = [
    {},
    {"user_ids": ["user-3"], "archived": "exclude"},
    {"user_ids": ["user-3"], "engagement_status": "unseen"},
    {"tenants": ["tenant-3"]},
    {"workflows": ["workflow-3"]},
    {"user_ids": ["user-3"], "trigger_data": '{"n": 7}'},
]
"""A filter on trigger data alone looks at every message of the channel, as it has to."""


_PARAMETER = re.compile(r"%\((\w+)\)s")


@pytest.fixture(scope="module")
def names(stores: Settings) -> Iterator[Names]:
    """A large installation, and the names of some things in it; it is emptied afterwards."""
    with transaction() as tx:
        plenty.empty(tx)
        made = plenty.make(tx, Amount())
    yield made
    with transaction() as tx:
        plenty.empty(tx)


Wrong = Callable[[Callable[[], object]], list[str]]


@pytest.fixture
def wrong(names: Names) -> Iterator[Wrong]:
    """What is wrong with the plans of the statements that something sends."""
    taken: list[str] = []

    def take(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().lower().startswith(("select", "with")):
            taken.append(statement)

    def look(does: Callable[[], object]) -> list[str]:
        taken.clear()
        does()
        return [problem for each in dict.fromkeys(taken) for problem in _problems(each)]

    event.listen(session.engine(), "before_cursor_execute", take)
    yield look
    event.remove(session.engine(), "before_cursor_execute", take)


@cache
def _problems(statement: str) -> list[str]:
    """Explained without the parameters' values, as the pool's connections plan (`force_generic_plan`)."""
    return list(_problems_of(statement))


def _problems_of(statement: str) -> Iterator[str]:
    for node in _nodes(_plan(statement)):
        kind, rows = node["Node Type"], node["Plan Rows"]
        if kind == "Seq Scan" and node["Relation Name"] in plenty.LARGE:
            yield f"reads all of {node['Relation Name']}: {statement}"
        if "Sort" in kind and rows > MOST_ROWS:
            yield f"sorts {rows} rows: {statement}"


def _plan(statement: str) -> dict[str, Any]:
    places: dict[str, str] = {}
    numbered = _PARAMETER.sub(lambda found: places.setdefault(found[1], f"${len(places) + 1}"), statement)
    with session.engine().connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"explain (generic_plan, format json) {numbered.replace('%%', '%')}")
        ((found,),) = cursor.fetchall()
        connection.rollback()
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from _nodes(each)


@pytest.fixture
def large(stores: Settings, names: Names) -> Iterator[CheckedClient]:
    """The application before the large installation; `api` would empty it."""
    from api_shim.app import make_app

    with CheckedClient(make_app(), client=("127.0.0.1", 50000), headers=SECRET) as client:
        yield client


def addresses(path: str, names: Names) -> list[str]:
    """A list's address, with each of its filters, and its second page."""
    joined = "&" if "?" in path else "?"
    queries = ["", f"{joined}page_size=2", *(f"{joined}{query}" for query in sorted(LISTS[path]))]
    values = {"message": names.message, "run": names.run, "trigger": names.trigger, "feed": names.feed}
    return [(path + query).format(**values) for query in queries]


@pytest.mark.parametrize("path", LISTS)
def test_no_list_reads_or_sorts_a_whole_table(large: CheckedClient, names: Names, wrong: Wrong, path: str) -> None:
    for address in addresses(path, names):
        first = large.get(address)
        assert first.status_code == 200, (address, first.text)
        assert wrong(partial(large.get, address)) == [], address
        after = re.search(r'"after":"([^"]+)"', first.text)
        if after:
            assert wrong(partial(large.get, f"{address}{'&' if '?' in address else '?'}after={after[1]}")) == [], (
                address
            )


@pytest.mark.parametrize("body", BULK, ids=str)
def test_no_action_on_a_channel_reads_or_sorts_a_whole_table(
    large: CheckedClient, names: Names, wrong: Wrong, body: Mapping[str, Any]
) -> None:
    path = f"/v1/channels/{names.feed}/messages/bulk/seen"
    assert wrong(partial(large.post, path, json=body)) == []
