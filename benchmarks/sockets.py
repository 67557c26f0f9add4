"""What sockets cost one API process, and how soon they tell: idle, under load, beside slow readers, and in a burst."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import local

from benchmarks.deliveries import Deliveries, paced
from benchmarks.feed_items import FEED, Items, make
from benchmarks.fixtures import DEVELOPMENT, number
from benchmarks.listeners import CHANGES, PLAIN, STREAM
from benchmarks.listening import Heard, Listening, latencies, latencies_of_items, listening, shown, written
from benchmarks.stack import Stack, resident_megabytes, stack, wait_for
from benchmarks.tables import Table
from notify_workers import feeds, resources
from notify_workers.store.session import sql, transaction

SOCKETS = 5_000
EARLIER = 4
"""Items that each feed has before."""

RATE, SECONDS = 200, 30.0
CALM = 20
SLOW, SLOW_LENGTH, CROWDED = 100, 20_000, 60.0
STREAMS, STREAM_RATE = 500, 50
QUIET = 10.0
"""Seconds without a frame after which none is waited for."""

BURST, BURST_PIECE = 10_000, 100
PAGES = (PLAIN, PLAIN, CHANGES)

LISTENERS = [f"listener-{each}" for each in range(SOCKETS)]
WORKFLOW = "bell"
STEPS = [
    {
        "ref": "in_app_1",
        "type": "channel",
        "channel_key": "in-app-feed",
        "template": {"markdown_body": "**{{ title }}** is due", "action_url": "/invoices/{{ n }}"},
    }
]
HEADERS = {"Authorization": "Bearer sk_test_doorbell", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Measured:
    running: Stack
    api: int
    table: Table

    def row(self, name: str, milliseconds: Sequence[float]) -> None:
        self.table.rows.append([name, *shown(milliseconds)])

    def note(self, text: str) -> None:
        self.table.notes.append(text)

    @property
    def megabytes(self) -> float:
        return resident_megabytes(self.api)


def measure() -> Table:
    table = Table(
        "Sockets and streams of feeds",
        ["milliseconds until a frame has it", "p50", "p99", "longest"],
        notes=[
            f"One API process, {SOCKETS:,} sockets in two client processes, each in the topic of a feed of its own."
        ],
    )
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    with stack() as running:
        _fill()
        with running.serving() as api:
            measured = Measured(running, api.pid, table)
            _warm_up(running)
            _sockets(measured)
            _streams(measured)
            _burst(measured)
    return table


def _fill() -> None:
    with resources.configuration() as tx:
        resources.publish_workflow(tx, DEVELOPMENT, WORKFLOW, {"name": "Bell", "steps": STEPS})
    with transaction() as tx:
        tx.run(sql("set local statement_timeout = 0"))
        make(tx, Items("listener", 1, SOCKETS * EARLIER, each=EARLIER))
    while feeds.settle_noted():
        pass
    with transaction() as tx:
        for name in ("triggers", "recipient_runs", "messages", "feeds", "feed_entries", "feed_counts", "feed_changes"):
            tx.run(sql(f"analyze {name}"))


def _warm_up(running: Stack) -> None:
    client = HTTPConnection("127.0.0.1", running.settings.port)
    for user in LISTENERS[:100]:
        client.request("GET", f"/v1/users/{user}/feeds/{FEED}", headers=HEADERS)
        client.getresponse().read()


def _sockets(measured: Measured) -> None:
    before = measured.megabytes
    half = SOCKETS // 2
    port = measured.running.settings.port
    with listening(port, PLAIN, LISTENERS[:half], LISTENERS[half:]) as processes:
        took = max(each.seconds for each in processes)
        joined = measured.megabytes
        measured.note(
            f"All had joined after {took:.0f} s ({SOCKETS / took:,.0f} a second). Resident memory of the API process:"
            f" {before:.0f} MB before, {joined:.0f} MB then, {(joined - before) * 1024 / SOCKETS:.1f} KB a socket."
        )
        _written(measured, processes)
        measured.note(f"After that load it was {measured.megabytes:.0f} MB.")
        _engine(measured, processes)
        _beside(measured, processes, is_deaf=False)
        _beside(measured, processes, is_deaf=True)


def _anybody() -> list[str]:
    return [random.choice(LISTENERS)]


def _heard(processes: Sequence[Listening]) -> list[Heard]:
    """All that was heard, until it is quiet."""
    heard: list[Heard] = []
    while True:
        time.sleep(QUIET)
        more = [each for process in processes for each in process.take()]
        if not more:
            return heard
        heard += more


def _written(measured: Measured, processes: Sequence[Listening]) -> None:
    """Rows that are delivered already: what the push costs without the engine."""
    deliveries = Deliveries()
    rate = deliveries.at_rate(RATE, SECONDS, _anybody)
    heard = _heard(processes)
    found = latencies(deliveries.committed, heard, written(LISTENERS), "message_id")
    measured.row(f"rows written, {rate:.0f} a second over {SECONDS:.0f} s: from the commit", found)


def _engine(measured: Measured, processes: Sequence[Listening]) -> None:
    """Triggers, through the whole engine: two workers and the timers on the same machine."""
    running = measured.running
    with ExitStack() as started:
        for kind in ("worker", "worker", "timers"):
            started.enter_context(running.process("doorbell", kind))
        Triggers(running.settings.port)()
        wait_for(lambda: _delivered() == 1, 120, "the first feed item")
        for per_second in (CALM, RATE):
            _triggers(measured, processes, per_second)


def _triggers(measured: Measured, processes: Sequence[Listening], per_second: float) -> None:
    before = _delivered()
    trigger = Triggers(measured.running.settings.port)
    begun = time.perf_counter()
    rate = paced(per_second, SECONDS, trigger, writers=8)
    wait_for(lambda: _delivered() == before + len(trigger.answered), 600, "all triggers being delivered")
    ran = len(trigger.answered) / (time.perf_counter() - begun)
    heard = _heard(processes)
    items = [each for each in written(LISTENERS) if each.trigger_id in trigger.answered]
    name = f"triggers, {rate:.0f} a second over {SECONDS:.0f} s"
    if ran < 0.9 * rate:
        name += f", of which the engine ran {ran:.0f} a second"
    measured.row(f"{name}: from the answer to the trigger", latencies(trigger.answered, heard, items, "trigger_id"))
    measured.row("the same: from the delivery", latencies(_deliveries(), heard, items, "message_id"))


def _delivered() -> int:
    return number(f"select count(*) from messages where workflow_key = '{WORKFLOW}' and status = 'delivered'")


def _deliveries() -> dict[str, float]:
    """When messages were delivered, by their ids."""
    with transaction() as tx:
        rows = tx.rows(_DELIVERED)
    return {row.message_id: float(row.at) for row in rows}


_DELIVERED = sql("select message_id, extract(epoch from at) as at from message_events where type = 'message.delivered'")


class Triggers:
    """Triggers for anybody; `answered` tells when each was answered, by its id."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._of_thread = local()
        self.answered: dict[str, float] = {}

    def __call__(self) -> None:
        client = getattr(self._of_thread, "client", None)
        if client is None:
            client = self._of_thread.client = HTTPConnection("127.0.0.1", self._port)
        body = json.dumps({"recipients": _anybody(), "data": {"title": "Invoice 7", "n": 7}})
        client.request("POST", f"/v1/workflows/{WORKFLOW}/trigger", body, HEADERS)
        answer = client.getresponse()
        read = answer.read()
        if answer.status != 200:
            raise AssertionError(f"a trigger was answered with {answer.status}: {read!r}")
        self.answered[json.loads(read)["workflow_run_id"]] = time.time()


def _beside(measured: Measured, processes: Sequence[Listening], *, is_deaf: bool) -> None:
    """The others' latency while one feed with large items has many followers, who read or never do."""
    port, api = measured.running.settings.port, measured.api
    descriptors, before = _descriptors(api), measured.megabytes
    with listening(port, CHANGES, ["crowded"] * SLOW, is_deaf=is_deaf) as crowd:
        large, others = Deliveries(), Deliveries()
        most = _at_once(measured, large, others, CROWDED)
        heard = _heard(processes)
        found = latencies(others.committed, heard, written(LISTENERS), "message_id")
        how = "that never read" if is_deaf else "that read"
        measured.row(f"rows written, 50 a second, beside {SLOW} followers of a feed {how}", found)
        if is_deaf:
            time.sleep(5)
            left = _descriptors(api) - descriptors
            codes = crowd[0].closed()
            measured.note(
                f"{SLOW} followers of a feed that gets five items of {SLOW_LENGTH // 1000} KB a second: the API process had"
                f" {before:.0f} MB before, {most:.0f} MB at most, {measured.megabytes:.0f} MB at the end; of those that never"
                f" read {left} descriptors were open after a minute. What they were closed with, as they found when they"
                f" read: {codes}."
            )


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _at_once(measured: Measured, large: Deliveries, others: Deliveries, seconds: float) -> float:
    """Writes five large items a second for the crowd, and 50 for others. The API process' most megabytes."""
    most = 0.0
    turn = 0

    def work() -> None:
        nonlocal most, turn
        turn += 1
        if turn % 11 == 0:
            most = max(most, measured.megabytes)
            large.deliver(["crowded"], SLOW_LENGTH)
        else:
            others.deliver(_anybody())

    paced(55, seconds, work)
    return most


def _streams(measured: Measured) -> None:
    before, port = measured.megabytes, measured.running.settings.port
    users = LISTENERS[:STREAMS]
    with listening(port, STREAM, users) as processes:
        joined = measured.megabytes
        deliveries = Deliveries()
        rate = deliveries.at_rate(STREAM_RATE, SECONDS, lambda: [random.choice(users)])
        found = latencies_of_items(deliveries.committed, _heard(processes))
    measured.row(f"{STREAMS} streams (SSE), {rate:.0f} rows a second: from the commit", found)
    measured.note(
        f"{STREAMS} streams had begun after {processes[0].seconds:.1f} s;"
        f" memory went from {before:.0f} to {joined:.0f} MB."
    )


def _burst(measured: Measured) -> None:
    """Pages of one user, and thousands of items as fast as they are written. One is there before: they know what is newer."""
    deliveries = Deliveries()
    deliveries.deliver(["burst"])
    port = str(measured.running.settings.port)
    command = [sys.executable, "-m", "benchmarks.browsers", port, "burst"]
    pages = [
        subprocess.Popen([*command, kind, str(BURST + (kind == PLAIN))], stdout=subprocess.PIPE, text=True)
        for kind in PAGES
    ]
    for page in pages:
        assert page.stdout
        page.stdout.readline()
    begun = time.time()
    for _ in range(BURST // BURST_PIECE):
        deliveries.deliver(["burst"] * BURST_PIECE)
    wrote = time.time() - begun
    measured.note(
        f"A burst of {BURST:,} items of one user, written in {wrote:.1f} s, in pages that show this user's feed:"
    )
    for kind, page in zip(PAGES, pages, strict=True):
        told = json.loads(page.communicate()[0])
        took = told["at"] - begun
        how = f"with {told['fetches']} fetches" if kind == PLAIN else "without a fetch (`doorbell_events`)"
        measured.note(
            f"one knew {told['known']:,} of them after {took:.1f} s, {how}; {told['frames']} frames,"
            f" {told['frames'] / took:.1f} a second, {told['bytes'] // 1024:,} KB."
        )
