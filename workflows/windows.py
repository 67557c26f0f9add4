"""Points in time: durations, timestamps and window rules. Every result is aware and UTC, and "now" is always given."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo

from workflows.model import Duration, DurationUnit

_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_GROUPS = {"weekdays": _DAY_NAMES[:5], "weekends": _DAY_NAMES[5:]}
_FREQUENCIES = ("hourly", "daily", "weekly", "monthly")
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def add_duration(moment: datetime, duration: Duration) -> datetime:
    """A month later is the same day of the next month, or that month's last day. Stops at the calendar's ends."""
    moment = moment.astimezone(UTC)
    try:
        if duration.unit == "months":
            return _add_months(moment, duration.value)
        return moment + timedelta(**{duration.unit: duration.value})
    except (OverflowError, ValueError):
        return _LAST if duration.value > 0 else _FIRST


def _add_months(moment: datetime, months: int) -> datetime:
    """Raises `ValueError` outside of the years 1 to 9999."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def parse_timestamp(value: object) -> datetime | None:
    """ISO-8601, also without a time (midnight) or a zone (UTC); None for everything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None


def parse_duration(value: object) -> Duration | None:
    """`{"unit": "days", "value": 3}` with a whole number; None for everything else."""
    if not isinstance(value, Mapping):
        return None
    unit, number = value.get("unit"), value.get("value")
    if unit not in get_args(DurationUnit) or not isinstance(number, int) or isinstance(number, bool):
        return None
    return Duration(number, cast(DurationUnit, unit))


def resolve_moment(value: object, now: datetime, zone: str) -> datetime | None:
    """What a dynamic setting means: a timestamp, a duration from now, or the next occurrence of a window rule.

    May lie in the past. None when the value is none of the three.
    """
    if isinstance(value, Mapping) and "frequency" in value:
        return next_occurrence(value, now, zone)
    duration = parse_duration(value)
    return add_duration(now, duration) if duration else parse_timestamp(value)


def zone_of(name: object) -> tzinfo:
    """The time zone of that name; UTC for a name that is none, since recipients bring theirs unchecked."""
    try:
        return ZoneInfo(name) if name and isinstance(name, str) else UTC
    except (KeyError, OSError, ValueError):
        return UTC


def next_occurrence(rule: Mapping[str, Any], after: datetime, zone: str) -> datetime | None:
    """The first moment strictly after `after` that the rule names in that zone; None when the rule is invalid.

    A rule: `frequency` hourly, daily, weekly or monthly; `days`, a list of mon…sun or "weekdays" or "weekends" (every
    day when omitted; not for monthly); `hours` and `minutes`, 0 when omitted; `day_of_month`, 1 when omitted, the
    month's last day when it has fewer. A local time that a clock change skips happens as much later as the clock was
    put forward; one that happens twice counts the first time, except for hourly.
    """
    window = _parse_rule(rule)
    if window is None:
        return None
    local = zone_of(zone)
    moments = (moment for day in _days_from(after.astimezone(local).date()) for moment in window.on(day, local))
    return next((moment for moment in moments if moment > after), None)


def _days_from(today: date) -> Iterator[date]:
    """From yesterday, whose skipped times may happen today, over the longest gap between occurrences of a rule."""
    for offset in range(-1, 64):
        yield today + timedelta(days=offset)


@dataclass(frozen=True, slots=True)
class _Window:
    """A checked rule: the days it falls on (None: the day of the month) and its wall-clock times on such a day."""

    days: frozenset[int] | None
    day_of_month: int
    hours: range
    minute: int

    def on(self, day: date, zone: tzinfo) -> list[datetime]:
        if not self._falls_on(day):
            return []
        return sorted({moment for hour in self.hours for moment in self._at(day, hour, zone)})

    def _falls_on(self, day: date) -> bool:
        if self.days is None:
            return day.day == min(self.day_of_month, monthrange(day.year, day.month)[1])
        return day.weekday() in self.days

    def _at(self, day: date, hour: int, zone: tzinfo) -> list[datetime]:
        """Of a time that happens twice the second one comes later; of a skipped one it would come earlier."""
        first = datetime.combine(day, time(hour, self.minute), zone).astimezone(UTC)
        again = datetime.combine(day, time(hour, self.minute, fold=1), zone).astimezone(UTC)
        return [first, again] if len(self.hours) > 1 and again > first else [first]


def _parse_rule(rule: Mapping[str, Any]) -> _Window | None:
    frequency = rule.get("frequency")
    hour, minute = _number(rule, "hours", 0, 0, 23), _number(rule, "minutes", 0, 0, 59)
    day_of_month, days = _number(rule, "day_of_month", 1, 1, 31), _weekdays(rule.get("days"))
    if frequency not in _FREQUENCIES or hour is None or minute is None or day_of_month is None or days is None:
        return None
    hours = range(24) if frequency == "hourly" else range(hour, hour + 1)
    return _Window(None if frequency == "monthly" else days, day_of_month, hours, minute)


def _number(rule: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int | None:
    value = default if rule.get(name) is None else rule[name]
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def _weekdays(days: object) -> frozenset[int] | None:
    if days is None:
        return frozenset(range(7))
    names = _DAY_GROUPS.get(days) if isinstance(days, str) else days
    if not isinstance(names, list | tuple) or not names or not all(name in _DAY_NAMES for name in names):
        return None
    return frozenset(_DAY_NAMES.index(name) for name in names)
