"""Send windows: when the next one opens, over clock changes too, and how they are written."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.model import SendWindow
from workflows.send_windows import DAYS, NeverOpens, next_opening, parse_send_window, send_window_problems

BERLIN = "Europe/Berlin"
OFFICE_HOURS = tuple(
    SendWindow(day, sends=day < 5, opens=time(9), until=time(17)) if day < 5 else SendWindow(day, sends=False)
    for day in range(7)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def daily(opens: str, until: str | None = None) -> tuple[SendWindow, ...]:
    end = time.fromisoformat(until) if until else None
    return tuple(SendWindow(day, sends=True, opens=time.fromisoformat(opens), until=end) for day in range(7))


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-03-02T08:59:59+01:00", "2026-03-02T09:00+01:00"),
        ("2026-03-02T09:00+01:00", None),
        ("2026-03-02T16:59:59+01:00", None),
        ("2026-03-02T17:00+01:00", "2026-03-03T09:00+01:00"),
        ("2026-03-06T17:00+01:00", "2026-03-09T09:00+01:00"),
        ("2026-03-07T12:00+01:00", "2026-03-09T09:00+01:00"),
        ("2026-03-27T18:00+01:00", "2026-03-30T09:00+02:00"),
        ("2026-10-23T18:00+02:00", "2026-10-26T09:00+01:00"),
    ],
)
def test_office_hours_are_the_recipients(now: str, opening: str | None) -> None:
    assert next_opening(OFFICE_HOURS, at(now), BERLIN) == (at(opening) if opening else None)


def test_the_opening_is_utc() -> None:
    opening = next_opening(OFFICE_HOURS, datetime.fromisoformat("2026-03-01T12:00-05:00"), "America/New_York")
    assert repr(opening) == repr(at("2026-03-02T14:00Z"))


def test_without_windows_a_step_may_always_send() -> None:
    assert next_opening((), at("2026-03-02T03:00Z"), BERLIN) is None


def test_a_window_without_an_end_lasts_to_the_days_end() -> None:
    assert next_opening(daily("22:00"), at("2026-03-02T23:59:59.999999Z"), "") is None
    assert next_opening(daily("22:00"), at("2026-03-03T00:00Z"), "") == at("2026-03-03T22:00Z")
    assert next_opening(daily("00:00"), at("2026-03-03T00:00Z"), "") is None


@pytest.mark.parametrize(
    "windows",
    [
        tuple(SendWindow(day, sends=False) for day in range(7)),
        daily("09:00", "09:00"),
        (SendWindow(0, sends=True, opens=time(17), until=time(9)),),
    ],
)
def test_windows_that_never_open_say_so(windows: tuple[SendWindow, ...]) -> None:
    with pytest.raises(NeverOpens):
        next_opening(windows, at("2026-03-02T12:00Z"), BERLIN)


@pytest.mark.parametrize(
    ("opens", "until", "now", "zone", "opening"),
    [
        # Clocks go from 02:00 to 03:00: what is left of a window opens at the change ...
        ("02:30", "05:00", "2026-03-29T00:00Z", BERLIN, "2026-03-29T01:00Z"),
        # ... and one that lies in the skipped hour does not open on that day.
        ("02:15", "02:45", "2026-03-29T00:00Z", BERLIN, "2026-03-30T00:15Z"),
        # Clocks go from 03:00 to 02:00: a window opens both times that its hour happens,
        ("02:00", "02:30", "2026-10-25T00:30Z", BERLIN, "2026-10-25T01:00Z"),
        ("02:15", "02:30", "2026-10-25T00:30Z", BERLIN, "2026-10-25T01:15Z"),
        # ... also one that the clock falls back into.
        ("01:30", "02:30", "2026-10-25T00:45Z", BERLIN, "2026-10-25T01:00Z"),
        # Half an hour is skipped here.
        ("02:10", "04:00", "2026-10-03T15:00Z", "Australia/Lord_Howe", "2026-10-03T15:30Z"),
        # A midnight that is skipped.
        ("00:00", "00:30", "2018-11-04T02:00Z", "America/Sao_Paulo", "2018-11-05T02:00Z"),
        ("00:00", "06:00", "2018-11-04T02:59Z", "America/Sao_Paulo", "2018-11-04T03:00Z"),
        # A day that is skipped: after Thursday comes Saturday.
        ("09:00", "10:00", "2011-12-30T09:00Z", "Pacific/Apia", "2011-12-30T19:00Z"),
    ],
)
def test_windows_over_a_clock_change(opens: str, until: str, now: str, zone: str, opening: str) -> None:
    assert next_opening(daily(opens, until), at(now), zone) == at(opening)


def test_a_weekday_that_a_country_skipped_comes_a_week_later() -> None:
    friday = (SendWindow(4, sends=True, opens=time(9), until=time(10)),)
    assert next_opening(friday, at("2011-12-29T12:00Z"), "Pacific/Apia") == at("2012-01-05T19:00Z")


CHANGES = [
    (BERLIN, "2026-03-29T01:00Z"),
    (BERLIN, "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00Z"),
]
minutes_of_day = st.integers(0, 24 * 60 - 1)


@st.composite
def weeks(draw: st.DrawFn) -> tuple[SendWindow, ...]:
    """Windows by the minute, a few hours around midnight and the changes, at least one of them open."""
    windows = []
    for day in range(7):
        start = draw(st.integers(0, 6 * 60) | minutes_of_day)
        end = start + draw(st.integers(1, 90))
        until = None if end >= 24 * 60 else time(*divmod(end, 60))
        windows.append(SendWindow(day, sends=draw(st.booleans()), opens=time(*divmod(start, 60)), until=until))
    sends = draw(st.integers(0, 6))
    windows[sends] = SendWindow(sends, sends=True, opens=windows[sends].opens, until=windows[sends].until)
    return tuple(windows)


def inside(windows: tuple[SendWindow, ...], moment: datetime, zone: ZoneInfo) -> bool:
    clock = moment.astimezone(zone)
    window = windows[clock.weekday()]
    shown = clock.strftime("%H:%M")
    end = window.until.strftime("%H:%M") if window.until else "24:00"
    return window.sends and window.opens.strftime("%H:%M") <= shown < end


@settings(deadline=None)
@given(weeks(), st.sampled_from(CHANGES), st.integers(-4 * 24 * 60, 24 * 60))
def test_the_opening_is_the_first_minute_that_shows_a_time_in_a_window(
    windows: tuple[SendWindow, ...], change: tuple[str, str], minutes: int
) -> None:
    zone, now = ZoneInfo(change[0]), at(change[1]) + timedelta(minutes=minutes)
    opening = next_opening(windows, now, change[0])
    if opening is None:
        assert inside(windows, now, zone)
        return
    assert inside(windows, opening, zone)
    assert next_opening(windows, opening, change[0]) is None
    waiting = int((opening - now).total_seconds()) // 60
    assert not any(inside(windows, now + timedelta(minutes=minute), zone) for minute in range(waiting))
    assert not inside(windows, opening - timedelta(minutes=1), zone)


@given(weeks(), st.sampled_from(CHANGES), st.integers(-4 * 24 * 3600, 24 * 3600), st.integers(0, 999_999))
def test_who_asks_later_is_told_the_same(
    windows: tuple[SendWindow, ...], change: tuple[str, str], seconds: int, microseconds: int
) -> None:
    now = at(change[1]) + timedelta(seconds=seconds, microseconds=microseconds)
    opening = next_opening(windows, now, change[0])
    if opening is not None:
        assert now < opening
        assert next_opening(windows, now + (opening - now) / 2, change[0]) == opening
        assert next_opening(windows, opening - timedelta(microseconds=1), change[0]) == opening


@pytest.mark.parametrize(
    ("document", "window"),
    [
        ({"type": "send"}, SendWindow(0, sends=True)),
        ({"type": "send", "from": None, "until": None}, SendWindow(0, sends=True)),
        ({"type": "send", "from": "09:00:00", "until": "17:30:00"}, SendWindow(0, True, time(9), time(17, 30))),
        ({"type": "send", "from": "09:00", "until": 1020}, SendWindow(0, True, time(9), time(17))),
        ({"type": "send", "from": 0, "until": 1440}, SendWindow(0, sends=True)),
        ({"type": "send", "from": "09:00", "until": "24:00"}, SendWindow(0, True, time(9))),
        ({"type": "send", "until": "24:00:00"}, SendWindow(0, sends=True)),
        ({"type": "do_not_send", "from": "09:00"}, SendWindow(0, sends=False)),
    ],
)
def test_a_window_is_parsed(document: dict[str, Any], window: SendWindow) -> None:
    assert parse_send_window({"day": "monday", **document}) == window


def test_sunday_is_the_last_day() -> None:
    assert parse_send_window({"day": "sunday", "type": "send"}).weekday == 6


def week(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"day": day, "type": "send", **changed.get(day, {})} for day in DAYS]


@pytest.mark.parametrize("document", [None, [], week(), week(friday={"from": "09:00", "until": 1020}), week()[::-1]])
def test_valid_windows_have_no_problems(document: object) -> None:
    assert list(send_window_problems("w", document)) == []


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        ({}, "w", "a list of seven"),
        (week()[:6], "w", "there is none for sunday"),
        ([*week(), {"day": "monday", "type": "send"}], "w[7].day", "has one already"),
        ([*week(), "tuesday"], "w[7]", "a send window"),
        ([*week(), {"day": "mon", "type": "send"}], "w[7].day", "one of monday"),
        (week(monday={"type": "sent"}), "w[0].type", "send or do_not_send"),
        (week(monday={"from": "9:00"}), "w[0].from", "a time such as 09:00"),
        (week(monday={"from": "24:00"}), "w[0].from", "a time such as 09:00"),
        (week(monday={"from": 1440}), "w[0].from", "a time such as 09:00"),
        (week(monday={"from": True}), "w[0].from", "a time such as 09:00"),
        (week(monday={"until": "1020"}), "w[0].until", "a time such as 09:00"),
        (week(monday={"until": "25:00"}), "w[0].until", "a time such as 09:00"),
        (week(monday={"until": -1}), "w[0].until", "a time such as 09:00"),
        (week(monday={"from": "09:00", "until": "09:00"}), "w[0].until", "after the window's start, 09:00"),
        (week(monday={"from": "22:00", "until": "06:00"}), "w[0].until", "after the window's start, 22:00"),
    ],
)
def test_a_problem_says_where_it_is_and_what_was_expected(document: object, path: str, expected: str) -> None:
    problems = list(send_window_problems("w", document))
    assert [problem.path for problem in problems] == [path]
    assert expected in problems[0].expected
