"""Preference sets of users and objects."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api_shim.schemas.common import Answer, Name, UserId


class PreferenceSet(Answer):
    """Parts that say nothing are null."""

    id: str
    workflows: dict[str, Any] | None = None
    categories: dict[str, Any] | None = None
    channel_types: dict[str, Any] | None = None
    channels: dict[str, Any] | None = None
    commercial_subscribed: bool | dict[str, Any] | None = None


class PreferenceSetRequest(BaseModel):
    """What is in the parts is checked with them (`workflows/preference_sets.py`), so that each problem has its path."""

    model_config = ConfigDict(extra="allow")

    persistence_strategy: Literal["merge", "replace"] | None = Field(default=None, alias="__persistence_strategy__")
    workflows: dict[str, Any] | None = None
    categories: dict[str, Any] | None = None
    channel_types: dict[str, Any] | None = None
    channels: dict[str, Any] | None = None
    commercial_subscribed: bool | dict[str, Any] | None = None


class BulkPreferenceSetRequest(PreferenceSetRequest):
    id: Name = "default"


class BulkSetUserPreferencesRequest(BaseModel):
    preferences: BulkPreferenceSetRequest
    user_ids: list[UserId]


class PreferencesQuery(BaseModel):
    tenant: Name | None = None
