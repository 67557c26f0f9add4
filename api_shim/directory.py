"""What the trigger path must know without asking PostgreSQL: keys, workflows' status and compiled data schemas.

A snapshot of every environment. It is replaced when Redis tells of a change, at a regular look, and when a request names
something that it does not hold, so that what was made a moment ago is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from jsonschema import Draft202012Validator
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from notify_workers.redis_client import async_client
from notify_workers.resources import CHANGES
from notify_workers.store import environments, resources
from notify_workers.store.environments import ApiKey, Channel
from notify_workers.store.session import transaction

log = logging.getLogger(__name__)

LOOK_INTERVAL = 5.0
"""Seconds after which a change is seen even when Redis did not tell of it."""

MISS_INTERVAL = 0.25
"""Seconds between two looks that unknown keys or workflows may cause."""


@dataclass(frozen=True, slots=True)
class WorkflowEntry:
    """`data_schema` checks a trigger's data; None when the workflow has none."""

    active: bool
    data_schema: Draft202012Validator | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    number: int
    keys: Mapping[bytes, ApiKey]
    workflows: Mapping[tuple[UUID, str], WorkflowEntry]
    channels: Mapping[tuple[UUID, UUID], Channel]


def load_snapshot() -> Snapshot:
    with transaction() as tx:
        number = resources.catalog_number(tx)
        return Snapshot(
            number=number,
            keys={key.digest: key for key in environments.api_keys(tx)},
            workflows={
                (each.environment_id, each.key): _entry(each) for each in resources.current(tx, resources.WORKFLOW)
            },
            channels={(each.environment_id, each.id): each for each in environments.channels(tx)},
        )


def _entry(workflow: resources.Resource) -> WorkflowEntry:
    schema = workflow.content.get("trigger_data_json_schema")
    return WorkflowEntry(workflow.active, Draft202012Validator(schema) if schema else None)


class Directory:
    """This process' snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._looked = time.monotonic()
        self._looking = asyncio.Lock()

    async def find_key(self, key: str) -> ApiKey | None:
        digest = sha256(key.encode()).digest()
        found = self.snapshot.keys.get(digest)
        if found is None and await self._look_again():
            found = self.snapshot.keys.get(digest)
        return found

    async def find_workflow(self, environment: UUID, key: str) -> WorkflowEntry | None:
        found = self.snapshot.workflows.get((environment, key))
        if (found is None or not found.active) and await self._look_again():
            found = self.snapshot.workflows.get((environment, key))
        return found

    async def refresh(self) -> None:
        async with self._looking:
            self.snapshot = await run_in_threadpool(load_snapshot)
            self._looked = time.monotonic()

    async def _look_again(self) -> bool:
        """Whether a new look was taken; not more often than the interval, so that wrong keys cost little."""
        if time.monotonic() - self._looked < MISS_INTERVAL:
            return False
        await self.refresh()
        return True

    async def follow(self) -> None:
        """Refreshes whenever Redis tells of a change, and now and then besides. Runs until cancelled."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self._listen()
            await self._refresh_or_wait()
            await asyncio.sleep(1.0)

    async def _listen(self) -> None:
        client = async_client()
        try:
            async with client.pubsub() as listener:
                await listener.subscribe(CHANGES)
                while True:
                    told = await listener.get_message(ignore_subscribe_messages=True, timeout=LOOK_INTERVAL)
                    if told is None or int(told["data"]) > self.snapshot.number:
                        await self._refresh_or_wait()
        finally:
            await client.aclose()

    async def _refresh_or_wait(self) -> None:
        try:
            await self.refresh()
        except Exception as error:
            log.warning("the directory stays as it was: %s", error)
