"""Engagement statuses as rows: a message's times, and an event for each real change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.ids import ksuid
from notify_workers.store.session import Transaction, as_json, now, sql
from workflows.statuses import IMPLIED

PREFIX = 9
"""Characters of an id that hold its time; the rest is random."""

_HOLD = sql("""
    select id from messages where environment_id = :environment and id in (select jsonb_array_elements_text(:ids))
    order by id for update
""")


def hold(tx: Transaction, environment: UUID, ids: Sequence[str]) -> list[str]:
    """Locks messages of an environment, in one order whoever asks; those that exist."""
    return [row.id for row in tx.rows(_HOLD, environment=environment, ids=as_json(list(ids)))]


_SET = """
    with changed as (
        update messages m set {column} = engine_now(), {implied} updated_at = engine_now()
        from messages known
        where known.id = m.id and m.id in (select jsonb_array_elements_text(:ids)) and ({real})
        returning m.id, {fresh}
    ), told as (
        insert into message_events (id, message_id, type, data, at)
        select :prefix || substr(md5(gen_random_uuid()::text), 1, 18), changed.id, 'message.' || each.name,
            case when each.name in ('interacted', 'link_clicked') then cast(:metadata as jsonb) end, engine_now()
        from changed cross join lateral (values {events}) as each (place, name, happened)
        where each.happened order by changed.id, each.place
    )
    select count(*) from changed
"""

_UNSET = """
    with changed as (
        update messages set {column} = null, updated_at = engine_now()
        where id in (select jsonb_array_elements_text(:ids)) and {column} is not null
        returning id
    ), told as (
        insert into message_events (id, message_id, type, at)
        select :prefix || substr(md5(gen_random_uuid()::text), 1, 18), id, 'message.un{status}', engine_now()
        from changed order by id
    )
    select count(*) from changed
"""

# An interaction that says something else than the last one is another one.
_ANOTHER_INTERACTION = """known.interacted_at is null or :metadata is distinct from (
    select data from message_events e where e.message_id = known.id and e.type = 'message.interacted' order by number desc limit 1)
"""

_METADATA = bindparam("metadata", type_=JSONB(none_as_null=True))


def _setting(status: str) -> Any:
    implied = IMPLIED.get(status, ())
    column = f"{status}_at"
    statement = _SET.format(
        column=column,
        implied="".join(f"{each}_at = coalesce(m.{each}_at, engine_now()), " for each in implied),
        real=_ANOTHER_INTERACTION if status == "interacted" else f"known.{column} is null",
        fresh=", ".join(["true as happened", *(f"known.{each}_at is null as {each}" for each in implied)]),
        events=", ".join(
            f"({place}, '{name}', {'happened' if name == status else name})"
            for place, name in enumerate((*implied, status))
        ),
    )
    return sql(statement).bindparams(_METADATA)


_STATEMENTS = {
    **{status: _setting(status) for status in ("seen", "read", "interacted", "link_clicked", "archived")},
    **{f"un{each}": sql(_UNSET.format(column=f"{each}_at", status=each)) for each in ("seen", "read", "archived")},
}

STATUSES = frozenset(_STATEMENTS)
"""What `change` knows: the statuses of engagement, and `unseen`, `unread`, `unarchived`, which take one away."""


def change(tx: Transaction, ids: Sequence[str], status: str, metadata: Mapping[str, Any] | None = None) -> int:
    """Changes messages that the transaction holds; how many were not so already. Only those are told of."""
    prefix = ksuid(now(tx).timestamp())[:PREFIX]
    values = {"metadata": metadata} if status in ENGAGED else {}
    return int(tx.scalar(_STATEMENTS[status], ids=as_json(list(ids)), prefix=prefix, **values))


ENGAGED = frozenset(each for each in STATUSES if not each.startswith("un"))

# What is owed is locked before messages, as a delivery does it.
_HOLD_OWED = sql("""
    select d.id from messages m join due d on d.run_id = m.run_id and d.kind = 'delivery' and d.message_id = m.id
    where m.environment_id = :environment and m.id in (select jsonb_array_elements_text(:ids))
    order by d.id for update of d
""")
_DELETE = sql("""
    with gone as (
        delete from messages where id in (select jsonb_array_elements_text(:ids)) returning id, run_id
    ), events as (
        delete from message_events where message_id in (select id from gone)
    ), attempts as (
        delete from delivery_attempts where message_id in (select id from gone)
    ), owed as (
        delete from due using gone where due.run_id = gone.run_id and due.kind = 'delivery' and due.message_id = gone.id
    )
    select count(*) from gone
""")


def delete(tx: Transaction, environment: UUID, ids: Sequence[str]) -> int:
    """Removes messages and what belongs to them; those that were not sent yet are not. How many there were."""
    tx.rows(_HOLD_OWED, environment=environment, ids=as_json(list(ids)))
    return int(tx.scalar(_DELETE, ids=as_json(hold(tx, environment, ids))))
