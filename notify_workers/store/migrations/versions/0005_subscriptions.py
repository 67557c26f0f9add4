"""Subscriptions to objects, fan-outs that follow them, and lists of audiences' members."""

from alembic import op

revision = "0005"
down_revision = "0004"

SUBSCRIPTIONS = """
-- The keys are the order of both lists and of fan-outs, which go on after the last key that they have seen.
create table subscriptions (
    environment_id uuid not null references environments (id),
    object_collection text collate "C" not null,
    object_id text collate "C" not null,
    collection text collate "C" not null,
    recipient_id text collate "C" not null,
    properties jsonb not null default '{}',
    inserted_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (environment_id, object_collection, object_id, collection, recipient_id)
);
create index subscriptions_by_recipient on subscriptions
    (environment_id, collection, recipient_id, object_collection, object_id);
"""

FAN_OUT = """
-- Whose subscribers are still to be reached, and after whom; null until everybody that the trigger names has been.
alter table due add column place jsonb;
-- Through which subscription the run's recipient was reached.
alter table recipient_runs add column subscription jsonb;
"""

AUDIENCES = """
-- Members are listed by id.
alter table audience_members
    alter column audience_key type text collate "C", alter column collection type text collate "C",
    alter column recipient_id type text collate "C", alter column tenant type text collate "C";
-- Whether there is any, asked whenever somebody is identified.
create index resources_that_are_audiences on resources (environment_id) where kind = 'audience';
"""


def upgrade() -> None:
    for part in (SUBSCRIPTIONS, FAN_OUT, AUDIENCES):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "drop index resources_that_are_audiences;"
        ' alter table audience_members alter column audience_key type text collate "default",'
        ' alter column collection type text collate "default", alter column recipient_id type text collate "default",'
        ' alter column tenant type text collate "default";'
        " alter table recipient_runs drop column subscription; alter table due drop column place; drop table subscriptions"
    )
