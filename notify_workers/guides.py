"""The door to guides: who may see which, and in which order they show (contract: semantics §19).

Eligibility is worked out when it is asked for. What a user has done with a step is what they have done with its message, so
that marking the message marks the guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from notify_workers.catalog import EnvironmentCatalog, catalog
from notify_workers.contexts import entity_as_wire
from notify_workers.errors import InvalidParams, NotFound
from notify_workers.ids import channel_id, guide_id
from notify_workers.resources import configuration
from notify_workers.store import guides as rows
from notify_workers.store import resources
from notify_workers.store.guides import DEFAULT_GROUP, Engagement, GroupRow, GuideRow
from notify_workers.store.recipients import get_recipient
from notify_workers.store.session import Transaction, now
from workflows.branding import branding
from workflows.errors import TemplateError
from workflows.evaluation import Facts
from workflows.guides import (
    CHANNEL_TYPE,
    MESSAGES,
    Guide,
    GuideStep,
    Reason,
    build_guide,
    display_sequence,
    ineligible,
    rendered,
)
from workflows.liquid.environment import compile_template
from workflows.liquid.lookups import LOOKUP_LIMIT, EntityNeeded
from workflows.recipients import TENANTS, Reference, entity
from workflows.scope import Scope

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, and what the application says of the moment. `is_forced` shows them every guide, for trying things out."""

    environment_id: UUID
    channel_id: UUID
    user: Reference
    tenant: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class SeenGuide:
    """A guide as one viewer has it. `contents` and `engagements` are in the order of its steps; `reason` None: eligible."""

    id: UUID
    guide: Guide
    row: GuideRow
    channel_id: UUID
    contents: Sequence[Mapping[str, Any]]
    engagements: Sequence[Engagement | None]
    reason: Reason | None
    message: str


@dataclass(frozen=True, slots=True)
class Group:
    """`sequence` names every guide of the environment; `unthrottled` those that show whatever was closed a moment ago."""

    row: GroupRow
    sequence: Sequence[str]
    unthrottled: Sequence[str]

    @property
    def throttled(self) -> list[str]:
        return [key for key in self.sequence if key not in self.unthrottled]


@dataclass(frozen=True, slots=True)
class View:
    """`display_logs`: by group, when the viewer last closed a guide for which others wait."""

    guides: Sequence[SeenGuide]
    groups: Sequence[Group]
    display_logs: Mapping[str, datetime]


def view(tx: Transaction, viewer: Viewer) -> View:
    """Every guide of a channel for one viewer, in the order in which they show, eligible or not.

    Raises `NotFound` when there is no such channel of guides.
    """
    environment = catalog(resources.catalog_number(tx)).environment(tx, viewer.environment_id)
    channel = environment.channels_by_id.get(viewer.channel_id)
    if channel is None or channel.type != CHANNEL_TYPE:
        raise NotFound(f"There is no channel of guides with the id `{viewer.channel_id}`")
    known = [(row, build_guide(row.key, row.content)) for row in rows.guides(tx, viewer.environment_id)]
    groups = _groups(tx, viewer.environment_id, known)
    engagements = rows.engagements(tx, viewer.environment_id, viewer.user)
    of_channel = {row.key: (row, guide) for row, guide in known if guide.channel_key == channel.key}
    looking = _looking(tx, viewer, environment, [guide for _, guide in of_channel.values()])
    ordered = [key for key in _sequence(groups, known) if key in of_channel]
    return View(
        guides=[_seen(looking, *of_channel[key], engagements) for key in ordered],
        groups=groups,
        display_logs=_display_logs(engagements),
    )


def _groups(tx: Transaction, environment: UUID, known: Sequence[tuple[GuideRow, Guide]]) -> list[Group]:
    keys = [row.key for row, _ in known]
    bypassing = {guide.key for _, guide in known if guide.bypasses_group_limit}
    made = []
    for row in rows.groups(tx, environment):
        sequence = display_sequence(row.display_sequence, keys)
        made.append(Group(row, sequence, [key for key in sequence if key in bypassing]))
    return made


def _sequence(groups: Sequence[Group], known: Sequence[tuple[GuideRow, Guide]]) -> Sequence[str]:
    return groups[0].sequence if groups else [row.key for row, _ in known]


def _display_logs(engagements: Sequence[Engagement]) -> dict[str, datetime]:
    times = [each.throttled_at for each in engagements if each.throttled_at is not None]
    return {DEFAULT_GROUP: max(times)} if times else {}


@dataclass(frozen=True, slots=True)
class _Looking:
    """What one viewer's guides are judged by."""

    tx: Transaction
    viewer: Viewer
    environment: EnvironmentCatalog
    scope: Scope
    now: datetime
    audiences: frozenset[str]

    def render(self, source: str) -> str:
        template = compile_template(source, name="guide", resources=self.environment.resources)
        return template.render({**self.scope.variables, "now": self.now.isoformat()})

    def facts(self, salt: str) -> Facts:
        return Facts(self.scope.lookup, self.now, audiences=self.audiences, render=self.render, salt=salt)

    def content(self, step: GuideStep) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self.looked_up(lambda: rendered(step.values, self.render))
        return shown

    def looked_up(self, make: Callable[[], T]) -> T:
        """What `make` returns once every entity is there that its templates ask for. Raises `TemplateError`."""
        for _ in range(LOOKUP_LIMIT):
            try:
                return make()
            except EntityNeeded as needed:
                found = self._find(needed)
                self.scope.entities[needed.kind, needed.collection, needed.id] = found
        raise TemplateError(f"more than {LOOKUP_LIMIT} entities are looked up", name="guide")

    def _find(self, needed: EntityNeeded) -> Any:
        if needed.kind == "subscriptions":
            return []
        reference = Reference(needed.collection, needed.id)
        found = get_recipient(self.tx, self.viewer.environment_id, reference)
        return entity_as_wire(reference, found.properties, found.updated_at) if found else None


def _looking(tx: Transaction, viewer: Viewer, environment: EnvironmentCatalog, guides: Sequence[Guide]) -> _Looking:
    of = viewer.environment_id
    user = get_recipient(tx, of, viewer.user)
    tenant = get_recipient(tx, of, Reference(TENANTS, viewer.tenant)) if viewer.tenant else None
    known = {**(tenant.properties if tenant else {}), "id": viewer.tenant} if viewer.tenant else None
    variables = {**environment.variables, "branding": branding(environment.variables, known)}
    audiences = frozenset(key for guide in guides for key in guide.audiences)
    return _Looking(
        tx=tx,
        viewer=viewer,
        environment=environment,
        scope=Scope(
            data=viewer.data,
            recipient=entity(viewer.user, user.properties if user else None),
            tenant=known,
            vars=variables,
        ),
        now=now(tx),
        audiences=rows.audiences_of(tx, of, viewer.user, audiences) if audiences else frozenset(),
    )


def _seen(looking: _Looking, row: GuideRow, guide: Guide, engagements: Sequence[Engagement]) -> SeenGuide:
    own = _own(guide, looking.viewer.tenant, engagements)
    contents: list[Mapping[str, Any]]
    try:
        facts = looking.facts(guide.key)
        reason = looking.looked_up(
            lambda: ineligible(guide, facts, is_active=row.is_active, is_archived=_is_archived(own))
        )
        contents = [looking.content(step) for step in guide.steps]
        message = MESSAGES[reason] if reason else ""
    except TemplateError as error:
        contents = [step.values for step in guide.steps]
        reason, message = "target_conditions_not_met", f"The guide cannot be rendered: {error}"
    return SeenGuide(
        id=guide_id(looking.viewer.environment_id, guide.key),
        guide=guide,
        row=row,
        channel_id=looking.viewer.channel_id,
        contents=contents,
        engagements=own,
        reason=reason,
        message=message,
    )


def _own(guide: Guide, tenant: str | None, engagements: Sequence[Engagement]) -> list[Engagement | None]:
    counted = tenant_of(guide, tenant)
    found = {each.step_ref: each for each in engagements if each.guide_key == guide.key and each.tenant == counted}
    return [found.get(step.ref) for step in guide.steps]


def tenant_of(guide: Guide, tenant: str | None) -> str:
    """The tenant that what a user does with a guide counts for; empty: for all."""
    return tenant or "" if guide.is_per_tenant else ""


def _is_archived(own: Sequence[Engagement | None]) -> bool:
    """Every step is, or one that ended the guide."""
    archived = [each for each in own if each is not None and each.archived_at is not None]
    return len(archived) == len(own) or any(each.is_final for each in archived)


# What has changed


@dataclass(frozen=True, slots=True)
class State:
    """What an environment's guides and groups were at a time, comparable: by key what tells one state from another.

    A guide's comes with the id of its channel.
    """

    guides: Mapping[str, tuple[UUID, tuple[Any, ...]]]
    groups: Mapping[str, tuple[Any, ...]]


def state(tx: Transaction, environment: UUID) -> State:
    known = [(row, build_guide(row.key, row.content)) for row in rows.guides(tx, environment)]
    return State(
        guides={
            row.key: (channel_id(guide.channel_key), (row.version_id, row.is_active, row.updated_at))
            for row, guide in known
        },
        groups={
            group.row.key: (tuple(group.sequence), tuple(group.unthrottled), group.row.display_interval)
            for group in _groups(tx, environment, known)
        },
    )


def find_guide(tx: Transaction, environment: UUID, key: str) -> tuple[GuideRow, Guide]:
    """Raises `NotFound`, also for an archived one."""
    row = rows.get_guide(tx, environment, key)
    if row is None:
        raise NotFound(f"There is no guide `{key}`")
    return row, build_guide(key, row.content)


# What is set beside their versions


def listed(tx: Transaction, environment: UUID) -> list[tuple[Guide, GuideRow]]:
    """An environment's guides in the order in which they show."""
    known = [(row, build_guide(row.key, row.content)) for row in rows.guides(tx, environment)]
    by_key = {row.key: (guide, row) for row, guide in known}
    return [by_key[key] for key in _sequence(_groups(tx, environment, known), known)]


def set_active(
    environment: UUID, key: str, active: bool, start: datetime | None = None, until: datetime | None = None
) -> None:
    """Shows a guide, perhaps only from `start` until `until` (aware), or hides it. Raises `NotFound`."""
    if start and until and until <= start:
        raise wrong("until", "must be later than from")
    with configuration() as tx:
        find_guide(tx, environment, key)
        resources.set_active(tx, environment, resources.GUIDE, key, active)
        rows.schedule(tx, environment, key, start, until)


def archive(environment: UUID, key: str) -> None:
    """Takes a guide away; publishing it again brings it back. Raises `NotFound`."""
    with configuration() as tx:
        find_guide(tx, environment, key)
        rows.archive(tx, environment, key)


def set_order(environment: UUID, keys: Sequence[str]) -> None:
    """The order in which guides show; those that it does not name follow, the oldest first. Raises `NotFound`."""
    with configuration() as tx:
        for key in keys:
            find_guide(tx, environment, key)
        rows.add_group(tx, environment, DEFAULT_GROUP)
        rows.set_sequence(tx, environment, DEFAULT_GROUP, list(dict.fromkeys(keys)))


def set_interval(environment: UUID, seconds: int | None) -> None:
    """How long guides wait after somebody has closed one; None: not at all."""
    with configuration() as tx:
        rows.add_group(tx, environment, DEFAULT_GROUP)
        rows.set_interval(tx, environment, DEFAULT_GROUP, seconds)


def wrong(name: str, message: str) -> InvalidParams:
    return InvalidParams(f"{name} {message}", errors=[{"field": name, "message": message, "type": "value_error"}])
