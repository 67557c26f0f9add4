"""Enhanced security: whether public keys need a user's token, and the public halves of the keys that sign those."""

from alembic import op

revision = "0012"
down_revision = "0011"

SECURITY = """
alter table environments add column enhanced_security boolean not null default false;
create table signing_keys (
    id uuid primary key,
    environment_id uuid not null references environments,
    public_key text not null,
    name text not null,
    created_at timestamptz not null
);
create unique index signing_keys_once on signing_keys (environment_id, md5(public_key));
"""


def upgrade() -> None:
    op.execute(SECURITY)


def downgrade() -> None:
    op.execute("drop table signing_keys; alter table environments drop column enhanced_security")
