"""The door to resources: workflows and what their templates share are checked, versioned and told to every process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from redis import RedisError

from notify_workers import audiences
from notify_workers.errors import NotFound
from notify_workers.redis_client import client
from notify_workers.store import environments, guides, resources
from notify_workers.store.session import Transaction, transaction
from workflows.errors import DocumentInvalid
from workflows.files import (
    SOURCES,
    Library,
    read_library,
    write_audience,
    write_guide,
    write_layout,
    write_partial,
    write_translation,
    write_workflow,
)
from workflows.groups import group_document_problems
from workflows.guides import parse_guide
from workflows.parse import parse_layout, parse_partial, parse_translation, parse_workflow
from workflows.parse.normal import READ_ONLY

log = logging.getLogger(__name__)

_SCHEMAS = {
    resources.WORKFLOW: "https://schemas.knock.app/cli/workflow.json",
    resources.EMAIL_LAYOUT: "https://schemas.knock.app/cli/email-layout.json",
    resources.PARTIAL: "https://schemas.knock.app/cli/partial.json",
    resources.GUIDE: "https://schemas.knock.app/cli/guide.json",
    resources.AUDIENCE: "https://schemas.knock.app/cli/audience.json",
}

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


def publish_partial(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes a partial's document its current version. None when it is the current one already."""
    parse_partial(key, document)
    return _publish(tx, environment, resources.PARTIAL, key, document)


def publish_translation(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes a translation's document its current version. None when it is the current one already.

    `key` is `en`, `en/admin` or `en/admin~acme`: locale, namespace, tenant.
    """
    parse_translation(key, document)
    return _publish(tx, environment, resources.TRANSLATION, key, document)


def publish_guide(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes a guide's document its current version, also of one that was archived. None when nothing changes."""
    types = {channel.key: channel.type for channel in environments.channels(tx, environment)}
    parse_guide(key, document, types)
    guides.add_group(tx, environment, guides.DEFAULT_GROUP)
    is_back = guides.restore(tx, environment, key)
    published = _publish(tx, environment, resources.GUIDE, key, document)
    known = resources.get_resource(tx, environment, resources.GUIDE, key)
    return known.version_id if is_back and known else published


def publish_channel_group(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes a channel group current. Raises `DocumentInvalid` with every problem."""
    group = {**document, "key": key}
    if problems := list(group_document_problems("", group)):
        raise DocumentInvalid(f"channel group `{key}`", problems)
    return _publish(tx, environment, resources.CHANNEL_GROUP, key, group)


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
        return [key for publish, key, document in _publications(library) if publish(tx, environment, key, document)]


Publish = Callable[[Transaction, UUID, str, Mapping[str, Any]], UUID | None]


def _publications(library: Library) -> Iterator[tuple[Publish, str, Mapping[str, Any]]]:
    """What others refer to comes first."""
    kinds: list[tuple[Publish, Mapping[str, Mapping[str, Any]]]] = [
        (audiences.publish, library.audiences),
        (publish_translation, library.translations),
        (publish_partial, library.partials),
        (publish_layout, library.layouts),
        (publish_workflow, library.workflows),
        (publish_guide, library.guides),
    ]
    for publish, documents in kinds:
        for key, document in documents.items():
            yield publish, key, document


PULLED = (
    *(resources.WORKFLOW, resources.EMAIL_LAYOUT, resources.PARTIAL, resources.TRANSLATION, resources.GUIDE),
    *(resources.AUDIENCE,),
)


def pull_library(root: Path, environment: UUID) -> list[str]:
    """Writes every resource of an environment into a tree of files. The paths of the files that changed or went.

    What was pushed from files comes back as it was. Over a tree that is there, content stays in the files where that tree
    has it; resources that the environment does not have are left alone.
    """
    with transaction() as tx:
        slug = next(each.slug for each in environments.environments(tx) if each.id == environment)
        found = [each for kind in PULLED for each in resources.current(tx, kind, environment)]
    return [path for each in found for path in _write(root, each, _annotated(each, slug))]


def _write(root: Path, resource: resources.Resource, document: Mapping[str, Any]) -> list[str]:
    if resource.kind == resources.TRANSLATION:
        return [f"translations/{path}" for path in write_translation(root / "translations", resource.key, document)]
    folder, write = {
        resources.WORKFLOW: ("workflows", write_workflow),
        resources.EMAIL_LAYOUT: ("layouts", write_layout),
        resources.PARTIAL: ("partials", write_partial),
        resources.GUIDE: ("guides", write_guide),
        resources.AUDIENCE: ("audiences", write_audience),
    }[resource.kind]
    return [f"{folder}/{resource.key}/{path}" for path in write(root / folder / resource.key, document)]


def _annotated(resource: resources.Resource, environment: str) -> dict[str, Any]:
    """What was not pushed from files gets what the Knock CLI adds: the facts of the server, and the schema for editors."""
    document = dict(resource.content)
    if SOURCES in document or resource.kind == resources.TRANSLATION:
        return document
    facts: dict[str, Any] = {"environment": environment, "key": resource.key}
    if resource.kind in (resources.WORKFLOW, resources.GUIDE):
        facts |= {"active": resource.active, "valid": True}
    own = {name: value for name, value in document.items() if name not in READ_ONLY}
    return {**own, "__readonly": facts, "$schema": _SCHEMAS[resource.kind]}


def set_workflow_active(environment: UUID, key: str, active: bool) -> None:
    """Starts or stops a workflow: triggers are refused while it is inactive, and its paused runs end when they wake."""
    with configuration() as tx:
        if not resources.set_active(tx, environment, resources.WORKFLOW, key, active):
            raise NotFound(f"There is no workflow `{key}`")
