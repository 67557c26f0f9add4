"""Who is in a dynamic audience: judged whenever a user changes, in the transaction that changes them.

Whoever judges holds the user's row, so what is judged last is what is known last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from notify_workers.store.session import Transaction, as_json, sql
from workflows.audiences import Audience, stored_audience
from workflows.recipients import Reference, entity


@dataclass(frozen=True, slots=True)
class Judged:
    """A user as known from now on. `at` is the engine's time."""

    environment_id: UUID
    reference: Reference
    properties: Mapping[str, Any]
    created_at: datetime | None
    at: datetime

    def as_recipient(self) -> dict[str, Any]:
        seen = entity(self.reference, self.properties)
        return {**seen, "created_at": self.created_at.isoformat()} if self.created_at else seen


_DYNAMIC = sql("""
    select r.environment_id, r.key, v.content from resources r join resource_versions v on v.id = r.version_id
    where r.kind = 'audience' and r.active and v.content ->> 'type' = 'dynamic'
        and r.environment_id in (select value::uuid from jsonb_array_elements_text(:environments) as each (value))
""")


def dynamic_audiences(tx: Transaction, environments: Iterable[UUID]) -> list[tuple[UUID, str, Audience]]:
    """The dynamic audiences of environments: environment, key, what it says."""
    rows = tx.rows(_DYNAMIC, environments=as_json(sorted({str(each) for each in environments})))
    return [(row.environment_id, row.key, stored_audience(row.content)) for row in rows]


def reconsider(tx: Transaction, users: Sequence[Judged]) -> None:
    """Users enter and leave the dynamic audiences of their environments. The caller holds their rows."""
    if users:
        judge(tx, users, dynamic_audiences(tx, {each.environment_id for each in users}))


_ENTER = sql("""
    insert into audience_members (environment_id, audience_key, collection, recipient_id, tenant, added_at)
    select environment_id, key, '$users', id, '', engine_now()
    from jsonb_to_recordset(:rows) as given (environment_id uuid, key text, id text)
    order by environment_id, key collate "C", id collate "C"
    on conflict do nothing
""")
_LEAVE = sql("""
    delete from audience_members m using jsonb_to_recordset(:rows) as given (environment_id uuid, key text, id text)
    where m.environment_id = given.environment_id and m.audience_key = given.key and m.collection = '$users'
        and m.recipient_id = given.id
""")


def judge(tx: Transaction, users: Sequence[Judged], audiences: Sequence[tuple[UUID, str, Audience]]) -> None:
    """Users enter or leave these audiences."""
    inside: list[dict[str, str]] = []
    outside: list[dict[str, str]] = []
    for environment, key, audience in audiences:
        for user in users:
            if user.environment_id == environment:
                matches = audience.matches(user.as_recipient(), user.at)
                row = {"environment_id": str(environment), "key": key, "id": user.reference.id}
                (inside if matches else outside).append(row)
    if inside:
        tx.run(_ENTER, rows=as_json(inside))
    if outside:
        tx.run(_LEAVE, rows=as_json(outside))


_WAIT_NO_LONGER = sql("set local lock_timeout = '1s'")
_AWAIT_WRITERS = sql("lock table recipients in share mode")


def await_writers(tx: Transaction) -> None:
    """Waits for whoever is writing users now. Those who begin afterwards see the audiences that this transaction sees.

    Other writers wait meanwhile, so after a second it gives up, as if the database did not answer.
    """
    tx.run(_WAIT_NO_LONGER)
    tx.run(_AWAIT_WRITERS)


_BOUNDS = sql("""
    select id from (
        select id, row_number() over (order by id) as place from recipients
        where environment_id = :environment and collection = '$users'
    ) as placed where place % :size = 0 order by id
""")


def bounds(tx: Transaction, environment: UUID, size: int) -> list[str]:
    """The ids of users at which a list of all of them is cut into pieces of that size."""
    return [row.id for row in tx.rows(_BOUNDS, environment=environment, size=size)]


_AFTER = """
    select id, properties, created_at, engine_now() as at from recipients
    where environment_id = :environment and collection = '$users' and id > :after
"""
_IN_ORDER = " order by id for update"
_BETWEEN, _TO_THE_END = sql(_AFTER + " and id <= :until" + _IN_ORDER), sql(_AFTER + _IN_ORDER)


def users_between(tx: Transaction, environment: UUID, after: str, until: str | None) -> list[Judged]:
    """Users by id, held until the transaction ends."""
    place = {"environment": environment, "after": after}
    rows = tx.rows(_TO_THE_END, **place) if until is None else tx.rows(_BETWEEN, until=until, **place)
    return [Judged(environment, Reference("$users", row.id), row.properties, row.created_at, row.at) for row in rows]


_ONLY_USERS = sql("""
    delete from audience_members where environment_id = :environment and audience_key = :key
        and (collection <> '$users' or tenant <> '')
""")


def keep_only_users(tx: Transaction, environment: UUID, key: str) -> None:
    """An audience that becomes dynamic has users as members, and no tenants."""
    tx.run(_ONLY_USERS, environment=environment, key=key)
