"""Lists of schedules read what they show, however many there are."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text

from notify_workers.store import schedules
from notify_workers.store.schedules import ScheduleFilter
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import USERS, Reference

ROWS = 20_000

FILL = """
insert into schedules (id, environment_id, workflow_key, collection, recipient_id, tenant, repeats, starts_at, inserted_at,
    updated_at)
select gen_random_uuid(), :environment, 'w' || n % 2, '$users', 'u' || n % 5000, 't' || n % 50, '[]', now(), now(), now()
from generate_series(1, :rows) n
"""

FILTERS = [
    ScheduleFilter("w0"),
    ScheduleFilter("w0", tenant="t2"),
    ScheduleFilter(recipients=(Reference(USERS, "u7"),)),
    ScheduleFilter("w1", recipients=(Reference(USERS, "u7"), Reference(USERS, "u9"))),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_a_page_touches_little_more_than_it_shows(engine: Engine, wanted: ScheduleFilter) -> None:
    with transaction() as tx:
        tx.run(text(FILL), environment=DEVELOPMENT, rows=ROWS)
        tx.run(text("analyze schedules"))
        found = schedules.page_of_schedules(tx, DEVELOPMENT, wanted, after=None, before=None, limit=51)
        before = _read(tx)
        again = schedules.page_of_schedules(tx, DEVELOPMENT, wanted, after=found[-2].number, before=None, limit=51)
        assert [each.number for each in again] == [found[-1].number, *[each.number for each in again][1:]]
        assert 0 < _read(tx) - before < 500
        tx.connection.rollback()


def _read(tx: object) -> int:
    """Rows of the table that this transaction has read."""
    row = tx.one(  # type: ignore[attr-defined]
        text(
            "select seq_tup_read + coalesce(idx_tup_fetch, 0) as number from pg_stat_xact_user_tables where relname = 'schedules'"
        )
    )
    return int(row.number)


def test_unknown_ids_are_left_out(engine: Engine) -> None:
    with transaction() as tx:
        assert schedules.get_schedules(tx, DEVELOPMENT, [uuid4()]) == []
