"""What vendors tell of messages, as rows: whose it is, what is known of the message, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notify_workers.store.session import Transaction, as_json, sql

_NAMED = sql("""
    select id from messages
    where environment_id = :environment and channel_id = :channel and id = any(array(select jsonb_array_elements_text(:ids)))
""")
_FOREIGN = sql("""
    select a.external_id, m.id from delivery_attempts a join messages m on m.id = a.message_id
    where a.external_id = any(array(select jsonb_array_elements_text(:ids))) and a.provider = :provider
        and m.environment_id = :environment and m.channel_id = :channel
""")


def named(tx: Transaction, environment: UUID, channel: UUID, ids: Sequence[str]) -> set[str]:
    """Those of these ids that are a channel's messages."""
    rows = tx.rows(_NAMED, environment=environment, channel=channel, ids=as_json(list(ids)))
    return {row.id for row in rows}


def called(
    tx: Transaction, environment: UUID, channel: UUID, provider: str, external_ids: Sequence[str]
) -> dict[str, str]:
    """A channel's messages by the provider's own names for them."""
    rows = tx.rows(
        _FOREIGN, environment=environment, channel=channel, provider=provider, ids=as_json(list(external_ids))
    )
    return {row.external_id: row.id for row in rows}


@dataclass(frozen=True, slots=True)
class Known:
    """A message as it is. `due_ids` are what is owed of it; `in_hand`: an attempt is being made, and will say how it went.

    `accepted_by` is the provider that took it last, None when none has said so. `to` is the address of an e-mail.
    `failure` is why it is undelivered, when it is so because a vendor has told.
    """

    id: str
    status: str
    to: str | None
    is_tried: bool
    in_hand: bool
    accepted_by: str | None
    failure: str | None
    due_ids: Sequence[int]


# What is owed is locked before messages, as a delivery does it.
_HOLD_OWED = sql("""
    select d.id, d.message_id from messages m
    join due d on d.run_id = m.run_id and d.kind = 'delivery' and d.message_id = m.id
    where m.id = any(array(select jsonb_array_elements_text(:ids))) order by d.id for update of d
""")
_HOLD = sql("""
    select m.id, m.status, m.content ->> 'to' as to,
        tried.is_tried, tried.is_begun, tried.accepted_by, (
            select e.data ->> 'failure_reason' from message_events e
            where e.message_id = m.id and m.status = 'undelivered' and e.type = 'message.undelivered'
                and e.data ? 'provider_event'
            order by e.number desc limit 1
        ) as failure
    from messages m cross join lateral (
        select count(*) > 0 as is_tried, coalesce(bool_or(a.outcome is null), false) as is_begun,
            (array_agg(a.provider order by a.attempt desc) filter (where a.outcome in ('sent', 'delivered')))[1] as accepted_by
        from delivery_attempts a where a.message_id = m.id
    ) tried
    where m.id = any(array(select jsonb_array_elements_text(:ids))) order by m.id for update of m
""")


def hold(tx: Transaction, ids: Sequence[str]) -> dict[str, Known]:
    """Locks messages and what is owed of them."""
    owed: dict[str, list[int]] = {}
    for row in tx.rows(_HOLD_OWED, ids=as_json(list(ids))):
        owed.setdefault(row.message_id, []).append(row.id)
    return {
        row.id: Known(
            id=row.id,
            status=row.status,
            to=row.to,
            is_tried=row.is_tried,
            in_hand=row.is_begun and row.id in owed,
            accepted_by=row.accepted_by,
            failure=row.failure,
            due_ids=owed.get(row.id, ()),
        )
        for row in tx.rows(_HOLD, ids=as_json(list(ids)))
    }


@dataclass(frozen=True, slots=True)
class Change:
    """A message's new status, and the event that tells of it."""

    message_id: str
    status: str
    event_id: str
    data: Mapping[str, Any]


_CHANGE = sql("""
    with told as materialized (
        select place, value ->> 0 as id, value ->> 1 as status, value ->> 2 as event_id, value -> 3 as data
        from jsonb_array_elements(:changes) with ordinality as each (value, place)
    ), changed as (
        update messages m set status = newest.status, updated_at = engine_now()
        from (select distinct on (id) id, status from told order by id, place desc) newest where m.id = newest.id
    )
    insert into message_events (id, message_id, type, data, at)
    select event_id, id, 'message.' || status, data, engine_now() from told order by place
""")

# The vendor has the message, whatever was thought of the attempt; nothing more is owed.
_KNOWN_NOW = sql("""
    with done as (
        delete from due where id = any(array(select cast(jsonb_array_elements_text(:due_ids) as bigint)))
    )
    update delivery_attempts a set outcome = 'sent', reason = :reason, provider = :provider
    from (
        select distinct on (message_id) message_id, attempt from delivery_attempts
        where message_id = any(array(select jsonb_array_elements_text(:ids))) and provider in (:provider, '')
            and outcome in ('unknown', 'retry', 'refused')
        order by message_id, attempt desc
    ) newest
    where a.message_id = newest.message_id and a.attempt = newest.attempt
""")


def change(tx: Transaction, changes: Sequence[Change]) -> None:
    """Changes messages that the transaction holds, in this order."""
    values = [[each.message_id, each.status, each.event_id, dict(each.data)] for each in changes]
    tx.run(_CHANGE, changes=as_json(values))


def taken(tx: Transaction, provider: str, known: Sequence[Known], reason: str) -> None:
    """The provider has these messages, as it has told: an attempt that nobody knew the result of was one."""
    due_ids = [due for each in known for due in each.due_ids]
    tx.run(
        _KNOWN_NOW,
        due_ids=as_json(due_ids),
        ids=as_json([each.id for each in known]),
        provider=provider,
        reason=reason,
    )
