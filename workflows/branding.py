"""A brand's colours and images: what templates see as `vars.branding` (contract: semantics §15, §20)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_COLOR = re.compile(
    r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})|[a-z]{3,30}|(?:rgb|hsl)a?\([0-9a-z\s.,%/]{1,60}\)", re.IGNORECASE
)


def branding(
    environment_vars: Mapping[str, Any], tenant: Mapping[str, Any] | None, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The environment's brand, over it a layout's `branding_overrides`, over that the tenant's `settings.branding`.

    Empty values replace nothing. A colour (`…_color`, `…_color_contrast`) that is none is left out: templates write
    colours into style sheets, where nothing escapes them.
    """
    merged: dict[str, Any] = {}
    for brand in (environment_vars.get("branding"), overrides, _of_tenant(tenant)):
        if isinstance(brand, Mapping):
            merged.update({name: value for name, value in brand.items() if _is_usable(name, value)})
    return merged


def is_color(value: object) -> bool:
    """Whether CSS may read it as a colour: hexadecimal, a name, `rgb()` or `hsl()`."""
    return isinstance(value, str) and _COLOR.fullmatch(value.strip()) is not None


def _of_tenant(tenant: Mapping[str, Any] | None) -> object:
    settings = tenant.get("settings") if tenant else None
    return settings.get("branding") if isinstance(settings, Mapping) else None


def _is_usable(name: str, value: object) -> bool:
    if value is None or value == "":
        return False
    return is_color(value) or not name.endswith(("_color", "_color_contrast"))
