"""Topics `feeds:<channel>:<user>`: browsers hear at once when something new is in a feed (contract: feed-protocol §6).

A client that comes back is told what it has missed: Redis remembers up to which number each instance of a feed was told.
With `doorbell_events=1` in the socket's address a client is told what has changed, with numbers (docs/feed.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from redis import RedisError
from starlette.concurrency import run_in_threadpool

from api_shim.bodies import check, unstorable
from api_shim.errors import problem
from api_shim.feed_access import check_channel, filter_of
from api_shim.feed_hub import FeedHub
from api_shim.feed_listeners import Badge, Follower, Listener
from api_shim.realtime import Member
from api_shim.schemas.feeds import FeedJoin
from notify_workers import feeds
from notify_workers.errors import NotFound
from notify_workers.redis_client import client
from notify_workers.settings import settings
from notify_workers.store import feed_changes
from notify_workers.store import feeds as rows
from notify_workers.store.feed_changes import Feed, FeedState
from notify_workers.store.feed_filters import FeedFilter
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Reference

log = logging.getLogger(__name__)

INSTANCE = "client_"
"""What the names of a feed's instances on a page begin with. A payload of other names is an old client's: its one filter."""

LONGEST_NAME = 64
"""Characters of such a name; clients make them of 28."""

MOUNTING = 10.0
"""Seconds between a page's first fetch and its joining in which something may have come that it has not seen."""

REMEMBERED_OFTEN = 10
"""How often memories are renewed in the time that they last."""


class FeedTopics:
    """Members of this process, each with what it listens to."""

    def __init__(self, hub: FeedHub) -> None:
        self._hub = hub
        self._listeners: dict[Member, Listener] = {}

    async def join(self, member: Member, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises 422 for what no client sends, 404 for a channel that is none, 403 for somebody else's feed."""
        for path in (*unstorable(dict(payload)), *unstorable(member.rest, "topic")):
            raise problem(path or "payload", "must not contain NUL characters or numbers beyond 1.8e308")
        feed = _feed(member)
        options = _options(payload)
        filters = {each: filter_of(member.caller, Reference(USERS, feed.user_id), of) for each, of in options.items()}
        await run_in_threadpool(_check, feed)
        listener = await self._hub.enter(feed, partial(_listener, member, feed, options, filters))
        self._listeners[member] = listener
        return {"sequence": listener.sequence} if isinstance(listener, Follower) else {}

    def leave(self, member: Member) -> None:
        listener = self._listeners.pop(member, None)
        if listener is not None:
            self._hub.leave(listener)

    async def follow(self) -> None:
        while True:
            await asyncio.sleep(settings().feed_memory / REMEMBERED_OFTEN)
            badges = [each for each in self._listeners.values() if isinstance(each, Badge)]
            told = [(badge.feed, name, badge.sequence) for badge in badges for name in badge.filters if name]
            await run_in_threadpool(_remember, told)


def _feed(member: Member) -> Feed:
    channel, _, user = member.rest.partition(":")
    try:
        return Feed(member.caller.environment_id, UUID(channel), user)
    except ValueError:
        raise NotFound("There is no such feed: the topic must be `feeds:<channel id>:<user id>`") from None


def _options(payload: Mapping[str, Any]) -> dict[str, FeedJoin]:
    """By the names of the instances; an old client's has none."""
    if payload and all(name.startswith(INSTANCE) for name in payload):
        if len(payload) > settings().feed_instances:
            raise problem("payload", f"must have at most {settings().feed_instances} instances of the feed")
        for name in payload:
            if len(name) > LONGEST_NAME:
                raise problem(name[:LONGEST_NAME], f"must be a name of at most {LONGEST_NAME} characters")
        return {name: check(FeedJoin, _object(name, of)) for name, of in payload.items()}
    return {"": check(FeedJoin, payload)}


def _object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise problem(name, "must be an object")
    return value


async def _listener(
    member: Member, feed: Feed, options: Mapping[str, FeedJoin], filters: Mapping[str, FeedFilter]
) -> Listener:
    if member.socket.wants_changes:
        name, wanted = next(iter(options.items()))
        return Follower(
            feed=feed,
            push=member.push,
            sequence=await run_in_threadpool(_sequence, feed) if wanted.after is None else wanted.after,
            wanted=filters[name],
            mode=wanted.mode,
            reference=name,
            is_idle=lambda: member.is_idle,
        )
    sizes = {name: of.page_size for name, of in options.items()}
    sequence, owed = await run_in_threadpool(_known, feed, list(options))
    return Badge(feed=feed, push=member.push, sequence=sequence, owed=owed, filters=filters, sizes=sizes)


def _check(feed: Feed) -> None:
    with transaction() as tx:
        check_channel(tx, feed.environment_id, feed.channel_id)


def _sequence(feed: Feed) -> int:
    feeds.settle([feed])
    with transaction() as tx:
        state = feed_changes.states(tx, [feed]).get(feed)
    return state.sequence if state else 0


def _known(feed: Feed, names: Sequence[str]) -> tuple[int, dict[str, int]]:
    """The number up to which a page knows its feed, and what is to be told it in any case: an old client cannot say who it is."""
    feeds.settle([feed])
    with transaction() as tx:
        state = feed_changes.states(tx, [feed]).get(feed, FeedState(0, 0))
        now = rows.sequence_before(tx, state.id, state.sequence, MOUNTING, settings().socket_queue)
    if "" in names:
        return now, {"": 1} if state.sequence else {}
    try:
        before = [int(each) for each in client().mget([_memory(feed, name) for name in names]) if each is not None]
    except RedisError:
        return now, dict.fromkeys(names, 1)
    known = min([now, *before])
    _remember([(feed, name, known) for name in names])  # until it was told of more
    return known, {}


def _remember(told: Sequence[tuple[Feed, str, int]]) -> None:
    """Up to which number pages were told. A client that Redis does not know hears of what it has missed with the next item."""
    try:
        pipeline = client().pipeline(transaction=False)
        for feed, name, sequence in told:
            pipeline.set(_memory(feed, name), sequence, ex=max(1, int(settings().feed_memory)))
        pipeline.execute()
    except RedisError as error:
        log.warning("what pages were told is not remembered: %s", error)


def _memory(feed: Feed, name: str) -> str:
    return f"doorbell:feed-told:{feed.environment_id}:{feed.channel_id}:{feed.user_id}:{name}"
