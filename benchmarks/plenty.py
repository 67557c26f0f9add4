"""A large installation, made in seconds: users, objects, tenants, messages and what they come from, written as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from notify_workers.ids import channel_id, environment_id
from notify_workers.store import feed_changes
from notify_workers.store.session import Transaction

FEED = channel_id("in-app-feed")
GUIDES = channel_id("in-app-guide")


@dataclass(frozen=True, slots=True)
class Amount:
    """How many there are. A run has a trigger, and messages more than there are runs belong to the same ones.

    Of the others there are as many, or five times as many: objects, tenants, batches, schedules, webhook deliveries and so on.
    The user `user-busy` has `busy` items in the feed.
    """

    users: int = 100_000
    others: int = 5_000
    runs: int = 20_000
    messages: int = 200_000
    busy: int = 10_000


@dataclass(frozen=True, slots=True)
class Names:
    """Some that exist, for addresses: `user-3`, `project-3`, `tenant-3`, `workflow-3` and `audience-3` do too.

    `each` is the id of a run, a trigger, a schedule, a bulk operation, a webhook and a source.
    """

    message: str
    each: UUID
    feed: UUID = FEED


_ID = "('00000000-0000-4000-8000-' || lpad(({n})::text, 12, '0'))::uuid"
_VERSION = "'00000000-0000-4000-9000-000000000000'::uuid"
_RUN = _ID.format(n="1 + n % cast(:runs as int)")
_AGO = "now() - make_interval(secs => {n})"
_LONG_AGO = "now() - interval '1 year'"

STATEMENTS = (
    """insert into recipients (environment_id, collection, id, updated_at) values (:environment, '$users', 'user-busy', now())""",
    """insert into recipients (environment_id, collection, id, properties, updated_at)
    select :environment, '$users', 'user-' || n, jsonb_build_object('name', 'Name ' || n, 'email', n || '@example.com'), now()
    from generate_series(1, :users) n""",
    """insert into recipients (environment_id, collection, id, properties, updated_at)
    select :environment, kind, name || '-' || n, jsonb_build_object('name', 'Name ' || n), now()
    from generate_series(1, :others) n, (values ('$tenants', 'tenant'), ('projects', 'project')) as kinds (kind, name)""",
    """update recipients set channel_data = jsonb_build_object(cast(:feed as uuid), jsonb_build_object('tokens', '[]'::jsonb))
    where environment_id = :environment and (collection, id) in (('$users', 'user-3'), ('projects', 'project-3'))""",
    """insert into subscriptions (environment_id, object_collection, object_id, collection, recipient_id, inserted_at, updated_at)
    select :environment, 'projects', 'project-' || n % 100, '$users', 'user-' || n, now(), now()
    from generate_series(1, 5 * :others) n""",
    """insert into audience_members (environment_id, audience_key, collection, recipient_id, added_at)
    select :environment, 'audience-' || n % 1000, '$users', 'user-' || n, now() from generate_series(1, 5 * :others) n""",
    f"""insert into schedules (id, environment_id, workflow_key, collection, recipient_id, tenant, repeats, starts_at, inserted_at,
        updated_at)
    select {_ID.format(n="n")}, :environment, 'workflow-' || n % 20, '$users', 'user-' || n % 1000,
        case when n % 5 = 0 then 'tenant-' || n % 50 end, '[]', now(), now(), now()
    from generate_series(1, 5 * :others) n""",
    f"""insert into triggers (id, environment_id, workflow_key, version_id, sequence, recipients, data, source, inserted_at)
    select {_ID.format(n="n")}, :environment, 'workflow-' || n % 20, {_VERSION}, n, '[]',
        jsonb_build_object('n', n, 'odd', n % 2 = 1), '{{"type": "api"}}', {_AGO.format(n=":runs - n")}
    from generate_series(1, :runs) n""",
    f"""insert into recipient_runs (id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, tenant,
        window_id, status, error_count, inserted_at, updated_at)
    select {_ID.format(n="n")}, :environment, {_ID.format(n="n")}, 'workflow-' || n % 20, {_VERSION}, '$users',
        'user-' || n % 1000, case when n % 5 = 0 then 'tenant-' || n % 50 end,
        case when n <= :others then {_ID.format(n="n")} end, case when n % 100 = 0 then 'paused' else 'completed' end,
        case when n % 200 = 0 then 1 else 0 end, {_AGO.format(n=":runs - n")}, now()
    from generate_series(1, :runs) n""",
    f"""insert into run_log (run_id, attempt, entries, at)
    select {_ID.format(n="n")}, 1, '[]', now() from generate_series(1, :runs) n""",
    f"""insert into messages (id, environment_id, run_id, trigger_id, version_id, workflow_key, categories, step_ref, channel_id,
        channel_type, collection, recipient_id, tenant, content, status, seen_at, read_at, archived_at, inserted_at, updated_at)
    select lpad(n::text, 27, '0'), :environment, {_RUN}, {_RUN}, {_VERSION},
        'workflow-' || n % 20, case when n % 50 = 0 then '["news"]'::jsonb else '[]' end, 'step_1',
        case when n % 2 = 0 then cast(:feed as uuid) else cast(:mail as uuid) end,
        case when n % 2 = 0 then 'in_app_feed' else 'email' end,
        case when n % 10 = 0 and n > 2 * :busy then 'projects' else '$users' end,
        case when n <= 2 * :busy then 'user-busy' when n % 10 = 0 then 'project-' || n / 10 % 100 else 'user-' || n / 2 % 1000 end,
        case when n % 5 = 0 then 'tenant-' || n % 50 end,
        '{{"kind": "in_app_feed", "blocks": []}}', case when n % 1000 = 0 then 'queued' else 'delivered' end,
        case when n % 3 <> 0 then now() end, case when n % 4 = 0 then now() end, case when n % 7 = 0 then now() end,
        {_AGO.format(n=":messages - n")}, now()
    from generate_series(1, :messages) n""",
    """insert into feed_changes (environment_id, channel_id, recipient_id, message_id)
    select environment_id, channel_id, recipient_id, id from messages
    where channel_type = 'in_app_feed' and collection = '$users' and status = 'delivered' order by id""",
    """insert into message_events (id, message_id, type, at)
    select lpad(n::text, 27, '0'), lpad(n::text, 27, '0'), 'message.created', now() from generate_series(1, :runs) n""",
    """insert into delivery_attempts (id, message_id, attempt, provider, idempotency_key, started_at, external_id)
    select lpad(n::text, 27, '0'), lpad(n::text, 27, '0'), 1, 'smtp', '', now(), 'external-' || n
    from generate_series(1, :runs) n""",
    f"""insert into batch_windows (id, key, environment_id, workflow_key, step_ref, carrier_run, opened_at, closes_at, is_sliding,
        items, sealed, closed_at, total_activities, total_actors)
    select {_ID.format(n="n")}, n, :environment, 'workflow-' || n % 20, 'batch_1', {_ID.format(n="n")}, {_LONG_AGO}, {_LONG_AGO},
        false, 2, true, {_LONG_AGO}, 2, 1
    from generate_series(1, :others) n""",
    f"""insert into batch_items (window_id, run_id, step_ref, closes_at, at)
    select {_ID.format(n="n")}, {_ID.format(n="n + place * :others")}, 'batch_1', {_LONG_AGO}, {_LONG_AGO}
    from generate_series(1, :others) n, generate_series(0, 1) place""",
    f"""insert into bulk_operations (id, environment_id, name, status, items, estimated_total_rows, inserted_at, updated_at)
    select {_ID.format(n="n")}, :environment, 'users.identify', 'completed', '[]', 100, now(), now()
    from generate_series(1, :others) n""",
    """insert into guide_engagements (environment_id, collection, recipient_id, guide_key, step_ref, message_id, inserted_at)
    select :environment, '$users', 'user-' || n % 1000, 'guide-' || n, 'step_1', lpad(n::text, 27, '0'), now()
    from generate_series(1, 5 * :others) n""",
    f"""insert into webhooks (id, environment_id, url, events, secret, description, created_at, updated_at)
    select {_ID.format(n="n")}, :environment, 'https://example.com', '[]', '', '', now(), now() from generate_series(1, 10) n""",
    f"""insert into webhook_deliveries (id, webhook_id, environment_id, type, snapshot, status, owed_since, at, created_at)
    select {_ID.format(n="n")}, {_ID.format(n="1 + n % 10")}, :environment, 'message.sent', '{{}}',
        case when n % 1000 = 0 then 'failed' else 'delivered' end, now(), now(), now() from generate_series(1, 5 * :others) n""",
    f"""insert into webhook_attempts (delivery_id, attempt, at)
    select {_ID.format(n="n")}, 1, now() from generate_series(1, 5 * :others) n""",
    f"""insert into sources (id, environment_id, key, name, type, token, settings, mappings, created_at, updated_at)
    select {_ID.format(n="n")}, :environment, 'source-' || n, '', 'http', n, '{{}}', '[]', now(), now()
    from generate_series(1, 10) n""",
    f"""insert into source_events (id, source_id, environment_id, event_type, status, actions, body, received_at)
    select {_ID.format(n="n")}, {_ID.format(n="1 + n % 10")}, :environment, 'signed_up', 'done', '[]', '{{}}', now()
    from generate_series(1, 5 * :others) n""",
    f"""insert into api_log (id, environment_id, method, path, query, operation, status, duration_ms, workflow_run_id, at)
    select {_ID.format(n="n")}, :environment, 'GET', '/v1/users/user-' || n, '', 'getUser',
        case when n % 100 = 0 then 404 else 200 end, 1, case when n % 10 = 0 then {_ID.format(n="n")} end, {_AGO.format(n="n")}
    from generate_series(1, 10 * :others) n""",
)

# Making them afterwards takes a third of the time.
_INDEXES = text(
    "select indexname, indexdef from pg_indexes where tablename = 'messages' and indexname <> 'messages_pkey'"
)

LARGE = frozenset(
    {
        *("recipients", "subscriptions", "audience_members", "schedules", "triggers", "recipient_runs", "run_log"),
        *("messages", "message_events", "delivery_attempts", "batch_windows", "batch_items", "bulk_operations"),
        *("guide_engagements", "webhook_deliveries", "webhook_attempts", "source_events", "api_log"),
        "feed_entries",
    }
)
"""The tables that are filled."""

FEW = frozenset({"webhooks", "sources", "feeds", "feed_counts", "feed_changes"})
"""Those that have a few rows. What has changed in feeds is in its table for a moment only."""


def make(tx: Transaction, amount: Amount) -> Names:
    """Fills an installation's development environment. The database's own triggers do not fire."""
    values = {
        "environment": environment_id("development"),
        "feed": FEED,
        "mail": channel_id("email"),
        "users": amount.users,
        "others": amount.others,
        "runs": amount.runs,
        "messages": amount.messages,
        "busy": amount.busy,
    }
    tx.run(text("set local session_replication_role = replica"))
    tx.run(text("set local statement_timeout = 0"))
    indexes = list(tx.rows(_INDEXES))
    for each in indexes:
        tx.run(text(f"drop index {each.indexname}"))
    for statement in STATEMENTS:
        tx.run(text(statement), **_used(statement, values))
    for each in indexes:
        tx.run(text(each.indexdef))
    tx.run(text("analyze feed_changes"))
    while feeds := feed_changes.noted(tx, feed_changes.AT_ONCE):
        feed_changes.settle(tx, feeds)
    for table in sorted(LARGE):
        tx.run(text(f"analyze {table}"))
    return Names(message=f"{2:027d}", each=UUID("00000000-0000-4000-8000-000000000003"))


def _used(statement: str, values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if f":{name}" in statement}


def empty(tx: Transaction) -> None:
    tx.run(text(f"truncate {', '.join(sorted(LARGE | FEW))} cascade"))
    for table in sorted(LARGE):
        tx.run(text(f"analyze {table}"))
