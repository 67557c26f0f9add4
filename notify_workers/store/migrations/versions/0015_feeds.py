"""In-app feeds: numbered entries and kept counts, so that a page costs the same however long the feed is."""

from alembic import op

revision = "0015"
down_revision = "0014"

# What happened to messages is noted by the database, whoever does it, in the same transaction; `settle` numbers it later.
FEEDS = """
create table feed_changes (
    id bigint generated always as identity primary key,
    environment_id uuid not null,
    channel_id uuid not null,
    recipient_id text collate "C" not null,
    message_id text collate "C" not null
);
create index feed_changes_by_feed on feed_changes (environment_id, channel_id, recipient_id);

create table feeds (
    id bigint generated always as identity primary key,
    environment_id uuid not null,
    channel_id uuid not null,
    recipient_id text collate "C" not null,
    sequence bigint not null,
    unique (environment_id, channel_id, recipient_id)
);

create table feed_entries (
    feed_id bigint not null,
    message_id text collate "C" not null,
    number bigint not null,
    changed bigint not null,
    tenant text collate "C",
    workflow_key text collate "C" not null,
    categories jsonb not null,
    archived boolean not null,
    read boolean not null,
    seen boolean not null,
    inserted_at timestamptz not null,
    arrived_at timestamptz not null,
    gone_at timestamptz,
    primary key (feed_id, message_id)
);
create index feed_entries_by_change on feed_entries (feed_id, changed);
create index feed_entries_all on feed_entries (feed_id, number) where gone_at is null;
create index feed_entries_live on feed_entries (feed_id, number) where gone_at is null and not archived;
create index feed_entries_archived on feed_entries (feed_id, number) where gone_at is null and archived;
create index feed_entries_unread on feed_entries (feed_id, number) where gone_at is null and not archived and not read;
create index feed_entries_read on feed_entries (feed_id, number) where gone_at is null and not archived and read;
create index feed_entries_unseen on feed_entries (feed_id, number) where gone_at is null and not archived and not seen;
create index feed_entries_seen on feed_entries (feed_id, number) where gone_at is null and not archived and seen;
create index feed_entries_of_workflow on feed_entries (feed_id, workflow_key, number) where gone_at is null;
create index feed_entries_by_time on feed_entries (feed_id, inserted_at, archived, read, seen) where gone_at is null;
create index feed_entries_gone on feed_entries (gone_at) where gone_at is not null;

create table feed_counts (
    feed_id bigint not null,
    tenant text collate "C",
    workflow_key text collate "C" not null,
    categories jsonb not null,
    archived boolean not null,
    total bigint not null,
    unread bigint not null,
    unseen bigint not null
);
-- By digests: an index takes no value of more than a few thousand bytes.
create unique index feed_counts_by_key on feed_counts (feed_id, md5(coalesce(tenant, '')), md5(workflow_key), md5(categories::text),
    archived);
"""

TRIGGERS = """
create function note_feed_change() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and (tg_op = 'DELETE' or old.recipient_id <> new.recipient_id) then
        insert into feed_changes (environment_id, channel_id, recipient_id, message_id)
        values (old.environment_id, old.channel_id, old.recipient_id, old.id);
    end if;
    if tg_op <> 'DELETE' then
        insert into feed_changes (environment_id, channel_id, recipient_id, message_id)
        values (new.environment_id, new.channel_id, new.recipient_id, new.id);
    end if;
    return null;
end $$;

create trigger feed_item_made after insert on messages for each row
    when (new.channel_type = 'in_app_feed' and new.collection = '$users' and new.status in ('sent', 'delivered'))
    execute function note_feed_change();
create trigger feed_item_changed after update on messages for each row
    when (new.channel_type = 'in_app_feed' and new.collection = '$users'
        and (old.status in ('sent', 'delivered') or new.status in ('sent', 'delivered'))
        and (old.status, old.recipient_id, old.seen_at, old.read_at, old.interacted_at, old.link_clicked_at, old.archived_at)
            is distinct from
            (new.status, new.recipient_id, new.seen_at, new.read_at, new.interacted_at, new.link_clicked_at, new.archived_at))
    execute function note_feed_change();
create trigger feed_item_deleted after delete on messages for each row
    when (old.channel_type = 'in_app_feed' and old.collection = '$users' and old.status in ('sent', 'delivered'))
    execute function note_feed_change();

insert into feed_changes (environment_id, channel_id, recipient_id, message_id)
select environment_id, channel_id, recipient_id, id from messages
where channel_type = 'in_app_feed' and collection = '$users' and status in ('sent', 'delivered') order by id;

drop index messages_in_feed;
"""


def upgrade() -> None:
    for part in (FEEDS, TRIGGERS):
        op.execute(part)


def downgrade() -> None:
    op.execute("""
        create index messages_in_feed on messages (environment_id, channel_id, recipient_id, id) where channel_type = 'in_app_feed';
        drop trigger feed_item_made on messages;
        drop trigger feed_item_changed on messages;
        drop trigger feed_item_deleted on messages;
        drop function note_feed_change();
        drop table feed_counts, feed_entries, feeds, feed_changes;
    """)
