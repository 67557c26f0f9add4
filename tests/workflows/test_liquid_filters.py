from datetime import UTC, date, datetime
from typing import Any

import pytest

from workflows.liquid.environment import compile_template

NOW = "2026-03-02T09:30:00+00:00"


def render(source: str, *, html: bool = False, **variables: Any) -> str:
    return compile_template(source, name="t", html=html).render({"now": NOW, **variables})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, True], "b": "é"}, '{"a":[1,null,true],"b":"é"}'),
        ('say "hi"', '"say \\"hi\\""'),
        (datetime(2026, 3, 2, tzinfo=UTC), '"2026-03-02T00:00:00+00:00"'),
        (date(2026, 3, 2), '"2026-03-02"'),
        (None, "null"),
    ],
)
def test_json_is_compact_and_keeps_letters(value: Any, text: str) -> None:
    assert render("{{ value | json }}", value=value) == text


def test_json_of_an_undefined_variable_is_null() -> None:
    assert render("{{ nothing.here | json }}") == "null"


def test_json_can_be_indented() -> None:
    assert render("{{ value | json: 2 }}", value={"a": 1}) == '{\n  "a": 1\n}'


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'2026-03-02T23:30:00Z' | date: '%d.%m.%Y %H:%M'", "02.03.2026 23:30"),
        ("'2026-03-02T23:30:00Z' | date: '%d.%m.%Y %H:%M', 'Europe/Berlin'", "03.03.2026 00:30"),
        ("'2026-03-02T23:30:00+02:00' | date: '%H:%M'", "21:30"),
        ("'2026-03-02' | date: '%H:%M'", "00:00"),
        ("1152098955 | date: '%Y-%m-%d %H:%M'", "2006-07-05 11:29"),
        ("'1152098955' | date: '%Y'", "2006"),
        ("'March 14, 2016' | date: '%b %d, %y'", "Mar 14, 16"),
        ("'10:15' | date: '%Y %H:%M'", "2000 10:15"),
        ("'now' | date: '%Y-%m-%d %H:%M'", "2026-03-02 09:30"),
        ("'today' | date: '%d', 'Pacific/Kiritimati'", "02"),
        ("'not a date' | date: '%Y'", "not a date"),
        ("nothing | date: '%Y'", ""),
        ("'2026-03-02' | date: ''", "2026-03-02"),
        ("'2026-03-02' | date: nothing", "2026-03-02"),
    ],
)
def test_dates(expression: str, text: str) -> None:
    assert render("{{ " + expression + " }}") == text


def test_a_date_from_the_data_is_escaped_like_any_variable() -> None:
    assert render("{{ value | date: '%Y<br>' }}", html=True, value="<x>") == "&lt;x&gt;"
    assert render("{{ value | date: '%Y<br>' }}", html=True, value="2026-01-01") == "2026<br>"


def test_a_number_that_is_no_moment_is_an_error_with_its_place() -> None:
    with pytest.raises(Exception, match="line 1, column 12: date: "):
        render("{{ value | date: '%Y' }}", value=10**30)
