"""The hosted preference centre."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api_shim.schemas.common import Answer
from notify_workers.preference_center import Brand


class Branding(Answer):
    icon_url: str | None = None
    logo_url: str | None = None
    primary_color: str | None = None
    primary_color_contrast: str | None = None


class BrandingWithDark(Branding):
    dark: Branding


class Row(Answer):
    type: Literal["workflow", "channel", "category", "channel_types", "commercial_subscribed"]
    name: str
    identifier: str | None = None
    description: str = ""
    channel_types: list[str] = Field(default_factory=list)


class PreferenceCenterConfigData(Answer):
    title: str
    body: str
    rows: list[Row]
    show_account_name: bool = False


class PreferenceCenterConfigWithMetadata(Answer):
    enabled: bool
    config: PreferenceCenterConfigData
    branding: BrandingWithDark
    account_name: str | None
    user_email: str | None
    knock_branding_required: bool = False

    @classmethod
    def of(cls, config: dict[str, Any], brand: Brand, email: str | None) -> PreferenceCenterConfigWithMetadata:
        return cls(
            enabled=config.get("enabled", True),
            config=PreferenceCenterConfigData(
                title=config["title"],
                body=config["body"],
                rows=[Row(**_said(row)) for row in config["rows"]],
                show_account_name=config.get("show_account_name", False),
            ),
            branding=BrandingWithDark(
                **_images_and_colors(brand, ""), dark=Branding(**_images_and_colors(brand, "dark_"))
            ),
            account_name=brand.account_name,
            user_email=email,
        )


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _images_and_colors(brand: Brand, prefix: str) -> dict[str, str]:
    """Those of the brand that have a right form; a colour had one already."""
    values = {name: brand.branding.get(f"{prefix}{name}") for name in Branding.model_fields}
    return {name: value for name, value in values.items() if isinstance(value, str) and _is_usable(name, value)}


def _is_usable(name: str, value: str) -> bool:
    return not name.endswith("_url") or value.startswith(("https://", "http://"))


class PreferenceCenterSignedUrlResponse(Answer):
    token: str
    url: str
