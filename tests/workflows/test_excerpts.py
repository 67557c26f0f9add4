import pytest

from workflows.excerpts import Place, place_at


@pytest.mark.parametrize(
    ("source", "index", "place"),
    [
        ("abc", 0, Place(1, 1, "abc\n^")),
        ("abc\ndef\nghi", 5, Place(2, 2, "def\n ^")),
        ("abc\r\ndef", 1, Place(1, 2, "abc\n ^")),
        ("\tx", 1, Place(1, 2, " x\n ^")),
        ("", 0, Place(1, 1, "\n^")),
    ],
)
def test_a_place_has_line_column_and_caret(source: str, index: int, place: Place) -> None:
    assert place_at(source, index) == place


def test_a_place_outside_of_the_text_is_its_end() -> None:
    assert place_at("abc\nde\n\n", -1) == Place(2, 3, "de\n  ^")


def test_a_long_line_is_cut_around_the_caret() -> None:
    place = place_at("a" * 300 + "X" + "b" * 300, 300)
    line, caret = place.excerpt.split("\n")
    assert place.column == 301
    assert len(line) == 120
    assert line[caret.index("^")] == "X"
