"""What a page of a feed, and marking all of it as seen, cost a user with 50 items and one with 100,000."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from benchmarks.feed_items import FEED, Items, make
from benchmarks.fixtures import DEVELOPMENT
from benchmarks.stack import median, percentile, stack
from benchmarks.tables import Table
from notify_workers import feeds
from notify_workers.store import feed_changes
from notify_workers.store.feed_changes import Feed
from notify_workers.store.session import sql, transaction

ROUNDS = 60
PAGE = 25
"""As many items as the small feed has that are not archived."""

SMALL, LARGE = 50, 100_000
OTHERS = 1_000
"""Users with a small feed."""

KINDS = 50
"""Tenants of a user whose items are of many kinds: each kind is counted by itself."""

HEADERS = {"Authorization": "Bearer sk_test_doorbell", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reader:
    """A user, and what addresses need of their feed: cursors, and the number of an item that no other has."""

    user: str
    third: str
    last: str
    rare: int


def reads(reader: Reader) -> Mapping[str, Mapping[str, str]]:
    """Each is asked for with `mode=compact`, but for the first."""
    day = (datetime.now(UTC) - timedelta(minutes=20)).isoformat()
    return {
        "default, rich": {"mode": "rich"},
        "default, compact": {},
        "unread": {"status": "unread"},
        "read": {"status": "read"},
        "unseen": {"status": "unseen"},
        "seen": {"status": "seen"},
        "archived and not": {"archived": "include"},
        "archived only": {"archived": "only"},
        "archived only, unread": {"archived": "only", "status": "unread"},
        "archived and not, unread": {"archived": "include", "status": "unread"},
        "a tenant's and nobody's": {"tenant": "tenant-2"},
        "a tenant's": {"tenant": "tenant-2", "has_tenant": "true"},
        "nobody's": {"has_tenant": "false"},
        "a workflow (most)": {"source": "common"},
        "a workflow (one in 10,000)": {"source": "rare"},
        "a workflow that sent nothing": {"source": "never"},
        "a category (one in 50)": {"workflow_categories[]": "news"},
        "a category (one in 10,000)": {"workflow_categories[]": "legal"},
        "newer than the third (`before`)": {"before": reader.third},
        "the last page (`after`)": {"after": reader.last},
        "trigger data (one)": {"trigger_data": json.dumps({"n": reader.rare})},
        "trigger data (one in 50)": {"trigger_data": json.dumps({"team": 4})},
        "trigger data (all)": {"trigger_data": json.dumps({"kind": "any"})},
        "of the last 20 minutes": {"inserted_at.gte": day},
        "older than that": {"inserted_at.lt": day},
    }


def measure() -> Table:
    table = Table(
        "Feeds: 50 items and 100,000",
        ["", "50: p50 ms", "p95 ms", "100,000: p50 ms", "p95 ms", "ratio of p50"],
        notes=[
            f"A page of {PAGE} with its counts over HTTP, one API process, {ROUNDS} requests each, one after the other, turn and"
            f" turn about. Beside both there are {OTHERS:,} feeds of {SMALL} items. Half of the items are archived, nearly all"
            " are read. Pages are compact where nothing else is said.",
            "`bulk/seen`: `POST /v1/channels/{id}/messages/bulk/seen`, as browsers send it whenever a feed is opened.",
        ],
    )
    with stack() as running:
        table.notes += _fill()
        with running.serving():
            client = HTTPConnection("127.0.0.1", running.settings.port)
            readers = [_reader(client, "small-0", LARGE + 10), _reader(client, "large-0", 41)]
            for name in reads(readers[0]):
                paths = [_path(each.user, reads(each)[name]) for each in readers]
                table.rows.append(_row(name, [_getting(client, path) for path in paths]))
            table.rows += _marks(client, readers)
            table.notes.append(_kinds(client))
    return table


def _fill() -> list[str]:
    """Makes the feeds; how long that took."""
    with transaction() as tx:
        tx.run(sql("set local statement_timeout = 0"))
        started = time.perf_counter()
        make(tx, Items("large", 1, LARGE, each=LARGE))
        made = time.perf_counter() - started
        make(tx, Items("small", LARGE + 1, OTHERS * SMALL, each=SMALL))
        make(tx, Items("kinds", LARGE + OTHERS * SMALL + 1, 10_000, each=10_000, tenants=KINDS))
    large = _timed(lambda: _settle("large-0"))
    started = time.perf_counter()
    while feeds.settle_noted():
        pass
    others = time.perf_counter() - started
    with transaction() as tx:
        for name in ("triggers", "recipient_runs", "messages", "feeds", "feed_entries", "feed_counts", "feed_changes"):
            tx.run(sql(f"analyze {name}"))
    return [
        f"Writing the {LARGE:,} messages with their triggers and runs took {made:.1f} s, settling them (one statement, as"
        f" the first read after an upgrade does it) {large:.1f} s; the timer process settled the {OTHERS:,} other feeds,"
        f" {OTHERS * SMALL + 10_000:,} items, in {others:.1f} s.",
    ]


def _settle(user: str) -> None:
    with transaction() as tx:
        tx.run(sql("set local statement_timeout = 0"))
        feed_changes.settle(tx, [Feed(DEVELOPMENT, FEED, user)])


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _path(user: str, query: Mapping[str, str]) -> str:
    return f"/v1/users/{user}/feeds/{FEED}?{urlencode({'mode': 'compact', **query})}"


def _ask(client: HTTPConnection, method: str, path: str, body: object = None) -> Any:
    client.request(method, path, None if body is None else json.dumps(body), HEADERS)
    answer = client.getresponse()
    read = answer.read()
    if answer.status != 200:
        raise AssertionError(f"{method} {path} answered {answer.status}: {read!r}")
    return json.loads(read)


def _reader(client: HTTPConnection, user: str, rare: int) -> Reader:
    """The last page has twenty items."""
    first = _ask(client, "GET", _path(user, {}))
    with transaction() as tx:
        last = tx.scalar(_LAST, user=user)
    return Reader(user, first["entries"][2]["__cursor"], _cursor(last), rare)


_LAST = sql("""
    select coalesce(max(number), 0) from (
        select e.number from feed_entries e join feeds f on f.id = e.feed_id
        where f.recipient_id = :user and not e.archived order by e.number limit 20
    ) oldest
""")


def _cursor(number: int) -> str:
    from api_shim.pages import encode

    return encode(str(number))


def _getting(client: HTTPConnection, path: str) -> Callable[[], float]:
    return lambda: _timed(lambda: _ask(client, "GET", path))


def _row(name: str, works: Sequence[Callable[[], float]]) -> list[str]:
    """Each in turn, once before it counts."""
    taken: list[list[float]] = [[] for _ in works]
    for turn in range(ROUNDS + 1):
        for place, work in enumerate(works):
            seconds = work()
            if turn:
                taken[place].append(seconds * 1000)
    figures = [f"{part:,.1f}" for each in taken for part in (median(each), percentile(each, 0.95))]
    return [name, *figures, f"{median(taken[1]) / median(taken[0]):.2f}"]


def _marks(client: HTTPConnection, readers: Sequence[Reader]) -> list[list[str]]:
    rows = []
    for unseen in (0, 3):
        rows.append(_row(f"`bulk/seen`, {unseen} unseen", [_marking(client, each.user, unseen) for each in readers]))
        works = [_marking(client, each.user, unseen, archived="exclude") for each in readers]
        rows.append(_row(f"`bulk/seen` without archived ones, {unseen} unseen", works))
    works = [_marking(client, each.user, 3, then=_path(each.user, {})) for each in readers]
    rows.append(_row("the page after 3 were marked", works))
    return rows


def _marking(
    client: HTTPConnection, user: str, unseen: int, *, then: str | None = None, **narrowed: str
) -> Callable[[], float]:
    """Marks what was made unseen before. With `then` it is the read afterwards that is measured: it settles the change."""
    path = f"/v1/channels/{FEED}/messages/bulk/seen"
    body = {"user_ids": [user], **narrowed}

    def work() -> float:
        _unsee(user, unseen)
        taken = _timed(lambda: _ask(client, "POST", path, body))
        return taken if then is None else _timed(lambda: _ask(client, "GET", then))

    return work


def _unsee(user: str, count: int) -> None:
    with transaction() as tx:
        tx.run(_UNSEE, environment=DEVELOPMENT, feed=FEED, user=user, count=count)
        feed_changes.settle(tx, [Feed(DEVELOPMENT, FEED, user)])


_UNSEE = sql("""
    update messages set seen_at = case when place <= :count then null else coalesce(seen_at, now()) end
    from (
        select id as newest, row_number() over (order by id desc) as place from (
            select id from messages where environment_id = :environment and collection = '$users' and recipient_id = :user
                and channel_id = :feed order by id desc limit 20
        ) few
    ) placed
    where id = newest
""")


def _kinds(client: HTTPConnection) -> str:
    path = _path("kinds-0", {})
    taken = sorted(_timed(lambda: _ask(client, "GET", path)) * 1000 for _ in range(ROUNDS))
    with transaction() as tx:
        kinds = tx.scalar(_COUNTED, user="kinds-0")
    return (
        f"Counts are kept by tenant, workflow, categories and archived; the page of a feed with {kinds:,} of these took"
        f" {median(taken):,.1f} ms (p50), {percentile(taken, 0.95):,.1f} ms (p95)."
    )


_COUNTED = sql(
    "select count(*) from feed_counts c join feeds f on f.id = c.feed_id where f.recipient_id = :user and c.total > 0"
)
