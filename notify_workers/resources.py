"""The door to resources: workflows and layouts are checked, versioned and made known to every process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from redis import RedisError

from notify_workers.errors import NotFound
from notify_workers.redis_client import client
from notify_workers.store import environments, resources
from notify_workers.store.session import Transaction, transaction
from workflows.files import read_library
from workflows.parse import parse_layout, parse_workflow

log = logging.getLogger(__name__)

CHANGES = "doorbell:catalog"
"""Redis channel on which a change of configuration is told at once; its message is the catalog's new number."""


@contextmanager
def configuration() -> Iterator[Transaction]:
    """A transaction that changes configuration. After its commit every process drops what it has compiled."""
    with transaction() as tx:
        yield tx
        number = resources.configuration_changed(tx)
    try:
        client().publish(CHANGES, number)
    except RedisError as error:
        log.warning("a change of configuration was not told at once; it is seen at the next look: %s", error)


def publish_workflow(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes a workflow's document its current version. None when it is the current one already.

    Raises `workflows.errors.DocumentInvalid` with every problem.
    """
    types = {channel.key: channel.type for channel in environments.channels(tx, environment)}
    parse_workflow(key, document, channel_types=types)
    return _publish(tx, environment, resources.WORKFLOW, key, document)


def publish_layout(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes a layout's document its current version. None when it is the current one already."""
    parse_layout(key, document)
    return _publish(tx, environment, resources.EMAIL_LAYOUT, key, document)


def _publish(tx: Transaction, environment: UUID, kind: str, key: str, document: Mapping[str, Any]) -> UUID | None:
    sha = sha256(to_json({name: document[name] for name in sorted(document)})).hexdigest()
    known = resources.get_resource(tx, environment, kind, key)
    if known is not None and known.sha == sha:
        return None
    return resources.publish(tx, environment, kind, key, document, sha)


def push_library(root: Path, environment: UUID) -> list[str]:
    """Publishes a tree of resources, all or nothing. The keys that changed.

    Raises `DocumentInvalid` for the first resource that has problems, with all of its problems.
    """
    library = read_library(root)
    with configuration() as tx:
        layouts = [key for key, document in library.layouts.items() if publish_layout(tx, environment, key, document)]
        workflows = [
            key for key, document in library.workflows.items() if publish_workflow(tx, environment, key, document)
        ]
    return layouts + workflows


def set_workflow_active(environment: UUID, key: str, active: bool) -> None:
    """Starts or stops a workflow: triggers are refused while it is inactive, and its paused runs end when they wake."""
    with configuration() as tx:
        if not resources.set_active(tx, environment, resources.WORKFLOW, key, active):
            raise NotFound(f"There is no workflow `{key}`")
