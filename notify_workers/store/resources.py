"""Versioned resources (workflows, e-mail layouts, …): every version stays, one of them is current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.session import Transaction, sql

WORKFLOW = "workflow"
EMAIL_LAYOUT = "email_layout"
PARTIAL = "partial"
TRANSLATION = "translation"
CHANNEL_GROUP = "channel_group"
AUDIENCE = "audience"
GUIDE = "guide"
SHARED = (EMAIL_LAYOUT, PARTIAL, TRANSLATION, CHANNEL_GROUP)
"""Kinds that a run finds as they are now, not as they were when it started."""


@dataclass(frozen=True, slots=True)
class Resource:
    environment_id: UUID
    kind: str
    key: str
    version_id: UUID
    active: bool
    content: Mapping[str, Any]
    sha: str


_CURRENT = """
    select r.environment_id, r.kind, r.key, r.version_id, r.active, v.content, v.sha
    from resources r join resource_versions v on v.id = r.version_id
"""
_OF_KIND = sql(_CURRENT + " where r.kind = :kind")
_OF_ENVIRONMENT = sql(_CURRENT + " where r.kind = :kind and r.environment_id = :environment order by r.key")
_ONE = sql(_CURRENT + " where r.kind = :kind and r.environment_id = :environment and r.key = :key")


def current(tx: Transaction, kind: str, environment: UUID | None = None) -> list[Resource]:
    """The current version of every resource of that kind, in one environment or in all."""
    if environment is None:
        rows = tx.rows(_OF_KIND, kind=kind)
    else:
        rows = tx.rows(_OF_ENVIRONMENT, kind=kind, environment=environment)
    return [Resource(**row._mapping) for row in rows]


def get_resource(tx: Transaction, environment: UUID, kind: str, key: str) -> Resource | None:
    row = tx.first(_ONE, environment=environment, kind=kind, key=key)
    return Resource(**row._mapping) if row else None


_VERSION = sql("select key, content from resource_versions where id = :id")


def load_version(tx: Transaction, version_id: UUID) -> tuple[str, Mapping[str, Any]]:
    """Key and content of a version, current or not."""
    row = tx.one(_VERSION, id=version_id)
    return row.key, row.content


_SINCE = sql("""
    select newer.id from resource_versions own
    join resource_versions newer on newer.environment_id = own.environment_id and newer.kind = own.kind and newer.key = own.key
    join resources r on r.environment_id = own.environment_id and r.kind = own.kind and r.key = own.key
    where own.id = :own and newer.number > own.number
    order by newer.id = r.version_id desc, newer.number desc
""")


def versions_since(tx: Transaction, own: UUID) -> list[UUID]:
    """The versions of a resource that are newer than one of its own, the current one first."""
    return [row.id for row in tx.rows(_SINCE, own=own)]


_PUBLISH = sql("""
    with version as (
        insert into resource_versions (id, environment_id, kind, key, content, sha, created_at)
        values (gen_random_uuid(), :environment, :kind, :key, :content, :sha, engine_now())
        returning id
    )
    insert into resources (environment_id, kind, key, version_id, created_at, updated_at)
    select :environment, :kind, :key, id, engine_now(), engine_now() from version
    on conflict (environment_id, kind, key) do update set version_id = excluded.version_id, updated_at = excluded.updated_at
    returning version_id
""").bindparams(bindparam("content", type_=JSONB))


def publish(tx: Transaction, environment: UUID, kind: str, key: str, content: Mapping[str, Any], sha: str) -> UUID:
    """Makes a new version the current one."""
    version: UUID = tx.scalar(_PUBLISH, environment=environment, kind=kind, key=key, content=dict(content), sha=sha)
    return version


_ACTIVATE = sql("""
    update resources set active = :active, updated_at = engine_now()
    where environment_id = :environment and kind = :kind and key = :key
""")


def set_active(tx: Transaction, environment: UUID, kind: str, key: str, active: bool) -> bool:
    """Whether there is such a resource."""
    return tx.run(_ACTIVATE, environment=environment, kind=kind, key=key, active=active) == 1


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """What accepting a trigger needs: the version a new run starts on, and whether it may start."""

    environment_id: UUID
    key: str
    version_id: UUID
    active: bool


_STATUSES = sql("""
    select r.environment_id, r.key, r.version_id, r.active
    from resources r join jsonb_to_recordset(:wanted) as wanted (environment_id uuid, key text) using (environment_id, key)
    where r.kind = 'workflow'
""").bindparams(bindparam("wanted", type_=JSONB))


def workflow_statuses(tx: Transaction, wanted: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], WorkflowStatus]:
    rows = tx.rows(_STATUSES, wanted=[{"environment_id": str(each), "key": key} for each, key in wanted])
    return {(row.environment_id, row.key): WorkflowStatus(**row._mapping) for row in rows}


_CHANGED = sql("update catalog set number = number + 1 returning number")
_NUMBER = sql("select number from catalog")


def configuration_changed(tx: Transaction) -> int:
    """Tells every process that what it has compiled may be out of date."""
    return int(tx.scalar(_CHANGED))


def catalog_number(tx: Transaction) -> int:
    return int(tx.scalar(_NUMBER))
