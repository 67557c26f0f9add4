"""Reads: an index for the order of every list, with the filters that are asked for most."""

from alembic import op

revision = "0013"
down_revision = "0012"

# No index knows a delivery status: it changes with every message, and PostgreSQL would then rewrite all of a row's indexes.
MESSAGES = """
create index messages_by_recipient on messages (environment_id, collection, recipient_id, id);
create index messages_by_channel on messages (environment_id, channel_id, id);
create index messages_by_workflow on messages (environment_id, workflow_key, id);
create index messages_by_tenant on messages (environment_id, tenant, id) where tenant is not null;
create index messages_of_trigger on messages (trigger_id, id);
drop index messages_by_trigger;
-- A user's feed and the badge's counts.
create index messages_in_feed on messages (environment_id, channel_id, recipient_id, id) where channel_type = 'in_app_feed';
create index messages_unread on messages (environment_id, channel_id, recipient_id, id)
    where channel_type = 'in_app_feed' and read_at is null;
create index messages_unseen on messages (environment_id, channel_id, recipient_id, id)
    where channel_type = 'in_app_feed' and seen_at is null;
-- What only some messages ever are.
create index messages_interacted on messages (environment_id, id) where interacted_at is not null;
create index messages_link_clicked on messages (environment_id, id) where link_clicked_at is not null;
create index messages_archived on messages (environment_id, id) where archived_at is not null;
"""

RUNS = """
create index recipient_runs_of_recipient on recipient_runs (environment_id, collection, recipient_id, inserted_at, id);
create index recipient_runs_by_workflow on recipient_runs (environment_id, workflow_key, inserted_at, id);
create index recipient_runs_by_tenant on recipient_runs (environment_id, tenant, inserted_at, id) where tenant is not null;
create index recipient_runs_with_errors on recipient_runs (environment_id, inserted_at, id) where error_count > 0;
"""

# Trigger data that few have.
DATA = """
create index triggers_by_data on triggers using gin (data jsonb_path_ops);
create index recipient_runs_by_data on recipient_runs using gin (data jsonb_path_ops) where data is not null;
create index batch_items_by_data on batch_items using gin (data jsonb_path_ops) where data is not null;
create index messages_by_data on messages using gin (data jsonb_path_ops) where data is not null;
"""


def upgrade() -> None:
    for part in (MESSAGES, RUNS, DATA):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "create index messages_by_trigger on messages (trigger_id);"
        " drop index messages_by_recipient, messages_by_channel, messages_by_workflow, messages_by_tenant, messages_of_trigger,"
        " messages_in_feed, messages_unread, messages_unseen, messages_interacted, messages_link_clicked, messages_archived,"
        " recipient_runs_of_recipient, recipient_runs_by_workflow,"
        " recipient_runs_by_tenant, recipient_runs_with_errors,"
        " triggers_by_data, recipient_runs_by_data, batch_items_by_data, messages_by_data;"
    )
