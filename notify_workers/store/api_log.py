"""Rows of the API log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store import tables
from notify_workers.store.session import Transaction, sql


@dataclass(frozen=True, slots=True)
class Logged:
    """One request. Bodies are masked; `workflow_run_id` is the trigger it made, `at` when it came (aware, UTC)."""

    id: UUID
    environment_id: UUID | None
    key_id: UUID | None
    user_id: str | None
    method: str
    path: str
    query: str
    operation: str | None
    status: int
    duration_ms: float
    request: Any
    response: Any
    workflow_run_id: UUID | None
    user_agent: str | None
    at: datetime


_ADD = sql("""
    insert into api_log (id, environment_id, key_id, user_id, method, path, query, operation, status, duration_ms, request,
        response, workflow_run_id, user_agent, at)
    select id, environment_id, key_id, user_id, method, path, query, operation, status, duration_ms, request,
        response, workflow_run_id, user_agent, engine_now() - make_interval(secs => age)
    from jsonb_to_recordset(:rows) as given (id uuid, environment_id uuid, key_id uuid, user_id text, method text,
        path text, query text, operation text, status integer, duration_ms double precision, request jsonb, response jsonb,
        workflow_run_id uuid, user_agent text, age double precision)
    on conflict (id) do nothing
""").bindparams(bindparam("rows", type_=JSONB))


def add(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> int:
    """Rows by the names of `Logged`, with `age` (seconds since the request came) in place of `at`. How many are new."""
    return tx.run(_ADD, rows=list(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which requests: None means any. `path` is a part of the path; statuses are a range, both ends included."""

    id: UUID | None = None
    environment_id: UUID | None = None
    statuses: tuple[int, int] | None = None
    path: str | None = None
    workflow_run_id: UUID | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        log = tables.api_log.c
        named = {"id": self.id, "environment_id": self.environment_id, "workflow_run_id": self.workflow_run_id}
        found = [log[name] == value for name, value in named.items() if value is not None]
        if self.statuses is not None:
            found.append(log.status.between(*self.statuses))
        if self.path is not None:
            found.append(log.path.contains(self.path, autoescape=True))
        return found


def find(tx: Transaction, wanted: Filter, limit: int) -> list[Logged]:
    """Newest first."""
    log = tables.api_log
    chosen = select(log).where(*wanted.conditions()).order_by(log.c.at.desc(), log.c.id.desc()).limit(limit)
    return [Logged(**row._mapping) for row in tx.rows(chosen)]


_FORGET_OLD = sql("""
    with old as materialized (
        select id from api_log where at < engine_now() - make_interval(secs => :seconds) order by at limit :limit
        for update skip locked)
    delete from api_log where id = any(array(select id from old))
""")


def forget_old(tx: Transaction, seconds: float, limit: int) -> int:
    """Removes requests older than that. How many."""
    return tx.run(_FORGET_OLD, seconds=seconds, limit=limit)
