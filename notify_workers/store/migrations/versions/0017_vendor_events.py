"""The vendor's name for a message, of each attempt: vendors that know no name of ours tell by it what became of the message."""

from alembic import op

revision = "0017"
down_revision = "0016"

# Messages' ids are of the collation C. An index of another one is of no use when rows are joined with them: every delivery
# read all attempts.
COLLATIONS = """
alter table delivery_attempts alter column message_id type text collate "C";
alter table message_events alter column message_id type text collate "C";
"""

# Not an index on the message's metadata: that changes when the message is sent, and PostgreSQL would then rewrite all of
# the row's indexes (see 0013). An attempt has one other, and each provider that was asked has its own name for the message.
COLUMN = """
alter table delivery_attempts add column external_id text collate "C";
update delivery_attempts a set external_id = m.metadata ->> 'external_id'
from messages m where m.id = a.message_id and a.outcome in ('sent', 'delivered') and m.metadata ? 'external_id';
create index delivery_attempts_by_external_id on delivery_attempts (external_id) where external_id is not null;
"""


def upgrade() -> None:
    op.execute(COLLATIONS)
    op.execute(COLUMN)


def downgrade() -> None:
    op.execute(
        "alter table delivery_attempts drop column external_id;"
        ' alter table delivery_attempts alter column message_id type text collate "default";'
        ' alter table message_events alter column message_id type text collate "default";'
    )
