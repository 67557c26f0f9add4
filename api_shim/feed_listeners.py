"""What those who listen to a feed are told of its news: browsers how much, others what (contract: feed-protocol §6)."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from api_shim.feed_items import meta, shown
from api_shim.schemas.feeds import Mode
from notify_workers import feeds
from notify_workers.feeds import News
from notify_workers.store.feed_changes import Feed
from notify_workers.store.feed_filters import Entry, FeedCounts, FeedFilter
from notify_workers.store.feeds import found_among, items
from notify_workers.store.session import Transaction

MESSAGE, CHANGED = "new-message", "feed-changed"

SERIES = 1.0
"""Seconds between two pushes of which a browser may have slept through the second, because it was fetching."""

LATE = 5.0
"""Seconds before the last push of a series, for those who fetch slowly."""

ONE_IN = 10
"""Pushes of a long series of which a browser may have slept through one."""


def pause(owed: Mapping[str, int], interval: float) -> float:
    """Seconds until what is owed is to be told. `interval` is that between two pushes of new items."""
    if max(owed.values()) > 0:
        return interval
    return LATE if min(owed.values()) == -1 else SERIES


Push = Callable[[str, Mapping[str, Any]], None]
"""Sends an event with its payload when the client takes it; a client that is too slow is cut off."""


class Reading:
    """A feed's news as filters see it, each asked once whoever listens with it."""

    def __init__(self, tx: Transaction, feed: Feed, news: News) -> None:
        self.tx, self.feed, self.news = tx, feed, news
        self._counts: dict[FeedFilter, FeedCounts] = {}

    def counts(self, wanted: FeedFilter) -> dict[str, Any]:
        if wanted not in self._counts:
            self._counts[wanted] = feeds.counts(self.tx, self.feed, self.news.feed_id, wanted, self.news.counts)
        return meta(self._counts[wanted]).model_dump(mode="json")

    def since(self, sequence: int) -> list[Entry]:
        return [each for each in self.news.entries if each.changed > sequence]

    def found(self, wanted: FeedFilter, entries: Iterable[Entry]) -> set[str]:
        """The messages of the entries that a filter finds."""
        covered = [each for each in entries if not each.gone and wanted.covers(each)]
        ids = [each.message_id for each in covered]
        if wanted.is_kept or not ids:
            return set(ids)
        return set(found_among(self.tx, self.feed.environment_id, self.news.feed_id, wanted, ids))

    def shown(self, ids: Sequence[str], mode: Mode) -> dict[str, dict[str, Any]]:
        """Items by their messages' ids."""
        rows = items(self.tx, self.news.feed_id, ids) if ids else []
        found = feeds.items_of(self.tx, self.feed, rows, with_activities=mode == "rich")
        return {each.row.message.id: shown(each, mode).model_dump(mode="json") for each in found}


@dataclass(frozen=True, slots=True)
class Told:
    """What a listener is to hear, and what it is then to remember: the number it knows all up to, and who is owed how much."""

    payloads: Sequence[tuple[str, Mapping[str, Any]]]
    sequence: int
    owed: Mapping[str, int]


@dataclass(eq=False, kw_only=True)
class Listener(ABC):
    """Somebody who knows all of a feed up to `sequence`.

    `told_at` is when something was pushed last (seconds, monotonic), `series` how many pushes have followed each other quickly.
    """

    feed: Feed
    push: Push
    sequence: int
    owed: Mapping[str, int] = field(default_factory=dict)
    told_at: float = 0.0
    series: int = 0

    @property
    @abstractmethod
    def is_slow(self) -> bool:
        """Whether a filter must look at every item to count what it finds."""

    def is_ready(self) -> bool:
        """Whether something may be told."""
        return True

    @abstractmethod
    def read(self, reading: Reading) -> Told:
        """Works out what to tell. Changes nothing: the news are told afterwards, if the listener is still there."""


@dataclass(eq=False, kw_only=True)
class Badge(Listener):
    """The instances of a feed on a browser's page, by reference id, each with its filter and the size of its pages.

    A browser that hears of something new fetches one page of what it has not, unless it is fetching already. So it is told
    again when more has come than a page holds (`owed` are items then), and a few times more after pushes that followed each
    other quickly (`owed` is below 0 then, and says how many).
    """

    filters: Mapping[str, FeedFilter]
    sizes: Mapping[str, int]

    @property
    def is_slow(self) -> bool:
        return not all(each.is_kept for each in self.filters.values())

    def read(self, reading: Reading) -> Told:
        new = [each for each in reading.news.entries if each.number > self.sequence]
        found = {reference: len(reading.found(wanted, new)) for reference, wanted in self.filters.items()}
        owed = {
            each: max(self.owed.get(each, 0), 0) + count for each, count in found.items() if count or each in self.owed
        }
        payloads = [(MESSAGE, self._payload(reading, list(owed)))] if owed else []
        in_series = time.monotonic() - self.told_at < SERIES
        left = {each: self._left(each, count, count > 0 and in_series) for each, count in owed.items()}
        still = {each: count for each, count in left.items() if count is not None}
        return Told(payloads, max(self.sequence, reading.news.sequence), still)

    def _left(self, reference: str, count: int, in_series: bool) -> int | None:
        """What an instance is owed after it was told of so many items."""
        if count > self.sizes[reference]:
            return count - self.sizes[reference]
        if in_series:
            return -max(2, self.series // ONE_IN)
        known = self.owed.get(reference, 0)
        return known + 1 if count == 0 and known < -1 else None

    def _payload(self, reading: Reading, attention: Sequence[str]) -> dict[str, Any]:
        """Old clients are one nameless instance: they hear of the counts only."""
        data = {each: {"metadata": reading.counts(self.filters[each])} for each in attention}
        return {
            "event": MESSAGE,
            "attn": [each for each in attention if each],
            "data": {reference: told for reference, told in data.items() if reference},
            "metadata": data[attention[0]]["metadata"],
        }


@dataclass(eq=False, kw_only=True)
class Follower(Listener):
    """One that wants to know all that changes in what its filter finds, with the items themselves."""

    wanted: FeedFilter
    mode: Mode
    reference: str = ""
    is_idle: Callable[[], bool] = lambda: True

    @property
    def is_slow(self) -> bool:
        return not self.wanted.is_kept

    def is_ready(self) -> bool:
        """Items are large: a client that has not taken the last ones is not sent the next."""
        return self.is_idle()

    def read(self, reading: Reading) -> Told:
        changed = reading.since(self.sequence)
        concerned = self._concerned(reading, changed)
        seen = reading.shown(sorted(reading.found(self.wanted, concerned)), self.mode)
        payloads = [
            self._payload(reading, part, sequence) for part, sequence in _parts(list(self._changes(concerned, seen)))
        ]
        return Told(payloads, max(self.sequence, reading.news.sequence), {})

    def _concerned(self, reading: Reading, changed: Iterable[Entry]) -> list[Entry]:
        """Of items that were never for this listener nothing is told, not even that they changed."""
        possible = [each for each in changed if self.wanted.concerns(each)]
        if not self.wanted.trigger_data:
            return possible
        known = reading.found(replace(self.wanted, archived="include"), possible)
        return [each for each in possible if each.gone or each.message_id in known]

    def _changes(self, changed: Iterable[Entry], seen: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What the filter does not find, or no longer, is removed: a client may have it, or not."""
        for each in changed:
            item = seen.get(each.message_id)
            if item is None:
                if each.number <= self.sequence:
                    yield {"sequence": each.changed, "type": "removed", "id": each.message_id}
            else:
                kind = "created" if each.number > self.sequence else "updated"
                yield {"sequence": each.changed, "type": kind, "id": each.message_id, "item": item}

    def _payload(self, reading: Reading, part: Sequence[dict[str, Any]], sequence: int) -> tuple[str, dict[str, Any]]:
        counts = reading.counts(self.wanted)
        event = MESSAGE if any(each["type"] == "created" for each in part) else CHANGED
        return event, {
            "event": event,
            "attn": [self.reference] if self.reference else [],
            "data": {self.reference: {"metadata": counts}} if self.reference else {},
            "metadata": counts,
            "sequence": sequence,
            "changes": list(part),
        }


TOGETHER = 50
"""Changes in one frame."""


def _parts(changes: Sequence[dict[str, Any]]) -> Iterator[tuple[Sequence[dict[str, Any]], int]]:
    """Frames' worth of changes, each with the number up to which it tells all."""
    for start in range(0, len(changes), TOGETHER):
        part = changes[start : start + TOGETHER]
        yield part, part[-1]["sequence"]
