"""What users do with guides: the first mark of a step makes its message, the others change it (contract: semantics §19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notify_workers.guides import find_guide, tenant_of, wrong
from notify_workers.ids import channel_id, guide_id
from notify_workers.store import guides as rows
from notify_workers.store.guides import NewMessage, Place
from notify_workers.store.session import Transaction
from workflows.content import GuideContent
from workflows.guides import CHANNEL_TYPE, Guide, GuideStep
from workflows.recipients import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMark:
    """Which step of which guide somebody marks, as their client names it."""

    environment_id: UUID
    user: Reference
    channel_id: UUID
    guide_id: UUID
    guide_key: str
    step_ref: str
    tenant: str | None = None


def mark_seen(tx: Transaction, mark: StepMark, content: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    _, _, message_id = _engaged(tx, mark, content, data)
    rows.show(tx, message_id, GuideContent(content).as_json(), data)
    rows.mark(tx, message_id, "seen")


def mark_interacted(tx: Transaction, mark: StepMark, metadata: Mapping[str, Any] | None) -> None:
    """Who interacts has read it, as the reference implementation's own client says too."""
    _, _, message_id = _engaged(tx, mark)
    rows.interact(tx, message_id, metadata)
    rows.mark(tx, message_id, "read")


def mark_archived(tx: Transaction, mark: StepMark, *, is_final: bool, is_unthrottled: bool) -> None:
    """Opens a window in which other guides wait, unless the guide or the request is exempt from it."""
    place, guide, message_id = _engaged(tx, mark)
    is_new = rows.mark(tx, message_id, "archived")
    throttles = is_new and not is_unthrottled and not guide.bypasses_group_limit
    rows.close(tx, place, mark.step_ref, is_final=is_final, throttles=throttles)


def unarchive(tx: Transaction, environment: UUID, user: Reference, guide_key: str, tenant: str | None) -> None:
    """Takes back that somebody has archived a guide. Raises `NotFound` for an unknown one."""
    rows.reopen(tx, _place(tx, environment, user, guide_key, tenant))


def reset(tx: Transaction, environment: UUID, user: Reference, guide_key: str, tenant: str | None) -> None:
    """As if somebody had never met a guide; messages stay. Raises `NotFound` for an unknown one."""
    rows.forget(tx, _place(tx, environment, user, guide_key, tenant))


def _place(tx: Transaction, environment: UUID, user: Reference, guide_key: str, tenant: str | None) -> Place:
    _, guide = find_guide(tx, environment, guide_key)
    return Place(environment, user, guide_key, tenant_of(guide, tenant))


def _engaged(
    tx: Transaction, mark: StepMark, content: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
) -> tuple[Place, Guide, str]:
    """The step's message, made if this is the first mark. Raises `NotFound` and `InvalidParams`."""
    row, guide = find_guide(tx, mark.environment_id, mark.guide_key)
    step = _step(mark, guide)
    place = Place(mark.environment_id, mark.user, guide.key, tenant_of(guide, mark.tenant))
    new = NewMessage(
        version_id=row.version_id,
        step_ref=step.ref,
        channel_id=mark.channel_id,
        channel_type=CHANNEL_TYPE,
        tenant=mark.tenant,
        content=GuideContent(step.values if content is None else content).as_json(),
        data=data or {},
    )
    return place, guide, rows.engage(tx, place, new)


def _step(mark: StepMark, guide: Guide) -> GuideStep:
    if mark.channel_id != channel_id(guide.channel_key):
        raise wrong("channel_id", f"is not the channel of guide `{guide.key}`")
    if mark.guide_id != guide_id(mark.environment_id, guide.key):
        raise wrong("guide_id", f"is not the id of guide `{guide.key}`")
    found = next((step for step in guide.steps if step.ref == mark.step_ref), None)
    if found is None:
        raise wrong("guide_step_ref", f"is not a step of guide `{guide.key}`")
    return found
