"""Purges: recipients that were deleted, whose traces are being deleted; and finding what belongs to a recipient."""

from alembic import op

revision = "0014"
down_revision = "0013"

# A recipient of the same id that comes later keeps what is newer than `before`. `triggers` are those that are too young to be
# forgotten: whoever accepts one of them a second time must still find it. Triggers of a sequence below `sequence` that are
# still on their way reach nobody of that id, but the one that they were merged into.
TABLE = """
create table purges (
    id uuid primary key,
    environment_id uuid not null,
    collection text collate "C" not null,
    recipient_id text collate "C" not null,
    before timestamptz not null,
    sequence bigint not null default 0,
    into_id text collate "C",
    triggers jsonb not null default '[]'
);
"""

INDEXES = """
create index audience_members_by_recipient on audience_members (environment_id, collection, recipient_id);
create index entries_by_recipient on entries (environment_id, collection, recipient_id);
create index cancellations_by_recipient on cancellations (environment_id, collection, recipient_id) where recipient_id is not null;
create index due_by_fan_out on due (trigger_id) where kind = 'fan_out';
"""


def upgrade() -> None:
    for part in (TABLE, INDEXES):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "drop index audience_members_by_recipient, entries_by_recipient,"
        " cancellations_by_recipient, due_by_fan_out;"
        " delete from due where kind = 'purge'; drop table purges"
    )
