from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.model import Duration, DurationUnit
from workflows.windows import add_duration, next_occurrence, parse_duration, parse_timestamp, resolve_moment, zone_of

ZONES = ["Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
YEARS_2010_TO_2035 = st.integers(1262304000, 2051222400)
moments = YEARS_2010_TO_2035.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(ZONES)
hours, minutes = st.integers(0, 23), st.integers(0, 11).map(lambda n: n * 5)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "value", "unit", "end"),
    [
        ("2026-01-31T10:00Z", 1, "months", "2026-02-28T10:00Z"),
        ("2024-01-31T10:00Z", 1, "months", "2024-02-29T10:00Z"),
        ("2026-03-31T10:00Z", -1, "months", "2026-02-28T10:00Z"),
        ("2026-11-15T10:00Z", 14, "months", "2028-01-15T10:00Z"),
        ("2026-01-01T00:00Z", -1, "months", "2025-12-01T00:00Z"),
        ("2026-01-01T00:00Z", 2, "weeks", "2026-01-15T00:00Z"),
        ("2026-01-01T00:00Z", 90, "seconds", "2026-01-01T00:01:30Z"),
        ("2026-01-01T01:00+02:00", 1, "days", "2026-01-01T23:00Z"),
    ],
)
def test_adding_a_duration(start: str, value: int, unit: DurationUnit, end: str) -> None:
    assert add_duration(datetime.fromisoformat(start), Duration(value, unit)) == at(end)


@pytest.mark.parametrize("unit", ["days", "months"])
def test_adding_too_much_stops_at_the_calendars_ends(unit: DurationUnit) -> None:
    assert add_duration(at("2026-01-01T00:00Z"), Duration(10**12, unit)).year == 9999
    assert add_duration(at("2026-01-01T00:00Z"), Duration(-(10**12), unit)).year == 1


@given(moments, st.integers(-240, 240))
def test_months_keep_the_time_of_day_and_never_skip_a_month(moment: datetime, months: int) -> None:
    later = add_duration(moment, Duration(months, "months"))
    assert later.timetz() == moment.timetz()
    assert (later.year * 12 + later.month) - (moment.year * 12 + moment.month) == months
    assert later.day <= moment.day


@given(moments, st.integers(-1000, 1000), st.sampled_from(["seconds", "minutes", "hours", "days", "weeks"]))
def test_fixed_units_are_exact_and_can_be_taken_back(moment: datetime, value: int, unit: DurationUnit) -> None:
    there = add_duration(moment, Duration(value, unit))
    assert there - moment == timedelta(**{unit: value})
    assert add_duration(there, Duration(-value, unit)) == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00Z"),
        ("2026-03-02T10:00:00.123456+02:00", "2026-03-02T08:00:00.123456Z"),
        ("2026-03-02T10:00:00", "2026-03-02T10:00Z"),
        ("2026-03-02", "2026-03-02T00:00Z"),
        (" 2026-03-02 10:00 ", "2026-03-02T10:00Z"),
    ],
)
def test_timestamps_are_iso_8601_and_utc_without_a_zone(text: str, expected: str) -> None:
    assert repr(parse_timestamp(text)) == repr(at(expected))


@pytest.mark.parametrize("value", ["tomorrow", "", "2026-13-01", "0001-01-01T00:00+14:00", 1772445600, None, {}, True])
def test_everything_else_is_no_timestamp(value: object) -> None:
    assert parse_timestamp(value) is None


@pytest.mark.parametrize(
    "value",
    ["3 days", None, {}, {"unit": "days"}, {"value": 3}, {"unit": "day", "value": 3}]
    + [{"unit": "days", "value": wrong} for wrong in ("3", 3.5, True, None)],
)
def test_a_duration_needs_a_known_unit_and_a_whole_number(value: object) -> None:
    assert parse_duration(value) is None


def test_a_duration_may_be_negative() -> None:
    assert parse_duration({"unit": "hours", "value": -2}) == Duration(-2, "hours")


BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("rule", "after", "zone", "expected"),
    [
        ({"frequency": "daily", "hours": 9}, "2026-03-02T07:59Z", BERLIN, "2026-03-02T08:00Z"),
        ({"frequency": "daily", "hours": 9}, "2026-03-02T08:00Z", BERLIN, "2026-03-03T08:00Z"),
        ({"frequency": "daily"}, "2026-03-02T07:59Z", BERLIN, "2026-03-02T23:00Z"),
        ({"frequency": "daily", "days": "weekends", "hours": 8}, "2026-03-02T07:59Z", "", "2026-03-07T08:00Z"),
        (
            {"frequency": "weekly", "days": ["mon"], "hours": 9, "minutes": 15},
            "2026-03-02T09:15Z",
            "",
            "2026-03-09T09:15Z",
        ),
        ({"frequency": "weekly", "days": "weekdays", "hours": 9}, "2026-03-06T15:00Z", NEW_YORK, "2026-03-09T13:00Z"),
        ({"frequency": "hourly", "minutes": 20}, "2026-03-02T09:20Z", "Asia/Kathmandu", "2026-03-02T09:35Z"),
        ({"frequency": "hourly", "days": ["tue"]}, "2026-03-02T09:20Z", "", "2026-03-03T00:00Z"),
        ({"frequency": "monthly", "day_of_month": 31}, "2026-02-01T00:00Z", "", "2026-02-28T00:00Z"),
        ({"frequency": "monthly", "hours": 6}, "2026-02-01T06:00Z", "", "2026-03-01T06:00Z"),
        ({"frequency": "monthly", "day_of_month": 31}, "2026-01-31T12:00Z", "", "2026-02-28T00:00Z"),
        ({"frequency": "daily", "days": None, "hours": None}, "2026-03-02T07:59Z", "", "2026-03-03T00:00Z"),
    ],
)
def test_the_next_occurrence(rule: dict[str, Any], after: str, zone: str, expected: str) -> None:
    assert next_occurrence(rule, at(after), zone) == at(expected)


@pytest.mark.parametrize(
    ("rule", "after", "zone", "expected"),
    [
        # Clocks go from 02:00 to 03:00: 02:30 happens an hour later, as 03:30 summer time.
        ({"frequency": "daily", "hours": 2, "minutes": 30}, "2026-03-29T00:00Z", BERLIN, "2026-03-29T01:30Z"),
        ({"frequency": "daily", "hours": 2, "minutes": 30}, "2026-03-29T01:30Z", BERLIN, "2026-03-30T00:30Z"),
        # Clocks go from 03:00 to 02:00: of the two 02:30 only the first counts.
        ({"frequency": "daily", "hours": 2, "minutes": 30}, "2026-10-24T23:00Z", BERLIN, "2026-10-25T00:30Z"),
        ({"frequency": "daily", "hours": 2, "minutes": 30}, "2026-10-25T00:30Z", BERLIN, "2026-10-26T01:30Z"),
        # Hourly counts both, and an hour is always an hour.
        ({"frequency": "hourly", "minutes": 30}, "2026-10-25T00:30Z", BERLIN, "2026-10-25T01:30Z"),
        ({"frequency": "hourly", "minutes": 30}, "2026-03-29T00:30Z", BERLIN, "2026-03-29T01:30Z"),
        # Half an hour is skipped here: 02:15 happens as 02:45.
        (
            {"frequency": "daily", "hours": 2, "minutes": 15},
            "2026-10-03T12:00Z",
            "Australia/Lord_Howe",
            "2026-10-03T15:45Z",
        ),
        # A time that is skipped across midnight, seen from the day on which it then happens.
        ({"frequency": "daily", "hours": 0, "minutes": 0}, "2024-04-25T22:10Z", "Africa/Cairo", "2024-04-26T21:00Z"),
        # A whole day that a country skipped.
        ({"frequency": "daily", "hours": 10}, "2011-12-29T21:00Z", "Pacific/Apia", "2011-12-30T20:00Z"),
    ],
)
def test_the_next_occurrence_over_a_clock_change(rule: dict[str, Any], after: str, zone: str, expected: str) -> None:
    assert next_occurrence(rule, at(after), zone) == at(expected)


@given(moments, zones, hours, minutes)
def test_a_daily_rule_shows_its_wall_clock_time_unless_that_is_skipped(
    after: datetime, zone: str, hour: int, minute: int
) -> None:
    found = next_occurrence({"frequency": "daily", "hours": hour, "minutes": minute}, after, zone)
    assert found is not None
    assert found.tzinfo is UTC
    assert timedelta(0) < found - after <= timedelta(hours=49)
    local = found.astimezone(ZoneInfo(zone))
    wanted = local.replace(hour=hour, minute=minute, fold=0)
    assert (local.hour, local.minute) == (hour, minute) or wanted.astimezone(UTC).astimezone(ZoneInfo(zone)) != wanted


@given(moments, zones, minutes)
def test_an_hourly_rule_comes_within_an_hour_of_real_time(after: datetime, zone: str, minute: int) -> None:
    found = next_occurrence({"frequency": "hourly", "minutes": minute}, after, zone)
    assert found is not None
    assert timedelta(0) < found - after <= timedelta(minutes=90 if zone == "Australia/Lord_Howe" else 60)


@given(moments, zones, st.sampled_from(["hourly", "daily", "weekly", "monthly"]), hours, minutes)
def test_nothing_lies_between_a_moment_and_its_next_occurrence(
    after: datetime, zone: str, frequency: str, hour: int, minute: int
) -> None:
    rule = {"frequency": frequency, "hours": hour, "minutes": minute, "days": ["mon", "thu"], "day_of_month": 30}
    found = next_occurrence(rule, after, zone)
    assert found is not None
    assert next_occurrence(rule, found - timedelta(seconds=1), zone) == found
    halfway = after + (found - after) / 2
    assert next_occurrence(rule, halfway, zone) == found


CHANGES = [
    (BERLIN, "2026-03-29T01:00Z"),
    (BERLIN, "2026-10-25T01:00Z"),
    (NEW_YORK, "2026-03-08T07:00Z"),
    (NEW_YORK, "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00Z"),
]
quarters = st.sampled_from([0, 15, 30, 45])
weekdays = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)
rules = st.fixed_dictionaries(
    {"frequency": st.sampled_from(["hourly", "daily", "weekly"]), "hours": hours, "minutes": quarters, "days": weekdays}
) | st.fixed_dictionaries(
    {"frequency": st.just("monthly"), "hours": hours, "minutes": quarters, "day_of_month": st.integers(1, 31)}
)


def names(rule: dict[str, Any], clock: datetime) -> bool:
    """Whether a clock that shows this shows a time of the rule."""
    if rule["frequency"] == "monthly":
        last = (clock.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        falls = clock.day == min(rule["day_of_month"], last.day)
    else:
        falls = clock.strftime("%a").lower() in rule["days"]
    hourly = rule["frequency"] == "hourly"
    return bool(falls and clock.minute == rule["minutes"] and (hourly or clock.hour == rule["hours"]))


@settings(deadline=None)
@given(rules, st.sampled_from(CHANGES), st.integers(-30 * 3600, 30 * 3600))
def test_an_occurrence_is_the_first_quarter_of_an_hour_that_shows_the_rules_time(
    rule: dict[str, Any], change: tuple[str, str], seconds: int
) -> None:
    zone, after = ZoneInfo(change[0]), at(change[1]) + timedelta(seconds=seconds)
    found = next_occurrence(rule, after, change[0])
    assert found is not None
    quarter = after - timedelta(seconds=after.timestamp() % 900) + timedelta(minutes=15)
    while quarter < found:
        clock = quarter.astimezone(zone)
        assert not names(rule, clock) or (clock.fold == 1 and rule["frequency"] != "hourly")
        quarter += timedelta(minutes=15)
    clock = found.astimezone(zone)
    put_forward = (clock.utcoffset() or timedelta()) - (zone.utcoffset(clock - timedelta(days=1)) or timedelta())
    assert names(rule, clock) or names(rule, clock.replace(tzinfo=None) - put_forward)


@pytest.mark.parametrize(
    "rule",
    [
        {"frequency": "yearly"},
        {"frequency": None},
        {"frequency": "daily", "hours": 24},
        {"frequency": "daily", "hours": "9"},
        {"frequency": "daily", "hours": True},
        {"frequency": "daily", "minutes": -5},
        {"frequency": "weekly", "days": ["monday"]},
        {"frequency": "weekly", "days": []},
        {"frequency": "weekly", "days": "mondays"},
        {"frequency": "weekly", "days": 1},
        {"frequency": "monthly", "day_of_month": 32},
    ],
)
def test_an_invalid_rule_has_no_occurrence(rule: dict[str, Any]) -> None:
    assert next_occurrence(rule, at("2026-03-02T00:00Z"), "") is None


@pytest.mark.parametrize("name", ["Nowhere/Land", "America", "../etc/passwd", "", None, 7, "\0"])
def test_a_name_that_is_no_zone_means_utc(name: object) -> None:
    assert zone_of(name) is UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-05T00:00:00Z", "2026-03-05T00:00Z"),
        ("2020-01-01", "2020-01-01T00:00Z"),
        ({"unit": "days", "value": 3}, "2026-03-05T09:30Z"),
        ({"frequency": "daily", "hours": 12}, "2026-03-02T17:00Z"),
    ],
)
def test_a_dynamic_value_is_a_timestamp_a_duration_or_a_rule(value: object, expected: str, now: datetime) -> None:
    assert resolve_moment(value, now, NEW_YORK) == at(expected)


@pytest.mark.parametrize("value", [None, "soon", 5, [], {}, {"frequency": "never"}, {"unit": "days", "value": "3"}])
def test_a_dynamic_value_that_is_none_of_these_gives_no_moment(value: object, now: datetime) -> None:
    assert resolve_moment(value, now, "Etc/UTC") is None
