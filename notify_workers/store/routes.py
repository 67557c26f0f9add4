"""Routes of channels as rows: providers besides the channel's own, and those of tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.session import Transaction, sql


@dataclass(frozen=True, slots=True)
class RouteRow:
    """`tenant` is empty for the routes of everybody. Position 0 stands in place of the channel's own provider."""

    environment_id: UUID
    channel_id: UUID
    tenant: str
    position: int
    provider: str
    settings: Mapping[str, Any]
    weight: float | None
    rate: float | None


_ROUTES = sql("""
    select environment_id, channel_id, tenant, position, provider, settings, weight, rate from channel_routes
    where cast(:environment as uuid) is null or environment_id = :environment order by channel_id, tenant, position
""")
_SET = sql("""
    insert into channel_routes (environment_id, channel_id, tenant, position, provider, settings, weight, rate)
    values (:environment_id, :channel_id, :tenant, :position, :provider, :settings, :weight, :rate)
    on conflict (environment_id, channel_id, tenant, position) do update set provider = excluded.provider,
        settings = excluded.settings, weight = excluded.weight, rate = excluded.rate
""").bindparams(bindparam("settings", type_=JSONB))
_REMOVE = sql("""
    delete from channel_routes where environment_id = :environment and channel_id = :channel and tenant = :tenant
        and position = :position
""")


def routes(tx: Transaction, environment: UUID | None = None) -> list[RouteRow]:
    """Of an environment, or all."""
    return [RouteRow(**row._mapping) for row in tx.rows(_ROUTES, environment=environment)]


def set_route(tx: Transaction, row: RouteRow) -> None:
    tx.run(_SET, **{name: getattr(row, name) for name in row.__slots__})


def remove_route(tx: Transaction, environment: UUID, channel: UUID, tenant: str, position: int) -> bool:
    """Whether there was such a route."""
    return tx.run(_REMOVE, environment=environment, channel=channel, tenant=tenant, position=position) == 1
