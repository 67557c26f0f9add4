from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.segments import BASIC, EXTENSION, GSM_JOINED, UCS2_JOINED, is_gsm, segments

EMOJI = "😀"
"""Outside the Basic Multilingual Plane: two 16-bit units."""


def test_the_default_alphabet_has_its_128_places_with_the_escape() -> None:
    assert len(BASIC) + 1 == 128
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@pytest.mark.parametrize(
    "text",
    ["", "Hello\r\nthere", "50 €", "[ok] {x} | ~ ^ \\ \f", "Ångström, Öl, ß, ñ, à, Ç", "ΔΦΓΛΩΠΨΣΘΞ"],
)
def test_the_default_alphabet_and_its_extension_are_gsm(text: str) -> None:
    assert is_gsm(text)


@pytest.mark.parametrize("text", ["’", "–", "ç", "á", "Α", "\t", "`", "你好", EMOJI, "\u00a0", "\x1b", "\x00"])
def test_one_other_character_makes_it_ucs2(text: str) -> None:
    assert not is_gsm("Hello" + text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("a" * 460, 4),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("a" * 69 + "’", 1),
        ("a" * 70 + "’", 2),
        (EMOJI * 35, 1),
        (EMOJI * 35 + "a", 2),
    ],
)
def test_segments_end_where_the_standard_says(text: str, count: int) -> None:
    assert segments(text) == count


def test_an_escape_and_its_character_stay_together() -> None:
    """The first segment has 152 septets, as its 153rd would be the escape alone; so the last character needs a third."""
    assert segments("a" * 152 + "€" + "a" * 151) == 2
    assert segments("a" * 152 + "€" + "a" * 152) == 3
    assert segments("€" * 152) == 2
    assert segments("€" * 153) == 3  # 306 septets, which would be two


def test_the_halves_of_a_surrogate_pair_stay_together() -> None:
    assert segments(EMOJI * 66) == 2
    assert segments(EMOJI * 67) == 3  # 134 units, which would be two
    assert segments("a" * 66 + EMOJI + "a" * 65) == 2
    assert segments("a" * 66 + EMOJI + "a" * 66) == 3


@given(st.text())
def test_there_are_never_fewer_segments_than_units_need_nor_more_than_gaps_explain(text: str) -> None:
    if is_gsm(text):
        units, joined = sum(2 if each in EXTENSION else 1 for each in text), GSM_JOINED
    else:
        units, joined = len(text.encode("utf-16-le", "surrogatepass")) // 2, UCS2_JOINED
    count = segments(text)
    assert count == 1 or -(-units // joined) <= count <= -(-units // (joined - 1))


@given(st.text(max_size=400), st.text(max_size=5))
def test_more_text_is_never_fewer_segments(text: str, more: str) -> None:
    assert segments(text + more) >= segments(text)
