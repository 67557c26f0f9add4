"""Feeds while much happens at once: whoever follows one knows all of it in the end; a server that stops keeps nobody waiting."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api_shim.realtime import PATH
from doorbell.embedded import free_port
from notify_workers import feeds, statuses
from notify_workers.ids import channel_id
from notify_workers.settings import Settings
from notify_workers.store import feed_changes
from notify_workers.store.feed_changes import Feed
from notify_workers.store.feed_filters import FeedFilter
from notify_workers.store.feeds import counted, kept_counts
from notify_workers.store.session import transaction
from tests import channels
from tests.answers import eventually
from tests.api_shim.test_realtime import ChangeSettings
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine
from tests.sockets import OK, connected

CHANNEL = channel_id("in-app-feed")
JANE, JOE = (Feed(DEVELOPMENT, CHANNEL, each) for each in ("jane", "joe"))


@pytest.fixture(autouse=True)
def workflows(engine: Engine, change_settings: ChangeSettings) -> None:
    change_settings(feed_interval=0.05)
    engine.publish("welcome", [channels.step("in_app_feed")])


def arrive(engine: Engine, user: str = "jane", count: int = 1) -> None:
    for _ in range(count):
        engine.trigger("welcome", [user])
    engine.drain()


class Follower:
    """Reads what has changed in a feed, a few changes at a time. `known` is which items it has, and whether they are archived."""

    def __init__(self, feed: Feed) -> None:
        self.feed, self.sequence = feed, 0
        self.known: dict[str, bool] = {}

    def read(self) -> bool:
        """Whether there was anything."""
        feeds.settle([self.feed], wait=False)
        with transaction() as tx:
            news = feeds.news(tx, {self.feed: self.sequence}, 3).get(self.feed)
        if news is None:
            return False
        for each in news.entries:
            self.known[each.message_id] = each.archived
            if each.gone:
                del self.known[each.message_id]
        self.sequence = news.sequence
        return True


def mark(known: Sequence[str], seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        with transaction() as tx:
            some, action = chance.sample(known, 3), chance.choice(["archived", "unarchived", "seen", "unseen"])
            statuses.act(tx, DEVELOPMENT, some, action)


def move(known: Sequence[str], seed: int) -> None:
    """From one feed to the other and back, as merges do."""
    chance = random.Random(seed)
    for _ in range(25):
        with transaction() as tx:
            whom = text("update messages set recipient_id = :whom where id = :id")
            tx.run(whom, whom=chance.choice(["jane", "joe"]), id=chance.choice(known))


def repeat(times: int, do: Callable[[], object]) -> None:
    for _ in range(times):
        do()


def test_followers_know_everything_when_all_is_quiet_again(engine: Engine) -> None:
    for feed in (JANE, JOE):
        arrive(engine, feed.user_id, 6)
    known = [row.id for row in engine.rows("select id from messages order by id")]
    followers = [Follower(feed) for feed in (JANE, JOE, JANE, JOE)]
    with ThreadPoolExecutor(10) as pool:
        work = [pool.submit(each, known, seed) for each in (mark, move) for seed in (1, 2)]
        work += [pool.submit(repeat, 15, feeds.settle_noted) for _ in range(2)]
        work += [pool.submit(repeat, 25, each.read) for each in followers]
        for each in work:
            each.result()
    for follower in followers:
        while follower.read():
            pass
        of_user = f"from messages where recipient_id = '{follower.feed.user_id}'"
        rows = engine.rows(f"select id, archived_at is not null as archived {of_user}")
        assert follower.known == {row.id: row.archived for row in rows}


def test_counts_are_true_after_all_that(engine: Engine) -> None:
    arrive(engine, count=6)
    known = [row.id for row in engine.rows("select id from messages order by id")]
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(each, known, seed) for each in (mark, move) for seed in (1, 2)]
        for each in work:
            each.result()
    with transaction() as tx:
        for state in feed_changes.states(tx, [JANE, JOE]).values():
            for archived in ("exclude", "include", "only"):
                wanted = FeedFilter(archived=archived)
                kept = kept_counts(tx, [state.id])[state.id]
                assert wanted.sum(kept) == counted(tx, DEVELOPMENT, state.id, wanted)


def test_pages_have_everything_once_while_items_arrive(api: CheckedClient, engine: Engine) -> None:
    address = f"/v1/users/jane/feeds/{CHANNEL}?page_size=2"
    arrive(engine, count=7)
    page = api.get(address).json()
    head, older = page["entries"][0]["__cursor"], page["entries"]
    while page["page_info"]["after"]:
        arrive(engine)
        page = api.get(f"{address}&after={page['page_info']['after']}").json()
        older += page["entries"]
    newer: list[str] = []
    for busy in (True, True, False, False, False):
        entries = api.get(f"{address}&before={head}").json()["entries"]
        newer += [each["id"] for each in entries]
        head = entries[0]["__cursor"] if entries else head
        if busy:
            arrive(engine)
    seen = [*newer, *(each["id"] for each in older)]
    assert sorted(seen) == [row.id for row in engine.rows("select id from messages order by id")]
    assert len(older) == 7


@pytest.mark.parametrize("user", ["Ж中 😀", "a:b::", "%2F/..", "x" * 1000])
def test_a_feed_is_told_whatever_its_user_is_called(api: CheckedClient, engine: Engine, user: str) -> None:
    with connected(api) as client:
        assert client.join(f"feeds:{CHANNEL}:{user}", payload={"client_a": {}}) == OK
        arrive(engine, user)
        assert client.hear()[4]["metadata"]["total_count"] == 1


@contextmanager
def served(stores: Settings) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The API as it is served in production, in a process of its own."""
    port = free_port()
    told = {"DATABASE_URL": stores.database, "REDIS_URL": stores.redis, "DEVELOPMENT": "on", "PORT": str(port)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOORBELL_")}
    environment = {**inherited, **{f"DOORBELL_{name}": value for name, value in told.items()}}
    with subprocess.Popen([sys.executable, "-m", "doorbell", "serve"], env=environment) as process:
        try:
            eventually(lambda: process.poll() is not None or _answers(port))
            yield process, port
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def test_a_server_that_is_told_to_stop_ends_streams_and_sockets(engine: Engine, stores: Settings) -> None:
    with served(stores) as (process, port), httpx2.Client(trust_env=False, headers=PUBLIC, timeout=30) as http:
        stream = f"http://127.0.0.1:{port}/v1/users/jane/feeds/{CHANNEL}/stream"
        socket = f"ws://127.0.0.1:{port}{PATH}?api_key=pk_test_doorbell&vsn=2.0.0"
        with http.stream("GET", stream) as answer, connect(socket, proxy=None) as client:
            blocks = answer.iter_lines()
            assert next(blocks) == "retry: 2000"
            client.send(json.dumps(["1", "1", f"feeds:{CHANNEL}:jane", "phx_join", {"client_a": {}}]))
            assert json.loads(client.recv())[3] == "phx_reply"
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            list(blocks)  # ends as it should: a stream that is cut off raises
            with pytest.raises(ConnectionClosed) as closed:
                client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        process.wait(30)
        assert time.monotonic() - told < 9, "the server waited for somebody, until it gave up after ten seconds"
