"""Topics `guides:<channel>`: clients hear at once when a guide or the order of guides changes (contract: feed-protocol §8).

A change of configuration is told by Redis, and looked for now and then besides. What has changed is then worked out for each
member: whether they may see it is theirs alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from api_shim import changes
from api_shim.bodies import check, unstorable
from api_shim.errors import problem
from api_shim.realtime import Member
from api_shim.schemas.guides import Guide, GuideGroup, GuidesJoin
from notify_workers import guides
from notify_workers.errors import NotFound, StoreUnavailable, kind_and_place
from notify_workers.guides import State, View, Viewer
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Reference

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Members whose guides are worked out at the same time: requests need database connections too."""


class GuideTopics:
    """Members of this process, each with who is looking, and what each environment's guides were when that was last told."""

    def __init__(self) -> None:
        self._viewers: dict[Member, Viewer] = {}
        self._told: dict[UUID, State] = {}

    async def join(self, member: Member, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        viewer = _viewer(member, payload)
        state = await run_in_threadpool(_first_look, viewer)
        self._told.setdefault(viewer.environment_id, state)
        self._viewers[member] = viewer
        return {}

    def leave(self, member: Member) -> None:
        gone = self._viewers.pop(member, None)
        if gone is not None and all(each.environment_id != gone.environment_id for each in self._viewers.values()):
            self._told.pop(gone.environment_id, None)

    async def follow(self) -> None:
        await changes.follow(self.look, "guides")

    async def look(self) -> None:
        """Tells members what has changed since the last time. What could not be told is told again at the next look."""
        for environment, before in list(self._told.items()):
            after = await run_in_threadpool(_state, environment)
            if after == before:
                continue
            gate = asyncio.Semaphore(AT_ONCE)
            members = [each for each, viewer in self._viewers.items() if viewer.environment_id == environment]
            await asyncio.gather(*(self._tell(gate, member, before, after) for member in members))
            if environment in self._told:
                self._told[environment] = after

    async def _tell(self, gate: asyncio.Semaphore, member: Member, before: State, after: State) -> None:
        async with gate:
            viewer = self._viewers.get(member)
            if viewer is None:
                return
            try:
                told = await run_in_threadpool(_news, viewer, before, after)
            except StoreUnavailable:
                raise
            except Exception as error:
                log.error("a change of guides could not be told: %s", kind_and_place(error))
                return
        if member in self._viewers:
            for event, data in told:
                member.push(event, {"topic": member.topic, "event": event, "data": data})


def _viewer(member: Member, payload: Mapping[str, Any]) -> Viewer:
    """Raises 422 for what no client sends, 404 for a channel that is none, 403 for somebody else's guides."""
    for path in unstorable(dict(payload)):
        raise problem(path or "payload", "must not contain NUL characters or numbers beyond 1.8e308")
    wanted = check(GuidesJoin, payload)
    user = Reference(USERS, wanted.user_id)
    member.caller.require("user/guide_read", user, wanted.tenant)
    try:
        channel = UUID(member.rest)
    except ValueError:
        raise NotFound("There is no such channel of guides") from None
    return Viewer(
        environment_id=member.caller.environment_id,
        channel_id=channel,
        user=user,
        tenant=wanted.tenant,
        data=wanted.data or {},
        is_forced=bool(wanted.force_all_guides),
    )


def _first_look(viewer: Viewer) -> State:
    with transaction() as tx:
        guides.view(tx, viewer)
        return guides.state(tx, viewer.environment_id)


def _state(environment: UUID) -> State:
    with transaction() as tx:
        return guides.state(tx, environment)


def _news(viewer: Viewer, before: State, after: State) -> list[tuple[str, dict[str, Any]]]:
    with transaction() as tx:
        view = guides.view(tx, viewer)
    return [*_of_guides(viewer, view, before, after), *_of_groups(view, before, after)]


def _of_guides(viewer: Viewer, view: View, before: State, after: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """An added guide is told of only to those who may see it; an update with `eligible` false takes one away."""
    shown = {each.guide.key for each in view.guides}
    for seen in view.guides:
        key = seen.guide.key
        eligible = viewer.is_forced or seen.reason is None
        if before.guides.get(key) == after.guides.get(key):
            continue
        if key in before.guides:
            yield "guide.updated", {"guide": _shown(Guide.of(seen)), "eligible": eligible}
        elif eligible:
            yield "guide.added", {"guide": _shown(Guide.of(seen)), "eligible": True}
    for key, (channel, _) in before.guides.items():
        if channel == viewer.channel_id and key not in shown:
            yield "guide.removed", {"guide": {"key": key}}


def _of_groups(view: View, before: State, after: State) -> Iterator[tuple[str, dict[str, Any]]]:
    for group in view.groups:
        key = group.row.key
        if before.groups.get(key) != after.groups.get(key):
            event = "guide_group.updated" if key in before.groups else "guide_group.added"
            yield event, {"guide_group": _shown(GuideGroup.of(group))}


def _shown(answer: Guide | GuideGroup) -> dict[str, Any]:
    return answer.model_dump(mode="json")
