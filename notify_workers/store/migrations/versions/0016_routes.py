"""Several providers for a channel, also of a tenant's own; and which of them made an attempt."""

from alembic import op

revision = "0016"
down_revision = "0015"

ROUTES = """
create table channel_routes (
    environment_id uuid not null,
    channel_id uuid not null,
    tenant text collate "C" not null default '',
    position integer not null,
    provider text not null,
    settings jsonb not null,
    weight double precision,
    rate double precision,
    primary key (environment_id, channel_id, tenant, position)
);
alter table delivery_attempts add column route integer not null default 0;
"""


def upgrade() -> None:
    op.execute(ROUTES)


def downgrade() -> None:
    op.execute("drop table channel_routes; alter table delivery_attempts drop column route;")
