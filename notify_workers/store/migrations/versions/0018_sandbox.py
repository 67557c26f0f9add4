"""Channels in sandbox mode, channels that track, and environments that send to an allow-list only."""

from alembic import op

revision = "0018"
down_revision = "0017"

COLUMNS = """
alter table channels add column sandbox boolean not null default false,
    add column link_tracking boolean not null default false, add column open_tracking boolean not null default false;
alter table environments add column recipient_allow_list jsonb;
create table short_links (
    key text collate "C" primary key,
    environment_id uuid not null,
    message_id text collate "C" not null references messages (id) on delete cascade deferrable initially deferred,
    url text not null
);
create index short_links_by_message on short_links (message_id);
"""


def upgrade() -> None:
    op.execute(COLUMNS)


BACK = """
drop table short_links;
alter table channels drop column sandbox, drop column link_tracking, drop column open_tracking;
alter table environments drop column recipient_allow_list;
"""


def downgrade() -> None:
    op.execute(BACK)
