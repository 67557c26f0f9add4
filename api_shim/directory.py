"""What the trigger path must know without asking PostgreSQL: keys, workflows' status and compiled data schemas.

A snapshot of every environment. It is replaced when Redis tells of a change, at a regular look, and when a request
names something that it does not hold, so that what was made a moment ago is found. A look that finds nothing new costs
one statement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from jsonschema.protocols import Validator
from starlette.concurrency import run_in_threadpool

from api_shim import changes
from notify_workers.store import environments, resources
from notify_workers.store.environments import ApiKey, Channel, Environment
from notify_workers.store.session import Transaction, transaction
from workflows.trigger_data import data_validator


@dataclass(frozen=True, slots=True)
class WorkflowEntry:
    """`data_schema` checks a trigger's data; None when the workflow has none."""

    active: bool
    data_schema: Validator | None


@dataclass(frozen=True, slots=True)
class Security:
    """Whether an environment's public keys need a user's token, and the public keys (PEM) that verify one."""

    enhanced: bool = False
    public_keys: tuple[str, ...] = ()


UNSECURED = Security()


@dataclass(frozen=True, slots=True)
class Snapshot:
    number: int
    keys: Mapping[bytes, ApiKey]
    workflows: Mapping[tuple[UUID, str], WorkflowEntry]
    channels: Mapping[tuple[UUID, UUID], Channel]
    security: Mapping[UUID, Security]
    signing_secrets: Mapping[UUID, str]


def load_snapshot(known: Snapshot | None = None) -> Snapshot:
    """What is in the database now: `known` itself when nothing has changed since."""
    with transaction() as tx:
        number = resources.catalog_number(tx)
        if known is not None and known.number == number:
            return known
        every_environment = environments.environments(tx)
        return Snapshot(
            number=number,
            keys={key.digest: key for key in environments.api_keys(tx)},
            workflows={
                (each.environment_id, each.key): _entry(each) for each in resources.current(tx, resources.WORKFLOW)
            },
            channels={(each.environment_id, each.id): each for each in environments.channels(tx)},
            security=_security(tx, every_environment),
            signing_secrets={each.id: each.signing_secret for each in every_environment},
        )


def _security(tx: Transaction, known: Sequence[Environment]) -> dict[UUID, Security]:
    signing = environments.signing_keys(tx)
    return {
        each.id: Security(
            each.enhanced_security, tuple(key.public_key for key in signing if key.environment_id == each.id)
        )
        for each in known
    }


def _entry(workflow: resources.Resource) -> WorkflowEntry:
    schema = workflow.content.get("trigger_data_json_schema")
    return WorkflowEntry(workflow.active, data_validator(schema) if schema else None)


class Directory:
    """This process' snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._looked = 0.0
        self._failure: Exception | None = None
        self._looking = asyncio.Lock()

    async def find_key(self, key: str) -> ApiKey | None:
        digest = sha256(key.encode()).digest()
        found = self.snapshot.keys.get(digest)
        if found is None:
            await self.refresh()
            found = self.snapshot.keys.get(digest)
        return found

    def security_of(self, environment: UUID) -> Security:
        return self.snapshot.security.get(environment, UNSECURED)

    async def find_workflow(self, environment: UUID, key: str) -> WorkflowEntry | None:
        found = self.snapshot.workflows.get((environment, key))
        if found is None or not found.active:
            await self.refresh()
            found = self.snapshot.workflows.get((environment, key))
        return found

    async def refresh(self) -> None:
        """Sees what was committed before this call. Calls that wait share a look, so that wrong keys cost little.

        Raises `StoreUnavailable`, each call that shared the look.
        """
        asked = time.monotonic()
        async with self._looking:
            if self._looked <= asked:
                self._looked, self._failure = time.monotonic(), await self._look()
            failure = self._failure
        if failure is not None:
            raise failure

    async def _look(self) -> Exception | None:
        try:
            self.snapshot = await run_in_threadpool(load_snapshot, self.snapshot)
        except Exception as error:
            return error
        return None

    async def follow(self) -> None:
        """Refreshes whenever Redis tells of a change, and now and then besides. Runs until cancelled."""
        await changes.follow(self.refresh, "configuration")
