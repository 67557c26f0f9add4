from typing import Any

import pytest

from tests.workflows.email_blocks import CODE, buttons, elements, render, styles, text
from workflows.templates import Button


def test_a_button_is_a_cell_with_a_link() -> None:
    block = buttons(Button("Go & see", "{{ url }}"))
    parsed = elements(block, url="https://e.com/?a=1&b=2")
    (link,) = parsed.all("a")
    assert (link["href"], link["class"]) == (
        "https://e.com/?a=1&b=2",
        "block-button block-button--solid block-button--md",
    )
    assert ">Go &amp; see</a></td>" in render(block, url="https://e.com")
    assert text(block, url="https://e.com") == "Go & see (https://e.com)"


@pytest.mark.parametrize(
    ("size", "font", "padding"), [("sm", "14px", "4px 8px"), ("md", "16px", "8px 16px"), ("lg", "18px", "12px 24px")]
)
def test_sizes(size: Any, font: str, padding: str) -> None:
    parsed = elements(buttons(Button("x", "/", size=size)))
    style = styles(parsed.all("a")[0])
    assert (style["font-size"], style["padding"]) == (font, padding)
    assert styles(parsed.all("td")[1])["mso-padding-alt"] == padding


def colors(button: Button, **variables: Any) -> tuple[str, str, str, str | None]:
    parsed = elements(buttons(button), **variables)
    cell, link = parsed.all("td")[1], parsed.all("a")[0]
    style = styles(cell)
    assert styles(link)["background-color"] == style["background-color"]
    return style["background-color"], style["border"], styles(link)["color"], cell.get("bgcolor")


def test_without_a_brand_a_button_is_black_and_white() -> None:
    assert colors(Button("x", "/")) == ("#000000", "0px solid #000000", "#FFFFFF", "#000000")
    assert colors(Button("x", "/", "outline")) == ("transparent", "1px solid #000000", "#000000", None)


def test_a_button_has_the_brands_colours_or_its_own() -> None:
    known = {"branding": {"primary_color": "#112233", "primary_color_contrast": "#fefefe", "accent": "gold"}}
    assert colors(Button("x", "/"), vars=known) == ("#112233", "0px solid #112233", "#fefefe", "#112233")
    assert colors(Button("x", "/", "outline"), vars=known) == ("transparent", "1px solid #112233", "#112233", None)
    own = Button(
        "x", "/", background_color="primary_color_contrast", border_color="{{ c }}", border_width=3, text_color="accent"
    )
    assert colors(own, vars=known, c="#00f") == ("#fefefe", "3px solid #00f", "gold", "#fefefe")


@pytest.mark.parametrize("evil", ["red;position:fixed", 'red" onclick="x', "url(x)", "primary_color", "</style>"])
def test_a_colour_that_is_none_is_the_variants_own(evil: str) -> None:
    button = Button("x", "/", background_color=evil, text_color="{{ evil }}", border_color=evil)
    assert colors(button, evil=evil) == ("#000000", "0px solid #000000", "#FFFFFF", "#000000")


def test_corners_are_those_that_are_given() -> None:
    for radius, expected in ((None, "6px"), (0, "0px"), (12, "12px")):
        parsed = elements(buttons(Button("x", "/", border_radius=radius)))
        assert [styles(parsed.all(tag)[-1])["border-radius"] for tag in ("td", "a")] == [expected, expected]


def test_buttons_stand_beside_each_other_with_a_gap() -> None:
    parsed = elements(buttons(Button("a", "/a"), Button("b", "/b"), Button("c", "/c"), column_gap=12, align="right"))
    cells = parsed.all("td")
    assert cells[0]["align"] == "right"
    assert [cell.get("width") for cell in cells[1:]] == [None, "12", None, "12", None]
    assert len(parsed.all("table")) == 2


def test_a_button_of_full_width_has_its_own_line() -> None:
    given = (
        Button("a", "/a"),
        Button("b", "/b"),
        Button("c", "/c", is_fullwidth=True),
        Button("d", "/d", is_fullwidth=True),
    )
    parsed = elements(buttons(*given))
    assert [table.get("width") for table in parsed.all("table")] == ["100%", None, "100%", "100%"]
    assert [styles(link)["display"] for link in parsed.all("a")] == ["inline-block", "inline-block", "block", "block"]
    assert text(buttons(*given)) == "a (/a)\nb (/b)\nc (/c)\nd (/d)"


@pytest.mark.parametrize("action", [*CODE, "", " "])
def test_a_button_that_would_run_code_leads_nowhere(action: str) -> None:
    block = buttons(Button("Go", "{{ action }}"))
    assert "href" not in elements(block, action=action).all("a")[0]
    assert text(block, action=action) == "Go"


@pytest.mark.parametrize("evil", ['"><script>x</script>', "<b>x</b>", "' onclick='x"])
def test_no_value_leaves_the_button(evil: str) -> None:
    parsed = elements(buttons(Button("{{ evil }}", "https://e.com/{{ evil }}")), evil=evil)
    assert {tag for tag, _ in parsed.found} == {"table", "tr", "td", "a"}
    assert parsed.all("a")[0]["href"] == f"https://e.com/{evil}"
    assert "onclick" not in parsed.all("a")[0]


@pytest.mark.parametrize(
    "action", ["mailto:a@e.com", "tel:+123", "myapp://open/1", "/path", "#top", "https://e.com:8080/data:x"]
)
def test_other_links_are_kept(action: str) -> None:
    assert elements(buttons(Button("x", action))).all("a")[0]["href"] == action
