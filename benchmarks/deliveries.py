"""Items written into feeds as deliveries do it, at a rate: a row that is there already delivered, then the bell.

The engine is told from what comes after it that way. When each was committed is remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from benchmarks.feed_items import FEED
from benchmarks.fixtures import DEVELOPMENT
from notify_workers import feeds
from notify_workers.store.feed_changes import Feed
from notify_workers.store.session import as_json, sql, statement

WRITERS = 4

_numbers = count(10_000_000)

_DELIVER = sql("""
    insert into messages (id, environment_id, run_id, trigger_id, version_id, workflow_key, categories, step_ref, channel_id,
        channel_type, collection, recipient_id, actors, content, status, inserted_at, updated_at)
    select made.id, m.environment_id, m.run_id, m.trigger_id, m.version_id, m.workflow_key, m.categories, m.step_ref,
        m.channel_id, m.channel_type, m.collection, made.user_id, m.actors, jsonb_build_object('kind', 'in_app_feed', 'blocks',
            jsonb_build_array(jsonb_build_object('name', 'body', 'type', 'markdown', 'content', '{{ text }}',
                'rendered', '<p>' || repeat('x', cast(:length as int)) || '</p>'))),
        'delivered', now(), now()
    from jsonb_to_recordset(:made) as made (id text, user_id text)
    join messages m on m.id = lpad('1', 27, '0')
    order by made.id
""")


class Deliveries:
    """`committed` has the time (seconds since the epoch) at which each message was there for others."""

    def __init__(self) -> None:
        self.committed: dict[str, float] = {}

    def deliver(self, users: Sequence[str], length: int = 100) -> list[str]:
        """One item for each, in one transaction; the ids."""
        ids = [f"{next(_numbers):027d}" for _ in users]
        made = [{"id": id, "user_id": user} for id, user in zip(ids, users, strict=True)]
        with statement() as tx:
            tx.run(_DELIVER, made=as_json(made), length=length)
        at = time.time()
        feeds.tell({Feed(DEVELOPMENT, FEED, user) for user in users})
        self.committed.update(dict.fromkeys(ids, at))
        return ids

    def at_rate(
        self, per_second: float, seconds: float, users: Callable[[], Sequence[str]], length: int = 100
    ) -> float:
        """Delivers at a rate; how many a second it were in fact."""
        return paced(per_second, seconds, lambda: self.deliver(users(), length))


def paced(per_second: float, seconds: float, work: Callable[[], object], writers: int = WRITERS) -> float:
    """Has a few threads do work at a rate. How often a second it was done: less when they could not keep up."""
    total = int(per_second * seconds)
    started = time.perf_counter()
    turns = iter(range(total))

    def one(_: int) -> None:
        for turn in turns:
            time.sleep(max(0.0, started + turn / per_second - time.perf_counter()))
            work()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(one, range(writers)))
    return total / (time.perf_counter() - started)
