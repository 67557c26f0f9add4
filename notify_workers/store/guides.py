"""Guides as rows: their current versions, their order, and what users have done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from notify_workers.ids import ksuid
from notify_workers.store.session import Transaction, as_json, now, sql
from workflows.recipients import Reference

DEFAULT_GROUP = "default"
"""The one group that there is (contract: feed-protocol §8)."""


@dataclass(frozen=True, slots=True)
class GuideRow:
    """A guide's current version. `is_active` is so now; `revision` counts its versions from 1."""

    key: str
    version_id: UUID
    content: Mapping[str, Any]
    is_active: bool
    revision: int
    inserted_at: datetime
    updated_at: datetime


_GUIDES = """
    select r.key, r.version_id, v.content, r.created_at as inserted_at, r.updated_at,
        r.active and coalesce(s.active_from <= engine_now(), true) and coalesce(engine_now() < s.active_until, true) as is_active,
        (select count(*) from resource_versions older
            where older.environment_id = r.environment_id and older.kind = r.kind and older.key = r.key
                and older.number <= v.number) as revision
    from resources r
    join resource_versions v on v.id = r.version_id
    left join guide_states s on s.environment_id = r.environment_id and s.guide_key = r.key
    where r.environment_id = :environment and r.kind = 'guide' and s.archived_at is null
"""
_ALL = sql(_GUIDES + " order by r.created_at, r.key")
_ONE = sql(_GUIDES + " and r.key = :key")


def guides(tx: Transaction, environment: UUID) -> list[GuideRow]:
    """Those that were not archived, the oldest first."""
    return [GuideRow(**row._mapping) for row in tx.rows(_ALL, environment=environment)]


def get_guide(tx: Transaction, environment: UUID, key: str) -> GuideRow | None:
    row = tx.first(_ONE, environment=environment, key=key)
    return GuideRow(**row._mapping) if row else None


_SCHEDULE = sql("""
    insert into guide_states (environment_id, guide_key, active_from, active_until)
    values (:environment, :key, :start, :until)
    on conflict (environment_id, guide_key) do update set
        active_from = excluded.active_from, active_until = excluded.active_until
""").bindparams(bindparam("start", type_=TIMESTAMP(timezone=True)), bindparam("until", type_=TIMESTAMP(timezone=True)))


def schedule(tx: Transaction, environment: UUID, key: str, start: datetime | None, until: datetime | None) -> None:
    """From when until when it is active; None: for ever."""
    tx.run(_SCHEDULE, environment=environment, key=key, start=start, until=until)


_ARCHIVE = sql("""
    insert into guide_states (environment_id, guide_key, archived_at) values (:environment, :key, engine_now())
    on conflict (environment_id, guide_key) do update set archived_at = coalesce(guide_states.archived_at, engine_now())
""")
_RESTORE = sql("""
    update guide_states set archived_at = null
    where environment_id = :environment and guide_key = :key and archived_at is not null
""")


def archive(tx: Transaction, environment: UUID, key: str) -> None:
    tx.run(_ARCHIVE, environment=environment, key=key)


def restore(tx: Transaction, environment: UUID, key: str) -> bool:
    """Whether it had been archived."""
    return tx.run(_RESTORE, environment=environment, key=key) == 1


@dataclass(frozen=True, slots=True)
class GroupRow:
    """`display_interval` in seconds; None: guides do not wait for each other."""

    key: str
    display_sequence: Sequence[str]
    display_interval: int | None
    inserted_at: datetime
    updated_at: datetime


_GROUPS = sql("""
    select key, display_sequence, display_interval, inserted_at, updated_at from guide_groups
    where environment_id = :environment order by key
""")
_ADD_GROUP = sql("""
    insert into guide_groups (environment_id, key, inserted_at, updated_at)
    values (:environment, :key, engine_now(), engine_now()) on conflict do nothing
""")
_SET_SEQUENCE = sql("""
    update guide_groups set display_sequence = :sequence, updated_at = engine_now()
    where environment_id = :environment and key = :key
""").bindparams(bindparam("sequence", type_=JSONB))
_SET_INTERVAL = sql("""
    update guide_groups set display_interval = :interval, updated_at = engine_now()
    where environment_id = :environment and key = :key
""")


def groups(tx: Transaction, environment: UUID) -> list[GroupRow]:
    return [GroupRow(**row._mapping) for row in tx.rows(_GROUPS, environment=environment)]


def add_group(tx: Transaction, environment: UUID, key: str) -> None:
    """Nothing happens when there is one of that key."""
    tx.run(_ADD_GROUP, environment=environment, key=key)


def set_sequence(tx: Transaction, environment: UUID, key: str, sequence: Sequence[str]) -> None:
    tx.run(_SET_SEQUENCE, environment=environment, key=key, sequence=list(sequence))


def set_interval(tx: Transaction, environment: UUID, key: str, interval: int | None) -> None:
    """Seconds between two guides; None takes the limit away."""
    tx.run(_SET_INTERVAL, environment=environment, key=key, interval=interval)


_AUDIENCES = sql("""
    select distinct audience_key from audience_members
    where environment_id = :environment and collection = :collection and recipient_id = :id
        and audience_key in (select jsonb_array_elements_text(:keys))
""")


def audiences_of(tx: Transaction, environment: UUID, user: Reference, keys: Iterable[str]) -> frozenset[str]:
    """In which of those audiences somebody is, in whichever tenant (contract: semantics §19, strict mode off)."""
    values = {"environment": environment, "collection": user.collection, "id": user.id}
    return frozenset(row.audience_key for row in tx.rows(_AUDIENCES, keys=as_json(sorted(keys)), **values))


@dataclass(frozen=True, slots=True)
class Engagement:
    """What somebody has done with a step. `tenant` is empty when it counts for all; `throttled_at`: others wait since then."""

    guide_key: str
    tenant: str
    step_ref: str
    message_id: str
    is_final: bool
    throttled_at: datetime | None
    seen_at: datetime | None
    read_at: datetime | None
    interacted_at: datetime | None
    link_clicked_at: datetime | None
    archived_at: datetime | None


_ENGAGEMENTS = sql("""
    select e.guide_key, e.tenant, e.step_ref, e.message_id, e.is_final, e.throttled_at,
        m.seen_at, m.read_at, m.interacted_at, m.link_clicked_at, m.archived_at
    from guide_engagements e left join messages m on m.id = e.message_id
    where e.environment_id = :environment and e.collection = :collection and e.recipient_id = :id
""")


def engagements(tx: Transaction, environment: UUID, user: Reference) -> list[Engagement]:
    """Everything that somebody has done with guides: at most a row for each step and tenant."""
    rows = tx.rows(_ENGAGEMENTS, environment=environment, collection=user.collection, id=user.id)
    return [Engagement(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose step of which guide; `tenant` is empty when it counts for all of them."""

    environment_id: UUID
    user: Reference
    guide_key: str
    tenant: str

    def values(self) -> dict[str, Any]:
        return {
            "environment": self.environment_id,
            "collection": self.user.collection,
            "id": self.user.id,
            "guide": self.guide_key,
            "tenant": self.tenant,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What a message is made of, should this be the first mark. `tenant` is the request's."""

    version_id: UUID
    step_ref: str
    channel_id: UUID
    channel_type: str
    tenant: str | None
    content: Mapping[str, Any]
    data: Mapping[str, Any]


_ENGAGE = sql("""
    insert into guide_engagements (environment_id, collection, recipient_id, guide_key, tenant, step_ref, message_id, inserted_at)
    values (:environment, :collection, :id, :guide, :tenant, :step, :message, engine_now())
    on conflict do nothing
""")
_KNOWN = sql("""
    select message_id from guide_engagements
    where environment_id = :environment and collection = :collection and recipient_id = :id and guide_key = :guide
        and tenant = :tenant and step_ref = :step
    for update
""")
_CREATE = sql("""
    insert into messages (id, environment_id, source_type, data, version_id, workflow_key, step_ref, channel_id, channel_type,
        collection, recipient_id, tenant, recipient_snapshot, content, status, inserted_at, updated_at)
    select :message, :environment, 'guide', :data, :version, :guide, :step, :channel, :channel_type, :collection, :id, :of_tenant,
        coalesce((select jsonb_build_object('email', properties->'email', 'name', properties->'name') from recipients r
            where r.environment_id = :environment and r.collection = :collection and r.id = :id), '{}'),
        :content, 'delivered', engine_now(), engine_now()
""").bindparams(bindparam("data", type_=JSONB), bindparam("content", type_=JSONB))
_TELL = sql("""
    insert into message_events (id, message_id, type, at) values (:event, :message, :type, engine_now())
""")


def engage(tx: Transaction, place: Place, new: NewMessage) -> str:
    """The id of somebody's message of a step, made at the first mark. Of two at the same time the second waits for the first."""
    values = {**place.values(), "step": new.step_ref}
    while True:
        message_id = ksuid(now(tx).timestamp())
        if tx.run(_ENGAGE, message=message_id, **values) == 1:
            _create(tx, message_id, values, new)
            return message_id
        if known := tx.scalar(_KNOWN, **values):  # none: it was reset in between
            return str(known)


def _create(tx: Transaction, message_id: str, values: Mapping[str, Any], new: NewMessage) -> None:
    kept = {name: value for name, value in values.items() if name != "tenant"}
    tx.run(
        _CREATE,
        message=message_id,
        version=new.version_id,
        channel=new.channel_id,
        channel_type=new.channel_type,
        of_tenant=new.tenant,
        content=dict(new.content),
        data=dict(new.data),
        **kept,
    )
    for event in ("message.created", "message.delivered"):
        tx.run(_TELL, event=ksuid(now(tx).timestamp()), message=message_id, type=event)


def _marking(status: str, column: str) -> Any:
    return sql(f"""
        with changed as (
            update messages set {column} = engine_now(), updated_at = engine_now() where id = :message and {column} is null
            returning id
        )
        insert into message_events (id, message_id, type, at)
        select :event, id, 'message.{status}', engine_now() from changed
    """)


_MARKS = {status: _marking(status, f"{status}_at") for status in ("seen", "read", "archived")}


def mark(tx: Transaction, message_id: str, status: Literal["seen", "read", "archived"]) -> bool:
    """Whether that is new. The first time stays."""
    return tx.run(_MARKS[status], message=message_id, event=ksuid(now(tx).timestamp())) == 1


_SHOW = sql("""
    update messages set content = :content, data = :data where id = :message and seen_at is null
""").bindparams(bindparam("data", type_=JSONB), bindparam("content", type_=JSONB))


def show(tx: Transaction, message_id: str, content: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Keeps what somebody saw, until they are known to have seen it: another mark may have been there before."""
    tx.run(_SHOW, message=message_id, content=dict(content), data=dict(data))


_INTERACT = sql("""
    with held as (
        select id, interacted_at is null or (
            select e.data from message_events e where e.message_id = m.id and e.type = 'message.interacted'
            order by e.number desc limit 1
        ) is distinct from cast(:data as jsonb) as is_new
        from messages m where id = :message for update
    ), changed as (
        update messages m set interacted_at = engine_now(), updated_at = engine_now() from held
        where m.id = held.id and held.is_new
        returning m.id
    )
    insert into message_events (id, message_id, type, data, at)
    select :event, id, 'message.interacted', :data, engine_now() from changed
""").bindparams(bindparam("data", type_=JSONB(none_as_null=True)))


def interact(tx: Transaction, message_id: str, metadata: Mapping[str, Any] | None) -> bool:
    """Whether that is new. The same metadata again is the same interaction."""
    values = {"message": message_id, "event": ksuid(now(tx).timestamp())}
    return tx.run(_INTERACT, data=dict(metadata) if metadata else None, **values) == 1


_CLOSED = sql("""
    update guide_engagements set is_final = is_final or :is_final,
        throttled_at = case when :throttles then engine_now() else throttled_at end
    where environment_id = :environment and collection = :collection and recipient_id = :id and guide_key = :guide
        and tenant = :tenant and step_ref = :step
""")


def close(tx: Transaction, place: Place, step_ref: str, *, is_final: bool, throttles: bool) -> None:
    """What archiving a step means for the rest: of its guide (`is_final`), and of the others (`throttles`)."""
    tx.run(_CLOSED, step=step_ref, is_final=is_final, throttles=throttles, **place.values())


_REOPEN = sql("""
    update guide_engagements set is_final = false, throttled_at = null
    where environment_id = :environment and collection = :collection and recipient_id = :id and guide_key = :guide
        and tenant = :tenant
    returning message_id
""")
_UNARCHIVE = sql("""
    with changed as (
        update messages set archived_at = null, updated_at = engine_now() where id = :message and archived_at is not null
        returning id
    )
    insert into message_events (id, message_id, type, at)
    select :event, id, 'message.unarchived', engine_now() from changed
""")


def reopen(tx: Transaction, place: Place) -> None:
    """Takes back that somebody has archived a guide, all of its steps."""
    for row in tx.rows(_REOPEN, **place.values()):
        tx.run(_UNARCHIVE, message=row.message_id, event=ksuid(now(tx).timestamp()))


_FORGET = sql("""
    delete from guide_engagements
    where environment_id = :environment and collection = :collection and recipient_id = :id and guide_key = :guide
        and tenant = :tenant
""")


def forget(tx: Transaction, place: Place) -> None:
    """As if somebody had never met a guide; the messages stay."""
    tx.run(_FORGET, **place.values())
