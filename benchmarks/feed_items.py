"""Items of feeds by the thousand, each with its trigger and its run, written as rows, which the database notes as ever."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from benchmarks.fixtures import DEVELOPMENT
from notify_workers.ids import channel_id
from notify_workers.store.session import Transaction, sql

FEED = channel_id("in-app-feed")


@dataclass(frozen=True, slots=True)
class Items:
    """`count` items with the numbers from `first`, for the users `<name>-0`, `<name>-1` and so on, `each` of them.

    Of a user's items, the newest last, every other one is archived; nearly all are read, and all but three of the newest seen.
    One in three belongs to one of `tenants`.
    """

    name: str
    first: int
    count: int
    each: int
    tenants: int = 5


_ID = "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"
_VERSION = "(select id from resource_versions limit 1)"
_NUMBERS = """(
    select n, cast(:each as int) - 1 - (n - :first) % cast(:each as int) as age,
        cast(:name as text) || '-' || (n - :first) / cast(:each as int) as user_id
    from generate_series(cast(:first as int), cast(:first as int) + cast(:count as int) - 1) n
) items"""
_WORKFLOW = (
    """case when age % 10000 = 40 then 'rare' when age % 20 = 6 then 'workflow-' || age / 20 % 10 else 'common' end"""
)

_TRIGGERS = sql(f"""
    insert into triggers (id, environment_id, workflow_key, version_id, sequence, recipients, data, source, inserted_at)
    select {_ID}, :environment, {_WORKFLOW}, {_VERSION}, n, '[]',
        jsonb_build_object('n', n, 'team', age % 50, 'kind', 'any', 'title', 'Invoice ' || n), '{{"type": "api"}}',
        now() - age * interval '1 minute'
    from {_NUMBERS} where cast(:tenants as int) > 0
""")
_RUNS = sql(f"""
    insert into recipient_runs (id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, status,
        inserted_at, updated_at)
    select {_ID}, :environment, {_ID}, {_WORKFLOW}, {_VERSION}, '$users', user_id, 'completed',
        now() - age * interval '1 minute', now()
    from {_NUMBERS} where cast(:tenants as int) > 0
""")
_MESSAGES = sql(f"""
    insert into messages (id, environment_id, run_id, trigger_id, version_id, workflow_key, categories, step_ref, channel_id,
        channel_type, collection, recipient_id, tenant, actors, content, status, seen_at, read_at, archived_at, inserted_at,
        updated_at)
    select lpad(n::text, 27, '0'), :environment, {_ID}, {_ID}, {_VERSION}, {_WORKFLOW},
        case when age % 10000 = 44 then '["legal"]'::jsonb when age % 50 = 4 then '["news"]' else '[]' end, 'in_app_1', :feed,
        'in_app_feed', '$users', user_id, case when age % 3 = 0 then 'tenant-' || age / 3 % cast(:tenants as int) end,
        jsonb_build_array('actor-' || n % 20), jsonb_build_object('kind', 'in_app_feed', 'blocks', jsonb_build_array(
            jsonb_build_object('name', 'body', 'type', 'markdown', 'content', '{{{{ title }}}} is due',
                'rendered', '<p>Invoice ' || n || ' is due</p>'),
            jsonb_build_object('name', 'action_url', 'type', 'text', 'content', '/invoices/{{{{ n }}}}',
                'rendered', '/invoices/' || n))),
        'delivered', case when age > 4 or age % 2 = 1 then now() end, case when age >= 20 and age % 1000 <> 0 then now() end,
        case when age % 2 = 1 then now() end, now() - age * interval '1 minute', now()
    from {_NUMBERS}
""")
_ACTORS = sql("""
    insert into recipients (environment_id, collection, id, properties, updated_at)
    select :environment, '$users', 'actor-' || n, jsonb_build_object('name', 'Actor ' || n), now() from generate_series(0, 19) n
    on conflict do nothing
""")


def make(tx: Transaction, items: Items) -> None:
    tx.run(_ACTORS, environment=DEVELOPMENT)
    for statement in (_TRIGGERS, _RUNS):
        tx.run(statement, environment=DEVELOPMENT, **asdict(items))
    tx.run(_MESSAGES, environment=DEVELOPMENT, feed=FEED, **asdict(items))
