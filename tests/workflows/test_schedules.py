"""When schedules happen: rules, intervals, zones and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.schedules import DAYS, Recurrence, Rule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def occurrences(
    start: datetime, *rules: dict[str, Any], zone: str = "Etc/UTC", most: int = 4, **times: datetime
) -> list[str]:
    """The first ones, in UTC, without seconds."""
    recurrence = Recurrence(tuple(Rule.of(each) for each in rules), None, start, times.get("ending_at"))
    found: list[datetime] = []
    while len(found) < most and (following := recurrence.next(found[-1] if found else start, zone)):
        found.append(following)
    return [each.strftime("%m-%d %H:%M") for each in found]


WEDNESDAY = at(2026, 1, 7, 10, 31)

RULES: list[tuple[dict[str, Any], list[str]]] = [
    ({"frequency": "daily"}, ["01-08 00:00", "01-09 00:00", "01-10 00:00", "01-11 00:00"]),
    ({"frequency": "daily", "hours": 18, "minutes": 7, "interval": 3},
     ["01-07 18:07", "01-10 18:07", "01-13 18:07", "01-16 18:07"]),
    ({"frequency": "daily", "days": ["sat", "sun"], "hours": 9}, ["01-10 09:00", "01-11 09:00", "01-17 09:00", "01-18 09:00"]),
    ({"frequency": "weekly", "hours": 9}, ["01-14 09:00", "01-21 09:00", "01-28 09:00", "02-04 09:00"]),
    ({"frequency": "weekly", "days": ["mon", "thu"], "interval": 2}, ["01-08 00:00", "01-19 00:00", "01-22 00:00", "02-02 00:00"]),
    ({"frequency": "monthly", "day_of_month": 31}, ["01-31 00:00", "02-28 00:00", "03-31 00:00", "04-30 00:00"]),
    ({"frequency": "monthly", "day_of_month": -1, "interval": 2}, ["01-31 00:00", "03-31 00:00", "05-31 00:00", "07-31 00:00"]),
    ({"frequency": "hourly", "minutes": 30, "interval": 5}, ["01-07 11:30", "01-07 16:30", "01-07 21:30", "01-08 02:30"]),
    ({"frequency": "hourly", "days": ["sat"]}, ["01-10 00:00", "01-10 01:00", "01-10 02:00", "01-10 03:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "expected"), RULES, ids=str)
def test_a_rule_names_its_moments(rule: dict[str, Any], expected: list[str]) -> None:
    assert occurrences(WEDNESDAY, rule) == expected


def test_several_rules_happen_together() -> None:
    both = occurrences(
        WEDNESDAY, {"frequency": "daily", "hours": 9}, {"frequency": "daily", "hours": 17, "minutes": 30}
    )
    assert both == ["01-07 17:30", "01-08 09:00", "01-08 17:30", "01-09 09:00"]


def test_a_local_time_that_is_skipped_happens_once_and_later() -> None:
    nightly = {"frequency": "daily", "hours": 2, "minutes": 30}
    assert occurrences(at(2026, 3, 28), nightly, zone=BERLIN) == [
        *("03-28 01:30", "03-29 01:30", "03-30 00:30", "03-31 00:30"),
    ]
    assert occurrences(at(2026, 3, 7), nightly, zone=NEW_YORK, most=2) == ["03-07 07:30", "03-08 07:30"]


def test_a_local_time_that_happens_twice_counts_once() -> None:
    nightly = {"frequency": "daily", "hours": 2, "minutes": 30}
    assert occurrences(at(2026, 10, 24), nightly, zone=BERLIN, most=3) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


def test_hours_go_on_through_a_clock_change() -> None:
    hourly = {"frequency": "hourly", "minutes": 15}
    assert occurrences(at(2026, 10, 24, 23, 30), hourly, zone=BERLIN) == [
        *("10-25 00:15", "10-25 01:15", "10-25 02:15", "10-25 03:15"),
    ]
    half_an_hour = occurrences(at(2026, 4, 4, 13, 31), hourly, zone=LORD_HOWE, most=3)
    assert half_an_hour == ["04-04 14:15", "04-04 14:45", "04-04 15:45"]


def test_a_schedule_begins_and_ends() -> None:
    daily = Rule.of({"frequency": "daily", "hours": 9})
    recurrence = Recurrence((daily,), at(2026, 2, 1, 9), at(2026, 2, 1, 9), at(2026, 2, 2, 9))
    first = recurrence.next(WEDNESDAY, "Etc/UTC")
    assert first == at(2026, 2, 1, 9)
    assert recurrence.next(first, "Etc/UTC") == at(2026, 2, 2, 9)
    assert recurrence.next(at(2026, 2, 2, 9), "Etc/UTC") is None


def test_what_happens_once_is_not_missed_and_not_repeated() -> None:
    once = Recurrence((), at(2026, 1, 1), at(2026, 1, 1), None)
    assert once.next(WEDNESDAY, BERLIN) == at(2026, 1, 1)
    assert once.next(WEDNESDAY, BERLIN, last=at(2026, 1, 1)) is None


def test_a_rule_ends_with_the_calendar() -> None:
    assert occurrences(at(9999, 12, 30), {"frequency": "monthly", "interval": 1000}) == []
    assert occurrences(at(9999, 12, 30), {"frequency": "daily", "hours": 1, "interval": 10_000}) == ["12-30 01:00"]


def test_an_unknown_zone_is_utc() -> None:
    assert occurrences(WEDNESDAY, {"frequency": "daily"}, zone="Mars/Olympus", most=1) == ["01-08 00:00"]


rules = st.fixed_dictionaries(
    {
        "frequency": st.sampled_from(["hourly", "daily", "weekly", "monthly"]),
        "interval": st.integers(1, 40),
        "days": st.lists(st.sampled_from(DAYS), max_size=7),
        "hours": st.integers(0, 23),
        "minutes": st.integers(0, 59),
        "day_of_month": st.integers(1, 31),
    }
)
zones = st.sampled_from([BERLIN, NEW_YORK, "Etc/UTC", "Asia/Kathmandu", "Pacific/Apia"])
starts = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001


@given(rule=rules, zone=zones, start=starts)
def test_occurrences_ascend_stay_at_their_time_and_are_the_same_from_wherever_one_looks(
    rule: dict[str, Any], zone: str, start: datetime
) -> None:
    recurrence = Recurrence((Rule.of(rule),), None, start, None)
    found = [start]
    while len(found) < 5 and (following := recurrence.next(found[-1], zone)):
        assert following > found[-1]
        found.append(following)
    for earlier, later in pairwise(found[1:]):
        assert recurrence.next(later - timedelta(microseconds=1), zone) == later
        assert recurrence.next(earlier + (later - earlier) / 2, zone) == later
    assert all(each.astimezone(ZoneInfo(zone)).minute == rule["minutes"] for each in found[1:])
