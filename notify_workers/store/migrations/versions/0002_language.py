"""What the whole workflow language needs: batch windows, throttles, waits, audiences, and a run's memory."""

from alembic import op

revision = "0002"
down_revision = "0001"

ENVIRONMENTS = """
alter table environments
    add column default_preferences jsonb not null default '{}',
    -- Signs links that recipients get, such as the one to unsubscribe.
    add column signing_secret text not null default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
"""

RESOURCES = """
-- The order in which versions were published.
alter table resource_versions add column number bigint generated always as identity;
"""

RUNS = """
alter table recipient_runs
    -- What later steps see as refs.<ref>.
    add column outputs jsonb,
    -- What the paused step wants to know when it is resumed.
    add column memory jsonb,
    -- The closed batch window that the run goes on with.
    add column window_id uuid,
    -- The sequence from which a cancellation stops the run, where it is not the trigger's any more.
    add column sequence bigint;

-- Who has entered a workflow that takes everybody once.
create table entries (
    environment_id uuid not null,
    workflow_key text not null,
    collection text not null,
    recipient_id text not null,
    tenant text not null,
    run_id uuid not null,
    primary key (environment_id, workflow_key, collection, recipient_id, tenant)
);
"""

BATCHES = """
-- A window is open for new activities until it is sealed (full) or closed. `key` is a digest of everything that makes
-- two runs belong together. The carrier is the run that waits for the window and goes on with it.
create table batch_windows (
    id uuid primary key,
    key text not null,
    environment_id uuid not null,
    workflow_key text not null,
    step_ref text not null,
    carrier_run uuid,
    opened_at timestamptz not null,
    closes_at timestamptz not null,
    latest_close timestamptz,
    is_sliding boolean not null,
    max_items integer,
    items integer not null default 0,
    sealed boolean not null default false,
    closed_at timestamptz,
    -- What the run that goes on is shown of it: totals, and how many activities from which end.
    total_activities integer,
    total_actors integer,
    render_limit integer,
    renders_last boolean
) with (fillfactor = 75);
create unique index batch_windows_open on batch_windows (key) where closed_at is null and not sealed;
create index batch_windows_by_carrier on batch_windows (carrier_run) where closed_at is null;

-- One row for each activity. `data` is kept where the run's own changes later: the carrier's.
create table batch_items (
    number bigint generated always as identity,
    window_id uuid not null,
    run_id uuid not null,
    step_ref text not null,
    data jsonb,
    closes_at timestamptz not null,
    at timestamptz not null,
    cancelled_at timestamptz,
    primary key (run_id, step_ref)
);
create index batch_items_by_window on batch_items (window_id, number);
"""

THROTTLES = """
create table throttle_windows (
    key text primary key,
    environment_id uuid not null,
    opened_at timestamptz not null,
    closes_at timestamptz not null,
    executions integer not null
) with (fillfactor = 75);
create index throttle_windows_by_end on throttle_windows (closes_at);
"""

AUDIENCES = """
create table audience_members (
    environment_id uuid not null,
    audience_key text not null,
    collection text not null,
    recipient_id text not null,
    tenant text not null default '',
    added_at timestamptz not null,
    primary key (environment_id, audience_key, collection, recipient_id, tenant)
);
"""

# Events are raised by the database, so that no path that writes can forget to. Whoever writes only leaves a signal: a lock on
# somebody else's run would end in deadlocks, and a run that has moved on would be woken in the middle of its next step.
WAITS = """
create table waits (
    run_id uuid primary key,
    step_ref text not null,
    environment_id uuid not null,
    collection text not null,
    recipient_id text not null,
    event_type text not null,
    event_key text not null,
    source text
);
create index waits_by_recipient on waits (environment_id, collection, recipient_id, event_type, event_key);

-- `told`: the run that waits has been woken for it.
create table signals (
    number bigint generated always as identity primary key,
    run_id uuid not null,
    at timestamptz not null,
    event jsonb not null,
    told boolean not null default false
);
create index signals_by_run on signals (run_id);
create index signals_untold on signals (run_id) where not told;

-- Keeps an event for everybody who waits for it. The timer process wakes them.
create function signal(environment uuid, of_collection text, of_id text, type text, key text, of_source text, happened timestamptz,
                       event jsonb) returns void language sql as $$
    insert into signals (run_id, at, event)
    select run_id, happened, event from waits
    where environment_id = environment and collection = of_collection and recipient_id = of_id and event_type = type
        and event_key = key and (source is null or source = of_source)
$$;

create function recipient_as_wire(collection text, id text) returns jsonb language sql immutable as $$
    select case when collection = '$users' then to_jsonb(id) else jsonb_build_object('id', id, 'collection', collection) end
$$;

create function signal_message_event() returns trigger language plpgsql as $$
declare
    m messages;
    known record;
begin
    if not exists (select from waits) then
        return null;
    end if;
    select * into m from messages where id = new.message_id;
    if m.id is null then
        return null;
    end if;
    perform signal(m.environment_id, m.collection, m.recipient_id, 'message', substr(new.type, 9), m.workflow_key, new.at,
        jsonb_build_object(
            'message_id', m.id, 'event_type', new.type, 'channel_id', m.channel_id, 'channel_type', m.channel_type,
            'channel_provider', (select provider from channels where environment_id = m.environment_id and id = m.channel_id),
            'tenant_id', m.tenant, 'step_ref', m.step_ref, 'recipient', recipient_as_wire(m.collection, m.recipient_id),
            'inserted_at', new.at, 'exec_mode', 'live', 'workflow_run_id', m.trigger_id,
            'source', jsonb_build_object('type', 'workflow', 'key', m.workflow_key),
            'data', coalesce(new.data, '{}'::jsonb)));
    return null;
end $$;
create trigger signal_message_event after insert on message_events for each row execute function signal_message_event();

create function signal_run() returns trigger language plpgsql as $$
declare
    what text := case when tg_op = 'INSERT' then 'started' else 'completed' end;
begin
    if not exists (select from waits) then
        return null;
    end if;
    if tg_op = 'UPDATE' then
        delete from waits where run_id = new.id;
        delete from signals where run_id = new.id;
    end if;
    if new.status <> 'cancelled' then
        perform signal(new.environment_id, new.collection, new.recipient_id, 'workflow', what, new.workflow_key, new.updated_at,
            jsonb_build_object(
                'workflow_key', new.workflow_key, 'workflow_run_id', new.trigger_id, 'status', new.status,
                'recipient', recipient_as_wire(new.collection, new.recipient_id), 'tenant_id', new.tenant,
                'notify_data', coalesce(new.data, (select data from triggers where id = new.trigger_id)),
                'exec_mode', 'live', 'inserted_at', new.updated_at));
    end if;
    return null;
end $$;
create trigger signal_run_started after insert on recipient_runs for each row execute function signal_run();
create trigger signal_run_ended after update of status on recipient_runs for each row
    when (new.status in ('completed', 'cancelled') and old.status <> new.status) execute function signal_run();

create function signal_recipient() returns trigger language plpgsql as $$
begin
    if exists (select from waits) then
        perform signal(new.environment_id, new.collection, new.id, 'recipient', 'updated', null, new.updated_at,
            jsonb_build_object(
                'recipient', recipient_as_wire(new.collection, new.id), 'event_type', 'updated', 'timestamp', new.updated_at,
                'properties', new.properties, 'preferences', new.preferences, 'channel_data', new.channel_data));
    end if;
    return null;
end $$;
create trigger signal_recipient after update on recipients for each row
    when (old.properties is distinct from new.properties or old.preferences is distinct from new.preferences
        or old.channel_data is distinct from new.channel_data) execute function signal_recipient();

create function signal_audience() returns trigger language plpgsql as $$
declare
    member audience_members := case when tg_op = 'INSERT' then new else old end;
    what text := case when tg_op = 'INSERT' then 'enter' else 'exit' end;
begin
    perform signal(member.environment_id, member.collection, member.recipient_id, 'audience', what, member.audience_key,
        engine_now(),
        jsonb_build_object('audience_id', member.audience_key, 'transition', what, 'happened_at', engine_now(),
            'recipient', recipient_as_wire(member.collection, member.recipient_id)));
    return null;
end $$;
create trigger signal_audience after insert or delete on audience_members for each row execute function signal_audience();
"""


def upgrade() -> None:
    for part in (ENVIRONMENTS, RESOURCES, RUNS, BATCHES, THROTTLES, AUDIENCES, WAITS):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "drop trigger signal_message_event on message_events; drop trigger signal_run_started on recipient_runs;"
        " drop trigger signal_run_ended on recipient_runs; drop trigger signal_recipient on recipients;"
        " drop table signals, waits, audience_members, throttle_windows, batch_items, batch_windows, entries;"
        " drop function signal(uuid, text, text, text, text, text, timestamptz, jsonb), recipient_as_wire(text, text),"
        " signal_message_event(), signal_run(), signal_recipient(), signal_audience();"
        " alter table recipient_runs drop column outputs, drop column memory, drop column window_id, drop column sequence;"
        " alter table resource_versions drop column number;"
        " alter table environments drop column default_preferences, drop column signing_secret;"
    )
