"""The preference sets of recipients, and the defaults below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notify_workers.store.recipients import identify
from notify_workers.store.session import Transaction, as_json, sql
from workflows.recipients import Identity, Reference

Set = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A recipient's own sets by id, empty for one who is unknown; tenants' default sets by tenant; everybody's default."""

    own: Mapping[str, Set]
    tenants: Mapping[str, Set]
    environment: Set


_OWN = sql("""
    select e.default_preferences, p.preferences
    from environments e left join recipients p on p.environment_id = e.id and p.collection = :collection and p.id = :id
    where e.id = :environment
""")
_OF_TENANTS = sql("""
    select id, properties #> '{settings,preference_set}' as preference_set from recipients
    where environment_id = :environment and collection = '$tenants' and id = any(:tenants)
""")


def known(tx: Transaction, environment: UUID, of: Reference, *tenants: str) -> Known:
    """With the default sets of those tenants, and of every tenant that the recipient has a set for."""
    row = tx.one(_OWN, environment=environment, collection=of.collection, id=of.id)
    own = {name: each for name, each in (row.preferences or {}).items() if isinstance(each, Mapping)}
    return Known(own, _of_tenants(tx, environment, [*tenants, *own]), row.default_preferences)


def _of_tenants(tx: Transaction, environment: UUID, tenants: Sequence[str]) -> dict[str, Set]:
    rows = tx.rows(_OF_TENANTS, environment=environment, tenants=list(tenants)) if tenants else ()
    return {row.id: row.preference_set for row in rows if isinstance(row.preference_set, Mapping)}


_HOLD = sql("""
    insert into recipients as known (environment_id, collection, id, updated_at)
    values (:environment, :collection, :id, engine_now())
    on conflict (environment_id, collection, id) do update set updated_at = known.updated_at
    returning preferences, xmax = 0 as made
""")


def hold(tx: Transaction, environment: UUID, of: Reference) -> dict[str, Any]:
    """The recipient's own sets, their row locked; who is unknown is made."""
    row = tx.one(_HOLD, environment=environment, collection=of.collection, id=of.id)
    if row.made:
        identify(tx, [(environment, Identity(of))])  # whoever comes is judged by dynamic audiences
    sets: dict[str, Any] = row.preferences
    return sets


_REPLACE = sql("""
    update recipients set preferences = :sets, updated_at = engine_now()
    where environment_id = :environment and collection = :collection and id = :id
""")


def replace(tx: Transaction, environment: UUID, of: Reference, sets: Mapping[str, Set]) -> None:
    """Writes what `hold` gave, changed."""
    tx.run(_REPLACE, environment=environment, collection=of.collection, id=of.id, sets=as_json(sets))


_REMOVE = sql("""
    update recipients set preferences = preferences - (:name)::text, updated_at = engine_now()
    where environment_id = :environment and collection = :collection and id = :id and preferences ? :name
""")


def remove(tx: Transaction, environment: UUID, of: Reference, name: str) -> None:
    tx.run(_REMOVE, environment=environment, collection=of.collection, id=of.id, name=name)
