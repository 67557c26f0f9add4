"""Audiences: published, given members, and evaluated over everybody when what they say has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from notify_workers.errors import InvalidParams, NotFound
from notify_workers.recipients import write_each
from notify_workers.settings import settings
from notify_workers.store import audiences as members
from notify_workers.store import bulk_operations, dynamic_audiences, resources
from notify_workers.store.audiences import Member
from notify_workers.store.session import Transaction
from workflows.audiences import parse_audience
from workflows.recipients import identity

EVALUATE = "audiences.evaluate"


def publish(tx: Transaction, environment: UUID, key: str, document: Mapping[str, Any]) -> UUID | None:
    """Makes an audience's document its current version. None when it is the current one already.

    A dynamic one is then evaluated over all users, by a bulk operation. Raises `DocumentInvalid` with every problem.
    """
    audience = parse_audience(key, document)
    sha = sha256(to_json({name: document[name] for name in sorted(document)})).hexdigest()
    known = resources.get_resource(tx, environment, resources.AUDIENCE, key)
    if known is not None and known.sha == sha:
        return None
    version = resources.publish(tx, environment, resources.AUDIENCE, key, document, sha)
    if audience.type == "dynamic":
        dynamic_audiences.keep_only_users(tx, environment, key)
        _owe_evaluation(tx, environment, key)
    return version


_FACTS = frozenset({"key", "environment", "sha", "created_at", "updated_at", "$schema", "__readonly"})


def _owe_evaluation(tx: Transaction, environment: UUID, key: str) -> None:
    ends = [*dynamic_audiences.bounds(tx, environment, settings().fan_out_chunk), None]
    starts = ["", *(end for end in ends if end is not None)]
    pieces = [{"after": after, "until": until} for after, until in zip(starts, ends, strict=True)]
    bulk_operations.owe(tx, environment, EVALUATE, [{"wait": True}, *pieces], {"key": key})


def evaluate(tx: Transaction, environment: UUID, context: Mapping[str, Any], item: Mapping[str, Any]) -> None:
    """A piece of the users enters or leaves an audience, as it says now. The first item waits for transactions that began
    before it was published."""
    if item.get("wait"):
        dynamic_audiences.await_writers(tx)
        return
    users = dynamic_audiences.users_between(tx, environment, item["after"], item["until"])
    said = [each for each in dynamic_audiences.dynamic_audiences(tx, [environment]) if each[1] == context["key"]]
    dynamic_audiences.judge(tx, users, said)


def name_of(context: Mapping[str, Any], _: Any) -> tuple[None, str]:
    return None, str(context["key"])


def add(
    tx: Transaction,
    environment: UUID,
    key: str,
    wanted: Sequence[tuple[Mapping[str, Any], str | None]],
    *,
    create: bool,
) -> None:
    """Adds users (inline, identified) to a static audience, each in a tenant or in none; who is in it already stays.

    `create` makes an audience that does not exist. Raises `NotFound` without it, and `InvalidParams` for a dynamic one.
    """
    known = _static(tx, environment, key)
    if known is None and create:
        publish(tx, environment, key, {"name": key, "type": "static"})
    elif known is None and not members.any_member(tx, environment, key):
        raise NotFound(f"There is no audience `{key}`")
    write_each(tx, environment, [identity(user) for user, _ in wanted], "members")
    members.add(tx, environment, key, _members(wanted))


def remove(
    tx: Transaction, environment: UUID, key: str, wanted: Sequence[tuple[Mapping[str, Any], str | None]]
) -> None:
    """Takes users out of a static audience, each of the tenant that is named with them.

    Raises `NotFound`, and `InvalidParams` for a dynamic audience.
    """
    if _static(tx, environment, key) is None and not members.any_member(tx, environment, key):
        raise NotFound(f"There is no audience `{key}`")
    members.remove(tx, environment, key, _members(wanted))


def exists(tx: Transaction, environment: UUID, key: str) -> bool:
    """Whether an audience was published, or has got members from workflows."""
    known = resources.get_resource(tx, environment, resources.AUDIENCE, key)
    return known is not None or members.any_member(tx, environment, key)


def _members(wanted: Sequence[tuple[Mapping[str, Any], str | None]]) -> list[Member]:
    return list(dict.fromkeys(Member(user["id"], tenant or "") for user, tenant in wanted))


def _static(tx: Transaction, environment: UUID, key: str) -> resources.Resource | None:
    """The audience, None when nobody published it. Raises `InvalidParams` for a dynamic one."""
    known = resources.get_resource(tx, environment, resources.AUDIENCE, key)
    if known is not None and known.content["type"] == "dynamic":
        message = "is a dynamic audience: its conditions say who is in it"
        raise InvalidParams(
            f"`{key}` {message}", errors=[{"field": "key", "message": message, "type": "dynamic_audience"}]
        )
    return known
