"""The outbox: what sandbox channels were given to send."""

from alembic import op

revision = "0003"
down_revision = "0002"

OUTBOX = """
create table outbox (
    message_id text collate "C" primary key,
    environment_id uuid not null,
    channel_type text not null,
    channel_key text not null,
    collection text not null,
    recipient_id text not null,
    payload jsonb not null,
    at timestamptz not null
);
create index outbox_by_time on outbox (at);
"""


def upgrade() -> None:
    op.execute(OUTBOX)


def downgrade() -> None:
    op.execute("drop table outbox")
