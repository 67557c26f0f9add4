"""Who is in which static audience, in which tenant."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from notify_workers.store.session import Transaction, as_json, sql
from workflows.recipients import Reference

_MEMBERSHIPS = sql("""
    select audience_key from audience_members
    where environment_id = :environment and collection = :collection and recipient_id = :id and tenant = :tenant
        and audience_key in (select jsonb_array_elements_text(:keys))
""")


def memberships(
    tx: Transaction, environment: UUID, recipient: Reference, tenant: str | None, keys: Iterable[str]
) -> frozenset[str]:
    """In which of those audiences the recipient is; a membership counts for its own tenant only (contract: semantics §10)."""
    rows = tx.rows(_MEMBERSHIPS, keys=as_json(sorted(keys)), **_member(environment, recipient, tenant))
    return frozenset(row.audience_key for row in rows)


def _member(environment: UUID, recipient: Reference, tenant: str | None) -> dict[str, object]:
    return {
        "environment": environment,
        "collection": recipient.collection,
        "id": recipient.id,
        "tenant": tenant or "",
    }


_ADD = sql("""
    insert into audience_members (environment_id, audience_key, collection, recipient_id, tenant, added_at)
    values (:environment, :key, :collection, :id, :tenant, engine_now()) on conflict do nothing
""")
_REMOVE = sql("""
    delete from audience_members where environment_id = :environment and audience_key = :key
        and collection = :collection and recipient_id = :id and tenant = :tenant
""")


def change(
    tx: Transaction, environment: UUID, key: str, recipient: Reference, tenant: str | None, *, adds: bool
) -> bool:
    """Adds or removes a member. False: nothing changed."""
    return tx.run(_ADD if adds else _REMOVE, key=key, **_member(environment, recipient, tenant)) == 1
