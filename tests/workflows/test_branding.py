from typing import Any

import pytest

from workflows.branding import branding, is_color


def test_the_tenants_brand_goes_over_the_layouts_and_that_over_the_environments() -> None:
    environment = {
        "branding": {"primary_color": "#111111", "logo_url": "https://e.com/logo.png", "accent_color": "red"}
    }
    tenant = {"id": "acme", "settings": {"branding": {"primary_color": "#333333"}}}
    overrides = {"primary_color": "#222222", "icon_url": "https://e.com/icon.png"}
    assert branding(environment, tenant, overrides) == {
        "primary_color": "#333333",
        "logo_url": "https://e.com/logo.png",
        "icon_url": "https://e.com/icon.png",
        "accent_color": "red",
    }
    assert branding(environment, None, overrides)["primary_color"] == "#222222"


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_value_replaces_nothing(empty: Any) -> None:
    tenant = {"settings": {"branding": {"logo_url": empty, "primary_color": empty}}}
    assert branding({"branding": {"logo_url": "a", "primary_color": "#fff"}}, tenant) == {
        "logo_url": "a",
        "primary_color": "#fff",
    }


@pytest.mark.parametrize("tenant", [None, {}, {"settings": None}, {"settings": {"branding": "red"}}, {"settings": []}])
@pytest.mark.parametrize("environment", [{}, {"branding": None}, {"branding": "red"}])
def test_where_there_is_no_brand_there_are_no_values(
    environment: dict[str, Any], tenant: dict[str, Any] | None
) -> None:
    assert branding(environment, tenant) == {}


@pytest.mark.parametrize(
    "color", ["#fff", "#FFAA00", "#ffaa0080", "red", "rgb(1, 2, 3)", "rgba(0 0 0 / 50%)", "hsl(9deg 1% 2%)"]
)
def test_colours_are_what_css_reads_as_one(color: str) -> None:
    assert is_color(color)
    assert branding({"branding": {"primary_color": color}}, None) == {"primary_color": color}


@pytest.mark.parametrize(
    "evil", ["red;} body{display:none", "url(javascript:x)", "#12", "</style><script>", "expression(x)", 7]
)
@pytest.mark.parametrize("name", ["primary_color", "dark_primary_color_contrast", "accent_color"])
def test_a_colour_that_is_none_cannot_reach_a_style_sheet(name: str, evil: Any) -> None:
    tenant = {"settings": {"branding": {name: evil}}}
    assert branding({"branding": {name: "#123456"}}, tenant) == {name: "#123456"}
