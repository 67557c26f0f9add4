"""What is owed need not belong to a trigger, and a message need not come from a workflow."""

from alembic import op

revision = "0004"
down_revision = "0003"

DUE = """
-- `subject` names the row that something of another kind is owed for: a schedule, a bulk operation, an event for a webhook.
alter table due
    add column subject uuid,
    alter column trigger_id drop not null,
    drop constraint due_kind_check,
    add constraint due_kind_check check (kind in ('fan_out', 'step', 'delivery', 'schedule', 'bulk', 'webhook', 'purge'));
create unique index due_by_subject on due (subject, kind) where subject is not null;
"""

MESSAGES = """
-- Messages of guides and broadcasts have no run. `source_type` is the wire's; `data` is theirs, a run's message has the run's.
alter table messages
    add column source_type text not null default 'workflow' check (source_type in ('workflow', 'guide', 'broadcast')),
    add column data jsonb,
    alter column run_id drop not null,
    alter column trigger_id drop not null;
"""


def upgrade() -> None:
    for part in (DUE, MESSAGES):
        op.execute(part)


def downgrade() -> None:
    op.execute(
        "delete from due where subject is not null; delete from messages where run_id is null;"
        " alter table messages drop column source_type, drop column data, alter column run_id set not null,"
        " alter column trigger_id set not null;"
        " alter table due drop column subject, alter column trigger_id set not null, drop constraint due_kind_check,"
        " add constraint due_kind_check check (kind in ('fan_out', 'step', 'delivery'));"
    )
