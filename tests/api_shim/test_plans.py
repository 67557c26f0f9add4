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
from notify_workers import feeds
from notify_workers.settings import Settings
from notify_workers.store import (
    api_log,
    audiences,
    bulk_operations,
    dynamic_audiences,
    feed_changes,
    session,
    sources,
    subscriptions,
    vendor_events,
    webhooks,
)
from notify_workers.store.feed_changes import Feed
from notify_workers.store.session import Transaction, transaction
from tests.conftest import SECRET, CheckedClient
from tests.engine import DEVELOPMENT
from workflows.recipients import Reference

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
    "workflow_run_id={each}",
    "workflow_recipient_run_id={each}",
    'trigger_data={{"n": 7}}',
    'trigger_data={{"odd": true}}',
    'trigger_data={{"n": "7"}}',
    "inserted_at.gte=2020-01-01T00:00:00Z",
    "inserted_at.lt=2030-01-01T00:00:00Z",
}
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
    "/v1/users/user-3/messages": MESSAGES,
    "/v1/objects/projects/project-3/messages": MESSAGES,
    "/v1/messages/{message}/events": set(),
    "/v1/messages/{message}/activities": {'trigger_data={{"n": 7}}'},
    "/v1/messages/{message}/delivery_logs": set(),
    "/v1/messages/batch/content?message_ids[]={message}": set(),
    "/v1/users/user-3/feeds/{feed}": FEED,
    "/v1/workflow_recipient_runs": RUNS,
    "/v1/workflow_recipient_runs/{each}": set(),
    "/v1/schedules?workflow=workflow-3": {"tenant=tenant-3", "recipients[]=user-3"},
    "/v1/users/user-3/schedules": {"workflow=workflow-3", "tenant=tenant-3"},
    "/v1/objects/projects/project-3/schedules": {"workflow=workflow-3", "tenant=tenant-3"},
    "/v1/users/user-3/subscriptions": {"objects[]=project-3"},
    "/v1/objects/projects/project-3/subscriptions": {"mode=recipient", "recipients[]=user-3"},
    "/v1/audiences/audience-3/members": set(),
    "/v1/users/user-3/guides/{guides}": {"tenant=tenant-3"},
    "/v1/bulk_operations/{each}": set(),
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
    {"trigger_data": '{"n": 7}'},
    {"trigger_data": '{"odd": true}'},
]

Reading = Callable[[Transaction, Names], object]

ROWS: dict[str, Reading] = {
    "requests": lambda tx, _: api_log.find(tx, api_log.Filter(), 50),
    "requests of an environment": lambda tx, _: api_log.find(tx, api_log.Filter(environment_id=DEVELOPMENT), 50),
    "refused requests": lambda tx, _: api_log.find(
        tx, api_log.Filter(environment_id=DEVELOPMENT, statuses=(400, 499)), 50
    ),
    "the request of a trigger": lambda tx, names: api_log.find(tx, api_log.Filter(workflow_run_id=names.each), 50),
    "a request": lambda tx, names: api_log.find(tx, api_log.Filter(id=names.each), 1),
    "requests to be forgotten": lambda tx, _: api_log.forget_old(tx, 1e9, 5000),
    "deliveries of a webhook": lambda tx, names: webhooks.deliveries(tx, names.each, limit=50),
    "failed deliveries of a webhook": lambda tx, names: webhooks.deliveries(tx, names.each, status="failed", limit=50),
    "further deliveries of a webhook": lambda tx, names: webhooks.deliveries(tx, names.each, before=100, limit=50),
    "attempts of a delivery": lambda tx, names: webhooks.attempts(tx, names.each),
    "deliveries to be forgotten": lambda tx, _: webhooks.forget_old(tx, 1e9, 5000),
    "events of a source": lambda tx, names: sources.newest_events(tx, names.each, 50),
    "events to be forgotten": lambda tx, _: sources.forget_old(tx, 1e9, 5000),
    "bulk operations to be forgotten": lambda tx, _: bulk_operations.forget_old(tx, 1e9, 5000),
    "whether an audience has members": lambda tx, _: audiences.any_member(tx, DEVELOPMENT, "audience-3"),
    "which objects have subscribers": lambda tx, _: subscriptions.with_subscribers(
        tx, [(DEVELOPMENT, Reference("projects", "project-3"))]
    ),
    "an object's subscribers": lambda tx, _: subscriptions.subscribers(
        tx, DEVELOPMENT, Reference("projects", "project-3"), None, 50
    ),
    "messages by a vendor's names": lambda tx, names: vendor_events.called(
        tx, DEVELOPMENT, names.each, "smtp", ["external-3", "external-4"]
    ),
    "messages that a vendor names as we do": lambda tx, names: vendor_events.named(
        tx, DEVELOPMENT, names.each, ["0" * 26 + "3"]
    ),
    "messages that a vendor tells of": lambda tx, _: vendor_events.hold(tx, ["0" * 26 + "3"]),
    "what has changed in feeds": lambda tx, names: feeds.news(tx, {Feed(DEVELOPMENT, names.feed, "user-3"): 0}, 50),
    "feeds that are behind": lambda tx, names: feed_changes.behind(tx, [Feed(DEVELOPMENT, names.feed, "user-3")]),
    "settling feeds": lambda tx, names: feed_changes.settle(tx, [Feed(DEVELOPMENT, names.feed, "user-3")]),
    "feeds to be settled": lambda tx, _: feed_changes.noted(tx, 50),
    "items of feeds to be forgotten": lambda tx, _: feed_changes.forget_gone(tx, 1e9, 5000),
    "some users": lambda tx, _: dynamic_audiences.users_between(tx, DEVELOPMENT, "user-3", "user-30"),
}
"""What is read without an address: by the command line, and by the engine's own tidying."""


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
    values = {"message": names.message, "each": names.each, "feed": names.feed, "guides": plenty.GUIDES}
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


@pytest.mark.parametrize("what", ROWS)
def test_nothing_else_that_is_read_reads_or_sorts_a_whole_table(names: Names, wrong: Wrong, what: str) -> None:
    def read() -> None:
        with transaction() as tx:
            ROWS[what](tx, names)

    assert wrong(read) == []


@pytest.mark.parametrize("body", BULK, ids=str)
def test_no_action_on_a_channel_reads_or_sorts_a_whole_table(
    large: CheckedClient, names: Names, wrong: Wrong, body: Mapping[str, Any]
) -> None:
    path = f"/v1/channels/{names.feed}/messages/bulk/seen"
    assert wrong(partial(large.post, path, json=body)) == []
