"""Guides: what is set beside their versions, their order, and what users have done with them."""

from alembic import op

revision = "0008"
down_revision = "0007"

GUIDES = """
-- Not versioned: from when until when a guide is active, and whether it was taken away for good.
create table guide_states (
    environment_id uuid not null references environments (id),
    guide_key text collate "C" not null,
    active_from timestamptz,
    active_until timestamptz,
    archived_at timestamptz,
    primary key (environment_id, guide_key)
);

-- `display_sequence` holds keys of guides; those that it does not name follow, the oldest first. `display_interval`: seconds.
create table guide_groups (
    environment_id uuid not null references environments (id),
    key text collate "C" not null,
    display_sequence jsonb not null default '[]',
    display_interval integer,
    inserted_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (environment_id, key)
);
"""

ENGAGEMENTS = """
-- A user's message of a guide's step: the key keeps two first marks from making two. `tenant` is empty for guides that count
-- once for all tenants. `throttled_at`: when archiving it opened a window in which other guides wait.
create table guide_engagements (
    environment_id uuid not null,
    collection text collate "C" not null,
    recipient_id text collate "C" not null,
    guide_key text collate "C" not null,
    tenant text collate "C" not null default '',
    step_ref text collate "C" not null,
    message_id text collate "C" not null,
    is_final boolean not null default false,
    throttled_at timestamptz,
    inserted_at timestamptz not null,
    primary key (environment_id, collection, recipient_id, guide_key, tenant, step_ref)
);
"""

# As in 0002, but for where the message came from: not every one is a workflow's any more, and a guide may have the key of one.
SIGNAL = """
create or replace function signal_message_event() returns trigger language plpgsql as $$
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
    perform signal(m.environment_id, m.collection, m.recipient_id, 'message', substr(new.type, 9), {key}, new.at,
        jsonb_build_object(
            'message_id', m.id, 'event_type', new.type, 'channel_id', m.channel_id, 'channel_type', m.channel_type,
            'channel_provider', (select provider from channels where environment_id = m.environment_id and id = m.channel_id),
            'tenant_id', m.tenant, 'step_ref', m.step_ref, 'recipient', recipient_as_wire(m.collection, m.recipient_id),
            'inserted_at', new.at, 'exec_mode', 'live', 'workflow_run_id', m.trigger_id,
            'source', jsonb_build_object('type', {source}, 'key', m.workflow_key),
            'data', coalesce(new.data, '{{}}'::jsonb)));
    return null;
end $$;
"""


KEY = "case when m.source_type = 'workflow' then m.workflow_key else m.source_type || ':' || m.workflow_key end"


def upgrade() -> None:
    for part in (GUIDES, ENGAGEMENTS, SIGNAL.format(source="m.source_type", key=KEY)):
        op.execute(part)


def downgrade() -> None:
    op.execute(SIGNAL.format(source="'workflow'", key="m.workflow_key"))
    op.execute("drop table guide_engagements, guide_groups, guide_states")
