"""Finding messages by the data of what they tell of: their trigger, or the activities of their batch.

Data that few have is looked up in an index first, which names the few messages to look at. What many have is soon found on
the way through a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Select, and_, any_, bindparam, func, literal_column, or_, select, union
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUIDS

from notify_workers.store.session import Transaction
from notify_workers.store.tables import batch_items, batch_windows, messages, recipient_runs, triggers

FEW = 1000
"""Triggers, runs, activities or messages that are looked at one by one."""

LONGEST = 256
"""Characters by which strings are compared (contract: api-endpoints §1.4)."""


def carries(data: ColumnElement[Any], name: str, value: Any) -> ColumnElement[bool]:
    """Whether data has a value by that name. Strings are compared with the value's text."""
    if isinstance(value, str):
        return func.left(func.jsonb_extract_path_text(data, name), LONGEST) == value[:LONGEST]
    return data.contains({name: value})


def tells_of(wanted: Mapping[str, Any]) -> ColumnElement[bool]:
    """Messages whose run has that data, or whose batch has an activity with it; a guide's have their own.

    Looked up for each message that is looked at: joined, a plan may prefer to read all runs and triggers.
    """
    carrier, run, trigger, item, window = (
        recipient_runs.alias("carrier"),
        recipient_runs.alias(),
        triggers.alias(),
        batch_items,
        batch_windows,
    )
    data = func.coalesce(item.c.data, run.c.data, trigger.c.data)
    in_batch = (
        select(1)
        .select_from(carrier)
        .join(item, item.c.window_id == carrier.c.window_id)
        .join(window, window.c.id == item.c.window_id)
        .join(run, run.c.id == item.c.run_id)
        .join(trigger, trigger.c.id == run.c.trigger_id)
        .where(
            carrier.c.id == messages.c.run_id,
            item.c.cancelled_at.is_(None),
            window.c.closed_at <= messages.c.inserted_at,
            *(carries(data, name, value) for name, value in wanted.items()),
        )
        .correlate(messages)
    )
    own = func.coalesce(_of(recipient_runs.alias(), "run_id"), _of(triggers.alias(), "trigger_id"), messages.c.data)
    return or_(and_(*(carries(own, name, value) for name, value in wanted.items())), in_batch.offset(0).exists())


def _of(table: Any, column: str) -> ColumnElement[Any]:
    found: Select[Any] = select(table.c.data).where(table.c.id == messages.c[column]).correlate(messages)
    return found.scalar_subquery()


def among(tx: Transaction, environment: UUID, wanted: Mapping[str, Any] | None) -> list[ColumnElement[bool]]:
    """A condition that all messages meet which tell of that data; none when there are many, or no index knows."""
    indexed = [_indexed(name, value) for name, value in (wanted or {}).items()]
    has = [each for each in indexed if each]
    if not has:
        return []
    found = []
    for statement in _holders(environment, has):
        ids = list(tx.connection.scalars(statement.limit(literal_column(str(FEW + 1)))))
        if len(ids) > FEW:
            return []
        found.append(ids)
    of_triggers, of_runs, own = found
    carriers = list(tx.connection.scalars(_carriers(has), {"triggers": of_triggers, "runs": of_runs}))
    of = messages.c
    return [
        or_(
            of.trigger_id == any_(bindparam(None, of_triggers, type_=_IDS)),
            of.run_id == any_(bindparam(None, [*of_runs, *carriers], type_=_IDS)),
            of.id.in_(own) if own else literal_column("false"),
        )
    ]


_IDS = ARRAY(UUIDS(as_uuid=True))

Pair = list[dict[str, Any]]
"""What an index is asked for one name: any of these."""


def _indexed(name: str, value: Any) -> Pair:
    """Nothing for a string that may be the text of something that cannot be told exactly."""
    if not isinstance(value, str):
        return [{name: value}]
    if len(value) >= LONGEST:
        return []
    try:
        meant = from_json(value)
    except ValueError:
        return [{name: value}]
    return [{name: value}, {name: meant}] if isinstance(meant, int | None) else []


SURE = 3
"""How often an index is asked the same: a plan that does not know the value takes each for one row in a hundred, for which it
would rather read the table."""


def _has(data: ColumnElement[Any], pairs: list[Pair]) -> ColumnElement[bool]:
    return and_(*(or_(*(and_(*([data.contains(each)] * SURE)) for each in pair)) for pair in pairs))


def _holders(environment: UUID, pairs: list[Pair]) -> Iterator[Select[Any]]:
    """Triggers, runs that have changed their data, and messages with data of their own."""
    for table in (triggers, recipient_runs, messages):
        yield select(table.c.id).where(table.c.environment_id == environment, _has(table.c.data, pairs))


def _carriers(pairs: list[Pair]) -> Any:
    """The runs that carry a batch with an activity of these triggers or runs, or with that data."""
    item, window, run = batch_items, batch_windows, recipient_runs
    of_runs = or_(
        run.c.trigger_id == any_(bindparam("triggers", type_=_IDS)), run.c.id == any_(bindparam("runs", type_=_IDS))
    )
    carrier = select(window.c.carrier_run).join_from(item, window, window.c.id == item.c.window_id)
    return union(
        carrier.join(run, run.c.id == item.c.run_id).where(of_runs),
        carrier.where(_has(item.c.data, pairs)),
    )
