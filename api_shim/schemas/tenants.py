"""Tenants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api_shim.pages import PageQuery
from api_shim.schemas.common import (
    Answer,
    Branding,
    Name,
    NotTooManyItems,
    PageInfo,
    TenantRequest,
    Text,
    stored_preference_set,
)
from api_shim.schemas.workflow_recipient_runs import as_list
from notify_workers.store.recipients import Recipient
from workflows.preference_sets import preference_problems
from workflows.preferences import effective
from workflows.scope import Preferences


class Tenant(Answer):
    """Custom properties stand beside the known ones, and cannot take the place of ours."""

    model_config = ConfigDict(extra="allow")

    typename: Literal["Tenant"] = Field(default="Tenant", alias="__typename")
    id: str
    name: Text = None
    settings: dict[str, Any]
    created_at: datetime | None = None
    updated_at: datetime

    @classmethod
    def of(cls, tenant: Recipient, defaults: Mapping[str, Any] | None = None) -> Tenant:
        """With the environment's `defaults`, the preference set shows what they and the tenant's own say together."""
        ours = {
            "__typename": "Tenant",
            "id": tenant.reference.id,
            "settings": _settings(tenant.properties.get("settings"), defaults),
            "created_at": tenant.created_at,
            "updated_at": tenant.updated_at,
        }
        return cls.model_validate({**tenant.properties, **ours}, by_alias=True, by_name=False)


def _settings(stored: object, defaults: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is stored; a part that makes no sense, as steps of workflows may have stored it, is shown as null."""
    known = dict(stored) if isinstance(stored, Mapping) else {}
    return {
        **known,
        "branding": _branding(known.get("branding")),
        "preference_set": _preference_set(known.get("preference_set"), defaults),
    }


def _branding(stored: object) -> dict[str, Any] | None:
    if not isinstance(stored, Mapping):
        return None
    known = {name: value if isinstance(value, str) else None for name, value in stored.items() if name in _BRAND}
    return {**stored, **known}


_BRAND = frozenset(Branding.model_fields)


def _preference_set(stored: object, defaults: Mapping[str, Any] | None) -> dict[str, Any] | None:
    own = stored if isinstance(stored, Mapping) and not any(preference_problems("", stored)) else None
    if defaults is not None:
        own = effective(Preferences(tenant=own or None, environment=defaults or None)) or own
    return None if own is None else stored_preference_set("default", own)


class TenantsQuery(PageQuery):
    """Both filters are exact."""

    tenant_id: str | None = None
    name: str | None = None


class TenantQuery(BaseModel):
    resolve_full_preference_settings: bool = False


class BulkDeleteTenantsQuery(BaseModel):
    tenant_ids: Annotated[list[Name], NotTooManyItems, BeforeValidator(as_list)]


class BulkSetTenantsRequest(BaseModel):
    tenants: Annotated[list[TenantRequest], NotTooManyItems]


class ListTenantsResponse(Answer):
    entries: list[Tenant]
    page_info: PageInfo
