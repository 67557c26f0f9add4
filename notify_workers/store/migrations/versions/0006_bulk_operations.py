"""Bulk operations: their items while they wait, and their progress."""

from alembic import op

revision = "0006"
down_revision = "0005"

# `items` is emptied when the operation has ended: what it was told of people is where it belongs by then.
TABLE = """
create table bulk_operations (
    id uuid primary key,
    environment_id uuid not null references environments (id),
    name text not null,
    status text not null check (status in ('queued', 'processing', 'completed', 'failed')),
    items jsonb not null,
    context jsonb not null default '{}',
    estimated_total_rows integer not null,
    processed_rows integer not null default 0,
    success_count integer not null default 0,
    error_count integer not null default 0,
    error_items jsonb not null default '[]',
    inserted_at timestamptz not null,
    updated_at timestamptz not null,
    started_at timestamptz,
    completed_at timestamptz,
    failed_at timestamptz
);
create index bulk_operations_that_ended on bulk_operations (updated_at) where status in ('completed', 'failed');
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("delete from due where kind = 'bulk'; drop table bulk_operations")
