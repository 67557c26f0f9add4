"""The first schema: what is owed, what was triggered, what ran, what was sent."""

from alembic import op

revision = "0001"
down_revision = None

CLOCK = """
create table clock (
    one boolean primary key default true check (one),
    offset_seconds double precision not null default 0
);
insert into clock default values;

-- The one clock of every due decision: the database's, plus the development stack's time travel.
create function engine_now() returns timestamptz language sql stable as $$
    select statement_timestamp() + (select make_interval(secs => offset_seconds) from clock)
$$;
"""

DEEP_MERGE = """
-- Maps are merged key by key, everything else is replaced (contract: semantics §16).
create function deep_merge(old jsonb, new jsonb) returns jsonb language plpgsql immutable as $$
declare
    merged jsonb := old;
    name text;
    value jsonb;
begin
    if jsonb_typeof(old) is distinct from 'object' or jsonb_typeof(new) is distinct from 'object' then
        return new;
    end if;
    for name, value in select * from jsonb_each(new) loop
        merged := merged || jsonb_build_object(name, case when old ? name then deep_merge(old -> name, value) else value end);
    end loop;
    return merged;
end $$;
"""

CONFIGURATION = """
create table environments (
    id uuid primary key,
    slug text not null unique,
    name text not null,
    position integer not null,
    variables jsonb not null default '{}'
);

create table api_keys (
    id uuid primary key,
    environment_id uuid references environments (id),
    kind text not null check (kind in ('secret', 'public', 'service')),
    digest bytea not null unique,
    hint text not null,
    name text not null,
    loopback_only boolean not null default false,
    created_at timestamptz not null,
    revoked_at timestamptz
);

create table channels (
    environment_id uuid not null references environments (id),
    id uuid not null,
    key text not null,
    name text not null,
    type text not null,
    provider text not null,
    settings jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (environment_id, id),
    unique (environment_id, key)
);

create table resource_versions (
    id uuid primary key,
    environment_id uuid not null references environments (id),
    kind text not null,
    key text not null,
    content jsonb not null,
    sha text not null,
    created_at timestamptz not null
);

create table resources (
    environment_id uuid not null references environments (id),
    kind text not null,
    key text not null,
    version_id uuid not null references resource_versions (id),
    active boolean not null default true,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (environment_id, kind, key)
);

-- Counts changes of configuration, so that a process knows when what it has compiled is out of date.
create table catalog (
    one boolean primary key default true check (one),
    number bigint not null default 0
);
insert into catalog default values;
"""

# Lists are ordered by these texts, and their pages cut by comparing them: by bytes, whatever the database's locale is.
RECIPIENTS = """
-- Users (collection '$users'), tenants ('$tenants') and objects.
create table recipients (
    environment_id uuid not null references environments (id),
    collection text collate "C" not null,
    id text collate "C" not null,
    properties jsonb not null default '{}',
    preferences jsonb not null default '{}',
    channel_data jsonb not null default '{}',
    created_at timestamptz,
    updated_at timestamptz not null,
    primary key (environment_id, collection, id)
);
"""

# What a run leaves behind has no foreign keys: each row is written by the statement that writes or holds what it belongs
# to, and checking them again would be a third of the database's work for a run.
RUNS = """
create table triggers (
    id uuid primary key,
    environment_id uuid not null references environments (id),
    workflow_key text not null,
    version_id uuid not null references resource_versions (id),
    sequence bigint not null,
    recipients jsonb not null,
    data jsonb not null,
    actor_collection text,
    actor_id text,
    tenant text,
    cancellation_key text,
    settings jsonb not null default '{}',
    source jsonb not null default '{}',
    inserted_at timestamptz not null
);
create index triggers_by_cancellation_key on triggers (environment_id, workflow_key, cancellation_key)
    where cancellation_key is not null;

create table recipient_runs (
    id uuid primary key,
    environment_id uuid not null,
    trigger_id uuid not null,
    workflow_key text not null,
    version_id uuid not null,
    collection text not null,
    recipient_id text not null,
    tenant text,
    status text not null check (status in ('queued', 'processing', 'paused', 'completed', 'cancelled')),
    data jsonb,
    paused_until timestamptz,
    error_count integer not null default 0,
    cancelled_at timestamptz,
    inserted_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 75);
create index recipient_runs_by_trigger on recipient_runs (trigger_id);
create index recipient_runs_by_time on recipient_runs (environment_id, inserted_at, id);

-- The run log: one row for each execution of a step, with everything that happened in it.
create table run_log (
    number bigint generated always as identity,
    run_id uuid not null,
    step_ref text,
    step_type text,
    attempt integer not null,
    entries jsonb not null,
    at timestamptz not null,
    primary key (run_id, number)
);

create table cancellations (
    number bigint generated always as identity primary key,
    environment_id uuid not null references environments (id),
    workflow_key text not null,
    cancellation_key text not null,
    collection text,
    recipient_id text,
    sequence bigint not null,
    at timestamptz not null
);
create index cancellations_by_key on cancellations (environment_id, workflow_key, cancellation_key);

-- Payloads of triggers that are too large to wait in Redis for their acceptance.
create table large_payloads (
    trigger_id uuid primary key,
    body bytea not null,
    at timestamptz not null
);
"""

MESSAGES = """
create table messages (
    id text collate "C" primary key,
    environment_id uuid not null,
    run_id uuid not null,
    trigger_id uuid not null,
    version_id uuid not null,
    workflow_key text not null,
    categories jsonb not null default '[]',
    step_ref text not null,
    channel_id uuid not null,
    channel_type text not null,
    collection text not null,
    recipient_id text not null,
    tenant text,
    actors jsonb not null default '[]',
    recipient_snapshot jsonb not null default '{}',
    content jsonb not null,
    metadata jsonb not null default '{}',
    status text not null,
    scheduled_at timestamptz,
    seen_at timestamptz,
    read_at timestamptz,
    interacted_at timestamptz,
    link_clicked_at timestamptz,
    archived_at timestamptz,
    inserted_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 75);
create index messages_by_id on messages (environment_id, id);
create index messages_by_trigger on messages (trigger_id);
create index messages_by_run on messages (run_id);

create table message_events (
    number bigint generated always as identity,
    id text not null,
    message_id text not null,
    type text not null,
    data jsonb,
    at timestamptz not null,
    primary key (message_id, number)
);

-- The ledger of sends: the intent is committed before a provider is called, the outcome after.
create table delivery_attempts (
    id text not null,
    message_id text not null,
    attempt integer not null,
    provider text not null,
    idempotency_key text not null,
    outcome text,
    reason text,
    exchanges jsonb not null default '[]',
    started_at timestamptz not null,
    finished_at timestamptz,
    primary key (message_id, attempt)
);
"""

DUE = """
-- A row exists exactly as long as something is owed: outbox, timer and claim in one.
create table due (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('fan_out', 'step', 'delivery')),
    environment_id uuid not null,
    trigger_id uuid not null,
    run_id uuid,
    step text,
    message_id text,
    attempt integer not null default 1,
    cursor integer not null default 0,
    due_at timestamptz not null,
    publish_at timestamptz not null,
    tries integer not null default 0,
    leased_until timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
create index due_by_publish_at on due (publish_at);
create unique index due_by_run on due (run_id, kind, coalesce(message_id, '')) where run_id is not null;
"""


def upgrade() -> None:
    for part in (CLOCK, DEEP_MERGE, CONFIGURATION, RECIPIENTS, RUNS, MESSAGES, DUE):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "drop table due, delivery_attempts, message_events, messages, large_payloads, cancellations, run_log,"
        " recipient_runs, triggers, recipients, catalog, resources, resource_versions, channels, api_keys, environments, clock;"
        " drop function engine_now(), deep_merge(jsonb, jsonb);"
    )
