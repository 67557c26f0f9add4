"""Throttle windows as rows: an execution counts when the step that it belongs to is committed, and once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notify_workers.store.session import Transaction, sql
from workflows.effects import Counted

_COUNT = sql("""
    insert into throttle_windows as known (key, environment_id, opened_at, closes_at, executions)
    values (:key, :environment, :now, :closes_at, 1)
    on conflict (key) do update set
        executions = case when known.closes_at <= :now then 1 else known.executions + 1 end,
        opened_at = case when known.closes_at <= :now then :now else known.opened_at end,
        closes_at = case when known.closes_at <= :now then :closes_at else known.closes_at end
    returning executions, closes_at
""")


def count(tx: Transaction, key: str, environment: UUID, *, now: datetime, closes_at: datetime) -> Counted:
    """Counts one execution, in the open window or in a new one that closes at `closes_at`."""
    row = tx.one(_COUNT, key=key, environment=environment, now=now, closes_at=closes_at)
    return Counted(row.executions, row.closes_at)


_FORGET = sql("""
    with closed as materialized (
        select key from throttle_windows where closes_at < engine_now() order by closes_at limit :limit for update skip locked)
    delete from throttle_windows where key in (select key from closed)
""")


def forget_closed(tx: Transaction, limit: int) -> int:
    """Removes at most so many windows that count nothing any more. How many."""
    return tx.run(_FORGET, limit=limit)
