"""When a schedule's workflow is triggered (contract: semantics §14). Every result is aware and UTC, and "now" is always given.

Rules speak of wall-clock times in a zone. A local time that a clock change skips happens as much later as the clock was put
forward; one that happens twice counts the first time, except for hourly rules, which go on hour by hour.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any, Literal

from workflows.windows import zone_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_GROUPS = {"weekdays": DAYS[:5], "weekends": DAYS[5:]}

Frequency = Literal["hourly", "daily", "weekly", "monthly"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

LAST_DAY = -1
"""As a day of the month: its last one."""

MOST_LOOKS = 1000
"""Periods of a rule that are looked at for one that falls on the rule's days; days repeat much earlier than that."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One repeat rule: every `interval` periods, at a wall-clock time. Hourly rules have no hour, monthly ones no days.

    No `days` are all of them; for a weekly rule the day of the week on which it begins.
    """

    frequency: Frequency
    interval: int = 1
    days: frozenset[int] = frozenset()
    hour: int = 0
    minute: int = 0
    day_of_month: int = 1

    @classmethod
    def of(cls, wire: Mapping[str, Any]) -> Rule:
        """A rule as it is stored, which is as the wire has it, checked."""
        named = wire.get("days")
        return cls(
            frequency=wire["frequency"],
            interval=wire.get("interval") or 1,
            days=frozenset(DAYS.index(each) for each in named or ()),
            hour=wire.get("hours") or 0,
            minute=wire.get("minutes") or 0,
            day_of_month=wire.get("day_of_month") or 1,
        )


@dataclass(frozen=True, slots=True)
class Recurrence:
    """All of a schedule's times. Without rules it happens once, at `scheduled_at`; with rules it begins there.

    `starts_at` is from when intervals are counted: the first period is the one of the first moment that a rule names from
    then on. Nothing happens after `ending_at`.
    """

    rules: Sequence[Rule]
    scheduled_at: datetime | None
    starts_at: datetime
    ending_at: datetime | None

    def next(self, after: datetime, zone: str, last: datetime | None = None) -> datetime | None:
        """The first occurrence strictly after `after`; None when there is none any more.

        An occurrence that happens once is not missed: it is `scheduled_at`, also in the past, unless it was the `last`.
        """
        if not self.rules:
            found = None if last is not None and last == self.scheduled_at else self.scheduled_at
        else:
            moments = (_next(rule, self.starts_at, after, zone_of(zone)) for rule in self.rules)
            found = min((each for each in moments if each is not None), default=None)
        if found is None or (self.ending_at is not None and found > self.ending_at):
            return None
        return found


def _next(rule: Rule, starts_at: datetime, after: datetime, zone: tzinfo) -> datetime | None:
    """The first moment of a rule that is after `after` and not before `starts_at`."""
    if not rule.days:
        begins = starts_at.astimezone(zone).weekday()
        rule = replace(rule, days=frozenset([begins] if rule.frequency == "weekly" else range(7)))
    try:
        first = next((each for each in _moments(rule, starts_at, zone, None) if each >= starts_at), None)
        if first is None or first > after:
            return first
        return next((each for each in _moments(rule, after, zone, first) if each > after), None)
    except OverflowError:  # beyond the calendar's last year
        return None


def _moments(rule: Rule, around: datetime, zone: tzinfo, first: datetime | None) -> Iterator[datetime]:
    """A rule's moments in ascending order, from shortly before `around`.

    `first` is the moment from whose period on intervals are counted; without it every period counts.
    """
    interval = rule.interval if first else 1
    if rule.frequency == "hourly":
        yield from islice(_hours(rule, around, zone, first, interval), MOST_LOOKS)
        return
    origin = first.astimezone(zone).date() if first else None
    if origin is not None and first is not None and _at(rule, origin, zone) != first:
        origin -= DAY  # a skipped time that happened on the next day
    days = _days(rule, around.astimezone(zone).date() - DAY, origin, interval)
    for day in islice(days, MOST_LOOKS):
        yield _at(rule, day, zone)


def _at(rule: Rule, day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(rule.hour, rule.minute), zone).astimezone(UTC)


def _hours(rule: Rule, around: datetime, zone: tzinfo, first: datetime | None, interval: int) -> Iterator[datetime]:
    """Hours are counted as they pass, so that a clock change makes no gap and doubles nothing."""
    origin = first or _on_the_minute(around, rule.minute, zone)
    passed = (around - origin) // (HOUR * interval) - 1
    while True:
        moment = _on_the_minute(origin + HOUR * interval * passed, rule.minute, zone)
        if moment.astimezone(zone).weekday() in rule.days:
            yield moment
        passed += 1


def _on_the_minute(moment: datetime, minute: int, zone: tzinfo) -> datetime:
    """That minute of the local hour in which the moment lies: zones are not all whole hours apart."""
    local = moment.astimezone(zone)
    return (moment + timedelta(minutes=minute - local.minute)).replace(second=0, microsecond=0)


def _days(rule: Rule, start: date, origin: date | None, interval: int) -> Iterator[date]:
    """The days on which a rule falls, from the period of `start` on."""
    match rule.frequency:
        case "monthly":
            yield from _months(rule, start, origin or start, interval)
        case "weekly":
            monday = (origin or start) - DAY * (origin or start).weekday()
            weeks = max(0, -((monday - start) // (7 * DAY * interval)) - 1)
            while True:
                yield from (monday + DAY * (7 * interval * weeks + each) for each in sorted(rule.days))
                weeks += 1
        case _:
            passed = max(0, -(((origin or start) - start) // (DAY * interval)) - 1)
            while True:
                day = (origin or start) + DAY * interval * passed
                if day.weekday() in rule.days:
                    yield day
                passed += 1


def _months(rule: Rule, start: date, origin: date, interval: int) -> Iterator[date]:
    """A month that is too short for the day has it on its last one."""
    number = origin.year * 12 + origin.month - 1
    number += max(0, (start.year * 12 + start.month - 1 - number) // interval) * interval
    while True:
        year, month = divmod(number, 12)
        if year > date.max.year:
            raise OverflowError
        most = monthrange(year, month + 1)[1]
        yield date(year, month + 1, most if rule.day_of_month == LAST_DAY else min(rule.day_of_month, most))
        number += interval
