"""Schedules: triggers that are owed at times."""

from alembic import op

revision = "0007"
down_revision = "0006"

# `starts_at`: from when the rules count their intervals. `next_occurrence_at` is null when nothing is owed any more.
TABLE = """
create table schedules (
    id uuid primary key,
    number bigint generated always as identity,
    environment_id uuid not null references environments (id),
    workflow_key text collate "C" not null,
    collection text collate "C" not null,
    recipient_id text collate "C" not null,
    actor_collection text collate "C",
    actor_id text collate "C",
    tenant text collate "C",
    data jsonb,
    repeats jsonb not null,
    scheduled_at timestamptz,
    starts_at timestamptz not null,
    ending_at timestamptz,
    next_occurrence_at timestamptz,
    last_occurrence_at timestamptz,
    inserted_at timestamptz not null,
    updated_at timestamptz not null
);
create index schedules_by_workflow on schedules (environment_id, workflow_key, number);
create index schedules_by_tenant on schedules (environment_id, workflow_key, tenant, number);
create index schedules_by_recipient on schedules (environment_id, collection, recipient_id, number);
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("delete from due where kind = 'schedule'; drop table schedules")
