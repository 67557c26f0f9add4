"""Activities: the triggers that a message tells of, one or those of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.selectable import LateralFromClause

from notify_workers.store.messages import in_order
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import batch_items, batch_windows, messages, recipient_runs, triggers
from notify_workers.store.trigger_data import carries
from workflows.recipients import Reference


@dataclass(frozen=True, slots=True)
class Activity:
    """One trigger that a message tells of. `number` orders those of a message."""

    number: int
    trigger_id: UUID
    data: Mapping[str, Any]
    recipient: Recipient | None
    actor: Recipient | None
    inserted_at: datetime


def window_told() -> LateralFromClause:
    """The batch is the last one that the run had gone through by then; a run may go through several, and send before the first."""
    item, window = batch_items.alias(), batch_windows
    return (
        select(window.c.id, window.c.total_activities, window.c.total_actors)
        .join_from(item, window, window.c.id == item.c.window_id)
        .where(
            item.c.run_id == messages.c.run_id,
            window.c.carrier_run == messages.c.run_id,
            window.c.closed_at <= messages.c.inserted_at,
        )
        .order_by(window.c.closed_at.desc())
        .limit(1)
        .lateral("told")
    )


def _told(wanted: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """The statement of a message's activities and the column that orders them."""
    item, run, trigger, window = batch_items, recipient_runs, triggers, window_told()
    number = func.coalesce(item.c.number, literal(0)).label("number")
    data = func.coalesce(item.c.data, run.c.data, trigger.c.data)
    conditions: list[ColumnElement[bool]] = [carries(data, name, value) for name, value in (wanted or {}).items()]
    query = (
        select(
            messages.c.id.label("message_id"),
            messages.c.environment_id,
            messages.c.collection,
            messages.c.recipient_id,
            number,
            trigger.c.id.label("trigger_id"),
            trigger.c.inserted_at,
            trigger.c.actor_collection,
            trigger.c.actor_id,
            data.label("data"),
        )
        .join_from(messages, window, true(), isouter=True)
        .join(item, and_(item.c.window_id == window.c.id, item.c.cancelled_at.is_(None)), isouter=True)
        .join(run, run.c.id == func.coalesce(item.c.run_id, messages.c.run_id))
        .join(trigger, trigger.c.id == run.c.trigger_id)
        .where(or_(window.c.id.is_(None), item.c.number.is_not(None)), *conditions)
    )
    return query, item.c.number


def page_of_activities(
    tx: Transaction,
    message_id: str,
    wanted: Mapping[str, Any] | None = None,
    *,
    after: str | None = None,
    before: str | None = None,
    limit: int | None = None,
) -> list[Activity]:
    """The triggers that a message tells of, in the order in which they came to it. Cursors are numbers.

    Raises `ValueError` for a cursor that is none.
    """
    query, number = _told(wanted)
    query = in_order(query.where(messages.c.id == message_id), number, after, before)
    rows = tx.rows(query.limit(limit))
    found = [activity for _, activity in _activities(tx, rows)]
    return found[::-1] if before is not None else found


def _activities(tx: Transaction, rows: Sequence[Any]) -> list[tuple[str, Activity]]:
    """Each with its message's id."""
    if not rows:
        return []
    known = recipients_of(tx, rows[0].environment_id, (each for row in rows for each in _references(row) if each))
    found = []
    for row in rows:
        recipient, actor = _references(row)
        activity = Activity(
            number=row.number,
            trigger_id=row.trigger_id,
            data=row.data,
            recipient=known.get(recipient),
            actor=known.get(actor) if actor else None,
            inserted_at=row.inserted_at,
        )
        found.append((row.message_id, activity))
    return found


def _references(row: Any) -> tuple[Reference, Reference | None]:
    actor = Reference(row.actor_collection, row.actor_id) if row.actor_id else None
    return Reference(row.collection, row.recipient_id), actor


def first_activities(tx: Transaction, ids: Sequence[str], most: int) -> dict[str, list[Activity]]:
    """At most so many of each message, of one environment."""
    query, number = _told(None)
    asked = func.jsonb_array_elements_text(bindparam("ids", type_=JSONB)).table_valued("value").lateral("asked")
    of_each = query.where(messages.c.id == asked.c.value).order_by(number).limit(most).lateral("of_each")
    found: dict[str, list[Activity]] = {each: [] for each in ids}
    rows = tx.rows(select(of_each).join_from(asked, of_each, true()).order_by(of_each.c.number), ids=list(ids))
    for message_id, activity in _activities(tx, rows):
        found[message_id].append(activity)
    return found


_RECIPIENTS = sql("""
    select r.collection, r.id, r.properties, r.created_at, r.updated_at
    from jsonb_to_recordset(:references) as asked (collection text, id text)
    join recipients r on r.environment_id = :environment and r.collection = asked.collection and r.id = asked.id
""")


def recipients_of(tx: Transaction, environment: UUID, references: Iterable[Reference]) -> dict[Reference, Recipient]:
    """Those that are known."""
    asked = [{"collection": each.collection, "id": each.id} for each in set(references)]
    if not asked:
        return {}
    found = (
        Recipient(Reference(row.collection, row.id), row.properties, row.created_at, row.updated_at)
        for row in tx.rows(_RECIPIENTS, references=as_json(asked), environment=environment)
    )
    return {each.reference: each for each in found}
