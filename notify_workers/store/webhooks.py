"""Outbound webhooks, what each of them is owed, and every attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from notify_workers.store.session import Transaction, sql


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who wants which events of an environment. `failures` counts requests without a useful answer, one after the other."""

    id: UUID
    environment_id: UUID
    url: str
    events: Sequence[str]
    secret: str
    enabled: bool
    description: str
    failures: int
    paused_until: datetime | None
    created_at: datetime
    updated_at: datetime


_COLUMNS = (
    "id, environment_id, url, events, secret, enabled, description, failures, paused_until, created_at, updated_at"
)
_ADD = sql(f"""
    insert into webhooks (id, environment_id, url, events, secret, description, created_at, updated_at)
    values (:id, :environment, :url, :events, :secret, :description, engine_now(), engine_now())
    returning {_COLUMNS}
""").bindparams(bindparam("events", type_=JSONB))


def add(
    tx: Transaction, environment: UUID, *, url: str, events: Sequence[str], secret: str, description: str
) -> Webhook:
    row = tx.one(
        _ADD,
        id=uuid4(),
        environment=environment,
        url=url,
        events=list(events),
        secret=secret,
        description=description,
    )
    return Webhook(**row._mapping)


_LIST = sql(f"select {_COLUMNS} from webhooks where environment_id = :environment order by created_at, id")


def webhooks(tx: Transaction, environment: UUID) -> list[Webhook]:
    """Oldest first. An environment has few."""
    return [Webhook(**row._mapping) for row in tx.rows(_LIST, environment=environment)]


_GET = sql(f"select {_COLUMNS} from webhooks where id = :id")


def get(tx: Transaction, webhook: UUID) -> Webhook | None:
    row = tx.first(_GET, id=webhook)
    return Webhook(**row._mapping) if row else None


_CHANGE = sql("""
    update webhooks set url = coalesce(:url, url), events = coalesce(:events, events), secret = coalesce(:secret, secret),
        enabled = coalesce(:enabled, enabled), description = coalesce(:description, description),
        failures = 0, paused_until = null, updated_at = engine_now()
    where id = :id
""").bindparams(bindparam("events", type_=JSONB(none_as_null=True)))


def change(tx: Transaction, webhook: UUID, **values: Any) -> bool:
    """Changes what is not None of `url events secret enabled description`. Whether there is such a webhook."""
    wanted: dict[str, Any] = dict.fromkeys(("url", "events", "secret", "enabled", "description"))
    return tx.run(_CHANGE, id=webhook, **{**wanted, **values}) == 1


_REMOVE = sql("delete from webhooks where id = :id")


def remove(tx: Transaction, webhook: UUID) -> bool:
    """Whether there was such a webhook. What it was owed is dropped when its time comes."""
    return tx.run(_REMOVE, id=webhook) == 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event for a webhook, in the words of the row it tells of. `status`: owed, delivered, failed or dropped."""

    id: UUID
    number: int
    webhook_id: UUID
    environment_id: UUID
    type: str
    snapshot: Mapping[str, Any]
    event_data: Mapping[str, Any] | None
    status: str
    attempts: int
    owed_since: datetime
    at: datetime
    created_at: datetime


_DELIVERY_COLUMNS = (
    "id, number, webhook_id, environment_id, type, snapshot, event_data, status, attempts, owed_since, at, created_at"
)
_DELIVERY = sql(f"select {_DELIVERY_COLUMNS} from webhook_deliveries where id = :id for update")


def hold_delivery(tx: Transaction, delivery: UUID) -> Delivery | None:
    """The row, locked until the transaction ends."""
    row = tx.first(_DELIVERY, id=delivery)
    return Delivery(**row._mapping) if row else None


_BEGIN = sql("""
    with counted as (
        update webhook_deliveries set attempts = attempts + 1 where id = :delivery returning id, attempts
    )
    insert into webhook_attempts (delivery_id, attempt, at) select id, attempts, engine_now() from counted
    returning number, attempt
""")


@dataclass(frozen=True, slots=True)
class Intent:
    """An attempt that is about to be made: `number` names it, `attempt` counts those of the series, from 1."""

    number: int
    attempt: int


def begin(tx: Transaction, delivery: UUID) -> Intent:
    row = tx.one(_BEGIN, delivery=delivery)
    return Intent(row.number, row.attempt)


_FINISH = sql("""
    update webhook_attempts set status_code = :status_code, error = :error, response = :response,
        milliseconds = :milliseconds, finished_at = engine_now()
    where delivery_id = :delivery and number = :number
""")


def finish(
    tx: Transaction,
    delivery: UUID,
    intent: Intent,
    *,
    status_code: int | None,
    error: str | None,
    response: str,
    milliseconds: int,
) -> None:
    tx.run(
        _FINISH,
        delivery=delivery,
        number=intent.number,
        status_code=status_code,
        error=error,
        response=response,
        milliseconds=milliseconds,
    )


_END = sql("update webhook_deliveries set status = :status where id = :delivery")


def end(tx: Transaction, delivery: UUID, status: str) -> None:
    tx.run(_END, delivery=delivery, status=status)


_HOLD_DUE = sql("select id from due where id = :id and kind = 'webhook' for update")


def hold_due(tx: Transaction, due_id: int) -> bool:
    """Locks the row by which a delivery is owed. Whether it is still there."""
    return tx.first(_HOLD_DUE, id=due_id) is not None


# An endpoint that does not answer takes a worker's thread for its whole time: after a number of failures one request in
# each pause finds out whether it is back.
_PROBE = sql("""
    update webhooks set paused_until = engine_now() + make_interval(secs => :pause)
    where id = :webhook and failures >= :most and (paused_until is null or paused_until <= engine_now())
""")


def probe(tx: Transaction, webhook: UUID, *, most: int, pause: float) -> bool:
    """Whether the caller may ask a webhook that is paused: one in each pause may."""
    return tx.run(_PROBE, webhook=webhook, most=most, pause=pause) == 1


_FAILED = sql("""
    update webhooks set failures = failures + 1,
        paused_until = case when failures + 1 >= :most then engine_now() + make_interval(secs => :pause) end
    where id = :webhook
""")
_ANSWERED = sql("update webhooks set failures = 0, paused_until = null where id = :webhook and failures > 0")


def note_failure(tx: Transaction, webhook: UUID, *, most: int, pause: float) -> None:
    tx.run(_FAILED, webhook=webhook, most=most, pause=pause)


def note_answer(tx: Transaction, webhook: UUID) -> None:
    tx.run(_ANSWERED, webhook=webhook)


_BEFORE = "number < coalesce(cast(:before as bigint), 9223372036854775807) order by number desc limit :limit"
_PAGE = sql(f"select {_DELIVERY_COLUMNS} from webhook_deliveries where webhook_id = :webhook and {_BEFORE}")
_PAGE_OF_STATUS = sql(
    f"select {_DELIVERY_COLUMNS} from webhook_deliveries where webhook_id = :webhook and status = :status and {_BEFORE}"
)


def deliveries(
    tx: Transaction, webhook: UUID, *, status: str | None = None, before: int | None = None, limit: int
) -> list[Delivery]:
    """Newest first; `before` is the `number` of the last one seen."""
    if status is None:
        rows = tx.rows(_PAGE, webhook=webhook, before=before, limit=limit)
    else:
        rows = tx.rows(_PAGE_OF_STATUS, webhook=webhook, status=status, before=before, limit=limit)
    return [Delivery(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request. Without `finished_at` nobody knows how it ended: it is under way, or was cut off."""

    attempt: int
    status_code: int | None
    error: str | None
    response: str | None
    milliseconds: int | None
    at: datetime
    finished_at: datetime | None


_ATTEMPTS = sql("""
    select attempt, status_code, error, response, milliseconds, at, finished_at from webhook_attempts
    where delivery_id = :delivery order by number
""")


def attempts(tx: Transaction, delivery: UUID) -> list[Attempt]:
    """In order, those of earlier series too."""
    return [Attempt(**row._mapping) for row in tx.rows(_ATTEMPTS, delivery=delivery)]


_REPLAY = """
    with replayed as (
        update webhook_deliveries d set status = 'owed', attempts = 0, owed_since = engine_now()
        from chosen where d.id = chosen.id
        returning d.id, d.environment_id
    )
    insert into due (kind, environment_id, subject, due_at, publish_at)
    select 'webhook', environment_id, id, engine_now(), engine_now() from replayed
    on conflict (subject, kind) where subject is not null do nothing
"""
_REPLAY_ONE = sql(
    "with chosen as materialized"
    " (select id from webhook_deliveries where id = :delivery and status <> 'owed' for update)," + _REPLAY.strip()[4:]
)
_REPLAY_FAILED = sql(
    """
    with chosen as materialized (
        select id from webhook_deliveries
        where webhook_id = :webhook and status = 'failed' and created_at >= :since
        order by number limit :limit for update skip locked
    ),"""
    + _REPLAY.strip()[4:]
).bindparams(bindparam("since", type_=TIMESTAMP(timezone=True)))


def replay(tx: Transaction, delivery: UUID) -> bool:
    """Owes a delivery again, with attempts counted anew. False: it is owed already, or there is none."""
    return tx.run(_REPLAY_ONE, delivery=delivery) == 1


def replay_failed(tx: Transaction, webhook: UUID, since: datetime, limit: int) -> int:
    """Owes what failed and was raised since a time, at most `limit`. How many they were."""
    return tx.run(_REPLAY_FAILED, webhook=webhook, since=since, limit=limit)


_FORGET = sql("""
    with old as materialized (
        select id from webhook_deliveries
        where created_at < engine_now() - make_interval(secs => :age) and status <> 'owed'
        order by created_at limit :limit for update skip locked
    )
    delete from webhook_deliveries where id = any(array(select id from old))
""")


def forget_old(tx: Transaction, age: float, limit: int) -> int:
    """Forgets deliveries that have ended and were raised longer ago than `age` seconds."""
    return tx.run(_FORGET, age=age, limit=limit)
