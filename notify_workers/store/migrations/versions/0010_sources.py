"""Sources, the events that came from them, and which of those were done already."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
-- `token` is the last part of the address that the source sends to. `settings` holds the secret that its signatures are made with.
create table sources (
    id uuid primary key,
    environment_id uuid not null references environments (id),
    key text collate "C" not null,
    name text not null,
    type text not null check (type in ('http', 'segment', 'rudderstack', 'clerk')),
    token text not null unique,
    settings jsonb not null,
    mappings jsonb not null,
    enabled boolean not null default true,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (environment_id, key)
);

-- What came, and what became of it. `collection` and `recipient_id` name the user whom it is about, if it says so.
create table source_events (
    id uuid primary key,
    number bigint generated always as identity,
    source_id uuid not null references sources (id) on delete cascade,
    environment_id uuid not null,
    event_type text not null,
    idempotency_key text,
    status text not null check (status in ('done', 'partial', 'ignored', 'duplicate')),
    actions jsonb not null,
    body jsonb not null,
    collection text,
    recipient_id text,
    received_at timestamptz not null
);
create index source_events_by_source on source_events (source_id, number);
create index source_events_by_time on source_events (received_at);
create index source_events_by_recipient on source_events (environment_id, collection, recipient_id) where recipient_id is not null;

-- `event_id` names the triggers of an event, so that another delivery of it, after one that was done in part, doubles none.
create table source_keys (
    source_id uuid not null references sources (id) on delete cascade,
    event_type text not null,
    key text not null,
    event_id uuid not null,
    done boolean not null,
    expires_at timestamptz not null,
    primary key (source_id, event_type, key)
);
create index source_keys_by_time on source_keys (expires_at);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("drop table source_keys, source_events, sources")
