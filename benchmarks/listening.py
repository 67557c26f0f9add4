"""Processes that listen to feeds, and what they heard set against what was written."""

from __future__ import annotations

import json
import subprocess
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks.feed_items import FEED
from benchmarks.stack import median, percentile
from notify_workers.store.session import sql, transaction


class Heard(NamedTuple):
    """A frame or an event: when it came (seconds since the epoch), the badge's total, and the ids of the items in it."""

    at: float
    user: str
    total: int
    ids: list[str]
    length: int


class Listening:
    """A process of listeners that have all joined, `seconds` after it began."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seconds: float = self._read()["ready"]

    def take(self) -> list[Heard]:
        """What was heard since the last time."""
        return [Heard(*each) for each in self._ask("take")]

    def closed(self) -> dict[str, int]:
        """How many links were closed by which code; ends them all."""
        found: dict[str, int] = self._ask("closed")
        return found

    def _ask(self, what: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the listeners have ended")
        return json.loads(line)


@contextmanager
def listening(port: int, kind: str, *groups: Sequence[str], is_deaf: bool = False) -> Iterator[list[Listening]]:
    """A process for each group of users; all of them have joined."""
    started = [_start(port, kind, users, is_deaf) for users in groups]
    try:
        yield [Listening(each) for each in started]
    finally:
        for each in started:
            each.kill()
            each.communicate()


def _start(port: int, kind: str, users: Sequence[str], is_deaf: bool) -> subprocess.Popen[str]:
    given = json.dumps(
        {"port": port, "feed": str(FEED), "users": list(users), "kind": kind, "is_deaf": is_deaf},
    )
    command = [sys.executable, "-m", "benchmarks.listeners", given]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Written(NamedTuple):
    """An item: its message, the run that made it, whose it is, and its place among those of them that are not archived."""

    message_id: str
    trigger_id: str
    user: str
    place: int


_PLACES = sql("""
    select * from (
        select m.id, m.trigger_id, f.recipient_id, row_number() over (partition by e.feed_id order by e.number) as place
        from feed_entries e join feeds f on f.id = e.feed_id join messages m on m.id = e.message_id
        where not e.archived and f.recipient_id in (select jsonb_array_elements_text(:users))
    ) placed
""")


def written(users: Iterable[str]) -> list[Written]:
    """All items of users' feeds that are not archived."""
    with transaction() as tx:
        rows = tx.rows(_PLACES, users=json.dumps(sorted(set(users))))
    return [Written(row.id, str(row.trigger_id), row.recipient_id, row.place) for row in rows]


def latencies(begun: Mapping[str, float], heard: Iterable[Heard], items: Iterable[Written], of: str) -> list[float]:
    """Milliseconds from when each began, by the attribute `of` an item, to the first frame that counts it.

    Raises `AssertionError` when one was never told of.
    """
    totals, times = defaultdict(list), defaultdict(list)
    for each in sorted(heard):
        totals[each.user].append(each.total)
        times[each.user].append(each.at)
    found = []
    for item in items:
        start = begun.get(getattr(item, of))
        if start is not None:
            place = bisect_left(totals[item.user], item.place)
            if place == len(totals[item.user]):
                raise AssertionError(f"nobody was told of item {item.place} of {item.user}")
            found.append((times[item.user][place] - start) * 1000)
    return found


def latencies_of_items(begun: Mapping[str, float], heard: Iterable[Heard]) -> list[float]:
    """Milliseconds from when each item began to the first frame, or event, that has it."""
    first: dict[str, float] = {}
    for each in sorted(heard):
        for id in each.ids:
            first.setdefault(id, each.at)
    missed = begun.keys() - first.keys()
    if missed:
        raise AssertionError(f"nobody was told of {len(missed)} of {len(begun)} items")
    return [(first[id] - at) * 1000 for id, at in begun.items()]


def shown(milliseconds: Sequence[float]) -> list[str]:
    """p50, p99 and the longest."""
    return [f"{each:,.0f}" for each in (median(milliseconds), percentile(milliseconds, 0.99), max(milliseconds))]
