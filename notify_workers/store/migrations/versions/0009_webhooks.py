"""Outbound webhooks: who wants which events, and what each of them is owed."""

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
create table webhooks (
    id uuid primary key,
    environment_id uuid not null references environments (id),
    url text not null,
    events jsonb not null,
    secret text not null,
    enabled boolean not null default true,
    description text not null default '',
    -- Requests without a useful answer, one after the other; and until when nobody else asks because of them.
    failures integer not null default 0,
    paused_until timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index webhooks_by_environment on webhooks (environment_id, created_at, id);

-- One event for one webhook, with what it tells of as it was then. A webhook that goes leaves its rows to the lifeline.
-- `attempts` counts those of the series that began at `owed_since`.
create table webhook_deliveries (
    id uuid primary key,
    number bigint generated always as identity,
    webhook_id uuid not null,
    environment_id uuid not null,
    type text not null,
    collection text,
    recipient_id text,
    snapshot jsonb not null,
    event_data jsonb,
    status text not null check (status in ('owed', 'delivered', 'failed', 'dropped')),
    attempts integer not null default 0,
    owed_since timestamptz not null,
    at timestamptz not null,
    created_at timestamptz not null
) with (fillfactor = 85);
create index webhook_deliveries_by_webhook on webhook_deliveries (webhook_id, number);
create index webhook_deliveries_by_status on webhook_deliveries (webhook_id, status, number);
create index webhook_deliveries_by_time on webhook_deliveries (created_at);
create index webhook_deliveries_by_recipient on webhook_deliveries (environment_id, collection, recipient_id)
    where recipient_id is not null;

-- The intent is committed before the request, the outcome after it: without `finished_at` nobody knows it.
create table webhook_attempts (
    delivery_id uuid not null references webhook_deliveries (id) on delete cascade,
    number bigint generated always as identity,
    attempt integer not null,
    status_code integer,
    error text,
    response text,
    milliseconds integer,
    at timestamptz not null,
    finished_at timestamptz,
    primary key (delivery_id, number)
);
"""

# Raised by the tables that change, as in 0002: no path that writes can forget. While nobody wants an event, it costs one
# look at the few webhooks that there are.
TRIGGERS = """
create function owe_webhooks(environment uuid, event_type text, of_collection text, of_id text, snapshot jsonb,
                             event_data jsonb, happened timestamptz) returns void language sql as $$
    with made as (
        insert into webhook_deliveries (id, webhook_id, environment_id, type, collection, recipient_id, snapshot, event_data,
            status, owed_since, at, created_at)
        select gen_random_uuid(), id, environment, event_type, of_collection, of_id, snapshot, event_data,
            'owed', engine_now(), happened, engine_now()
        from webhooks where environment_id = environment and enabled and events ? event_type
        returning id
    )
    insert into due (kind, environment_id, subject, due_at, publish_at)
    select 'webhook', environment, id, engine_now(), engine_now() from made
$$;

create function webhook_wanted(environment uuid, event_type text) returns boolean language sql stable as $$
    select exists (select from webhooks where environment_id = environment and enabled and events ? event_type)
$$;

create function raise_message_event() returns trigger language plpgsql as $$
declare
    m messages;
begin
    if not exists (select from webhooks where enabled and events ? new.type) then
        return null;
    end if;
    select * into m from messages where id = new.message_id;
    if m.id is null or not webhook_wanted(m.environment_id, new.type) then
        return null;
    end if;
    perform owe_webhooks(m.environment_id, new.type, m.collection, m.recipient_id,
        to_jsonb(m) - 'content' || jsonb_build_object(
            'data', coalesce((select data from recipient_runs where id = m.run_id),
                (select data from triggers where id = m.trigger_id), m.data, '{}'::jsonb),
            'channel', (select to_jsonb(c) - 'settings' - 'environment_id' from channels c
                where c.environment_id = m.environment_id and c.id = m.channel_id)),
        new.data, new.at);
    return null;
end $$;
create trigger raise_message_event after insert on message_events for each row
    when (new.type not in ('message.created', 'message.queued', 'message.not_sent')) execute function raise_message_event();

create function raise_run_event() returns trigger language plpgsql as $$
declare
    event text := 'workflow_recipient_run.' || tg_argv[0];
    t triggers;
begin
    if not webhook_wanted(new.environment_id, event) then
        return null;
    end if;
    select * into t from triggers where id = new.trigger_id;
    perform owe_webhooks(new.environment_id, event, new.collection, new.recipient_id,
        to_jsonb(new) - 'data' || jsonb_build_object('actor_collection', t.actor_collection, 'actor_id', t.actor_id,
            'cancellation_key', t.cancellation_key, 'source', coalesce(t.source, '{}'::jsonb)),
        null, new.updated_at);
    return null;
end $$;
create trigger raise_run_started after insert on recipient_runs for each row execute function raise_run_event('started');
create trigger raise_run_error after update of error_count on recipient_runs for each row
    when (new.error_count > old.error_count) execute function raise_run_event('error');
create trigger raise_run_completed after update of status on recipient_runs for each row
    when (new.status = 'completed' and old.status <> 'completed') execute function raise_run_event('completed');

create function raise_resource_event() returns trigger language plpgsql as $$
declare
    known jsonb;
begin
    if not webhook_wanted(new.environment_id, new.kind || '.updated')
            and not webhook_wanted(new.environment_id, new.kind || '.committed') then
        return null;
    end if;
    select to_jsonb(new) || jsonb_build_object('name', v.content -> 'name', 'sha', v.sha) into known
    from resource_versions v where v.id = new.version_id;
    perform owe_webhooks(new.environment_id, new.kind || '.updated', null, null, known, null, new.updated_at);
    if tg_op = 'INSERT' or new.version_id <> old.version_id then
        perform owe_webhooks(new.environment_id, new.kind || '.committed', null, null, known,
            jsonb_build_object('commit_id', new.version_id), new.updated_at);
    end if;
    return null;
end $$;
create trigger raise_resource_made after insert on resources for each row execute function raise_resource_event();
create trigger raise_resource_changed after update on resources for each row
    when (new.version_id <> old.version_id or new.active <> old.active) execute function raise_resource_event();
"""


def upgrade() -> None:
    for part in (TABLES, TRIGGERS):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "drop trigger raise_message_event on message_events; drop trigger raise_run_started on recipient_runs;"
        " drop trigger raise_run_error on recipient_runs; drop trigger raise_run_completed on recipient_runs;"
        " drop trigger raise_resource_made on resources; drop trigger raise_resource_changed on resources;"
        " drop function raise_message_event(), raise_run_event(), raise_resource_event(), webhook_wanted(uuid, text),"
        " owe_webhooks(uuid, text, text, text, jsonb, jsonb, timestamptz);"
        " drop table webhook_attempts, webhook_deliveries, webhooks;"
        " delete from due where kind = 'webhook';"
    )
