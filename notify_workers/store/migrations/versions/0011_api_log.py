"""The log of API requests."""

from alembic import op

revision = "0011"
down_revision = "0010"

API_LOG = """
create table api_log (
    id uuid primary key,
    environment_id uuid,
    key_id uuid,
    user_id text,
    method text not null,
    path text not null,
    query text not null,
    operation text,
    status integer not null,
    duration_ms double precision not null,
    request jsonb,
    response jsonb,
    workflow_run_id uuid,
    user_agent text,
    at timestamptz not null
);
create index api_log_by_time on api_log (at, id);
create index api_log_by_environment on api_log (environment_id, at, id);
create index api_log_by_trigger on api_log (workflow_run_id) where workflow_run_id is not null;
"""


def upgrade() -> None:
    op.execute(API_LOG)


def downgrade() -> None:
    op.execute("drop table api_log")
