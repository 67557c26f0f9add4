"""Who is in which audience, in which tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_

from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import audience_members, recipients
from workflows.recipients import USERS, Reference

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


_IS_DYNAMIC = """exists (
        select from resources r join resource_versions v on v.id = r.version_id
        where r.environment_id = :environment and r.kind = 'audience' and r.key = :key and v.content ->> 'type' = 'dynamic')"""

_ADD = sql(
    """
    insert into audience_members (environment_id, audience_key, collection, recipient_id, tenant, added_at)
    select :environment, :key, :collection, :id, :tenant, engine_now() where not """
    + _IS_DYNAMIC
    + """
    on conflict do nothing
"""
)
_REMOVE = sql(
    """
    delete from audience_members where environment_id = :environment and audience_key = :key
        and collection = :collection and recipient_id = :id and tenant = :tenant and not """
    + _IS_DYNAMIC
    + """
"""
)


def change(
    tx: Transaction, environment: UUID, key: str, recipient: Reference, tenant: str | None, *, adds: bool
) -> bool:
    """Adds or removes a member. False: nothing changed. A dynamic audience has the members that its conditions say."""
    return tx.run(_ADD if adds else _REMOVE, key=key, **_member(environment, recipient, tenant)) == 1


_ANY_MEMBER = sql("""
    select exists (select from audience_members where environment_id = :environment and audience_key = :key)
""")


def any_member(tx: Transaction, environment: UUID, key: str) -> bool:
    return bool(tx.scalar(_ANY_MEMBER, environment=environment, key=key))


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an audience. `tenant` is empty without one."""

    user_id: str
    tenant: str


_ADD_EACH = sql("""
    insert into audience_members (environment_id, audience_key, collection, recipient_id, tenant, added_at)
    select :environment, :key, '$users', user_id, tenant, engine_now()
    from jsonb_to_recordset(:members) as given (user_id text, tenant text)
    order by user_id collate "C", tenant collate "C"
    on conflict do nothing
""")
_REMOVE_EACH = sql("""
    delete from audience_members m using jsonb_to_recordset(:members) as given (user_id text, tenant text)
    where m.environment_id = :environment and m.audience_key = :key and m.collection = '$users'
        and m.recipient_id = given.user_id and m.tenant = given.tenant
""")


def add(tx: Transaction, environment: UUID, key: str, members: Sequence[Member]) -> None:
    """Adds users; who is a member already stays one since the time they became it."""
    tx.run(_ADD_EACH, environment=environment, key=key, members=_given(members))


def remove(tx: Transaction, environment: UUID, key: str, members: Sequence[Member]) -> None:
    tx.run(_REMOVE_EACH, environment=environment, key=key, members=_given(members))


def _given(members: Sequence[Member]) -> Any:
    return as_json([{"user_id": each.user_id, "tenant": each.tenant} for each in members])


@dataclass(frozen=True, slots=True)
class Listed:
    member: Member
    user: Recipient
    added_at: datetime


_COLUMNS = audience_members.c
_ORDER = (_COLUMNS.recipient_id, _COLUMNS.tenant)
_LIST = select(
    _COLUMNS.recipient_id,
    _COLUMNS.tenant,
    _COLUMNS.added_at,
    recipients.c.properties,
    recipients.c.created_at,
    recipients.c.updated_at,
).outerjoin(
    recipients,
    (recipients.c.environment_id == _COLUMNS.environment_id)
    & (recipients.c.collection == _COLUMNS.collection)
    & (recipients.c.id == _COLUMNS.recipient_id),
)


def page(
    tx: Transaction, environment: UUID, key: str, *, after: Member | None, before: Member | None, limit: int
) -> list[Listed]:
    """Users in an audience by id and tenant, ascending; with `before`, the ones that end just before it."""
    query = _LIST.where(
        _COLUMNS.environment_id == environment, _COLUMNS.audience_key == key, _COLUMNS.collection == USERS
    ).limit(limit)
    place = tuple_(*_ORDER)
    if before is not None:
        query = query.where(place < tuple_(before.user_id, before.tenant)).order_by(*(each.desc() for each in _ORDER))
        return [_listed(row) for row in tx.rows(query)][::-1]
    if after is not None:
        query = query.where(place > tuple_(after.user_id, after.tenant))
    return [_listed(row) for row in tx.rows(query.order_by(*_ORDER))]


def _listed(row: Row[Any]) -> Listed:
    user = Recipient(
        Reference(USERS, row.recipient_id), row.properties or {}, row.created_at, row.updated_at or row.added_at
    )
    return Listed(Member(row.recipient_id, row.tenant), user, row.added_at)
