"""The log of API requests (contract: semantics §22): handed to Redis after the answer, written by the timer process.

A request never waits for it, and the API's process does no more than hand it over. What cannot be kept is not logged, and
counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json
from redis import RedisError

from notify_workers.api_log_masks import masked_query, shown, storable
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.redis_client import client
from notify_workers.settings import settings
from notify_workers.store import api_log as rows
from notify_workers.store.api_log import Filter, Logged
from notify_workers.store.session import statement, transaction

log = logging.getLogger(__name__)

WAITING = "doorbell:api-log"
"""Redis list: requests that are not in the database yet, the oldest first."""

INTERVAL = 0.25
"""Seconds between two times that a process hands over what it has."""

TOGETHER = 200
"""Requests in one statement at most."""

MOST_WRITES = 5
"""Statements of one turn of the timer process, which has other things to do."""

OVERHEAD = 1024
"""Bytes that a waiting request counts, besides its bodies."""

PATIENCE = 5.0
"""Seconds in which what waits is still handed over when the process ends."""

DAY = 86_400.0

FORGOTTEN_AT_ONCE = 5000
MOST_CHUNKS = 20
"""How many times as many are forgotten in one look."""


PACKED = (
    *("id", "came", "method", "path", "query", "operation", "status", "duration_ms", "request", "response"),
    *("user_agent", "environment_id", "key_id", "user_id"),
)
"""What a request that waits consists of, in that order; bodies are texts. The names are those of its row."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer as they were. A body that is None was too large to keep.

    `came` is in seconds since 1970, UTC.
    """

    request_id: str
    came: float
    method: str
    path: str
    query: str
    operation: str | None
    status: int
    duration_ms: float
    request: bytes | None
    response: bytes | None
    user_agent: str
    environment_id: UUID | None = None
    key_id: UUID | None = None
    user_id: str | None = None

    @property
    def size(self) -> int:
        return OVERHEAD + len(self.request or b"") + len(self.response or b"")

    def packed(self) -> bytes:
        """As it waits in Redis."""
        return to_json(
            (
                self.request_id,
                self.came,
                self.method,
                _text(self.path),
                self.query,
                self.operation,
                self.status,
                round(self.duration_ms, 3),
                _body(self.request),
                _body(self.response),
                self.user_agent,
                self.environment_id,
                self.key_id,
                _text(self.user_id) if self.user_id else None,
            )
        )


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()


def _body(body: bytes | None) -> str | None:
    return None if body is None else body.decode(errors="replace")


class Writer:
    """What one process has to log. `put` is for one thread; it takes a microsecond and never waits."""

    def __init__(self) -> None:
        self.lost = 0
        self._waiting: deque[Exchange] = deque()
        self._bytes_in = self._bytes_out = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api-log", daemon=True)
        self._thread.start()

    def put(self, exchange: Exchange) -> None:
        size = exchange.size
        if self._bytes_in - self._bytes_out + size > settings().api_log_queue:
            self.lost += 1
            return
        self._bytes_in += size
        self._waiting.append(exchange)

    def close(self) -> None:
        """Hands over what waits, if that can be done in time."""
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        told = 0
        while not self._stopping.wait(INTERVAL):
            self._hand_over()
            if self.lost > told:
                log.warning("%d requests were not logged: the API log is behind", self.lost - told)
                told = self.lost
        self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting:
            chunk = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
            try:
                self.lost += _queue(chunk)
            except RedisError:
                self._waiting.extendleft(reversed(chunk))
                return
            except Exception as error:
                self.lost += len(chunk)
                log.warning("requests could not be logged: %s", kind_and_place(error))
            self._bytes_out += sum(each.size for each in chunk)


def _queue(chunk: Sequence[Exchange]) -> int:
    """Appends to what waits, which is bounded: the oldest go. How many went."""
    most = settings().api_log_waiting
    waiting = int(client().rpush(WAITING, *(each.packed() for each in chunk)))
    if waiting <= most:
        return 0
    client().ltrim(WAITING, -most, -1)
    return waiting - most


def drain() -> int:
    """Writes some of what waits. How many requests it took.

    Raises `StoreUnavailable` or `redis.RedisError`; what was taken waits again.
    """
    taken = 0
    for _ in range(MOST_WRITES):
        chunk: list[bytes] = client().lpop(WAITING, TOGETHER) or []  # type: ignore[assignment]
        if not chunk:
            break
        try:
            _write([_row(each) for each in chunk])
        except StoreUnavailable:
            client().lpush(WAITING, *reversed(chunk))
            raise
        except Exception as error:
            lost = len(chunk) - _write_singly(chunk)
            log.warning("%d requests could not be logged: %s", lost, kind_and_place(error))
        taken += len(chunk)
    return taken


def _write(records: list[dict[str, Any]]) -> None:
    with statement() as tx:
        rows.add(tx, records)


def _write_singly(chunk: Sequence[bytes]) -> int:
    """How many could be written."""
    written = 0
    for each in chunk:
        try:
            _write([_row(each)])
            written += 1
        except Exception as error:
            log.info("a request could not be logged: %s", type(error).__name__)
    return written


def _row(packed: bytes) -> dict[str, Any]:
    given = dict(zip(PACKED, from_json(packed), strict=True))
    answer = shown(given["response"])
    made = answer.get("workflow_run_id") or answer.get("result_id") if isinstance(answer, dict) else None
    return {
        **given,
        "path": storable(given["path"]),
        "query": storable(masked_query(given["query"])),
        "request": shown(given["request"]),
        "response": answer,
        "workflow_run_id": made if given["method"] == "POST" and isinstance(made, str) else None,
        "user_agent": storable(given["user_agent"]) or None,
        "age": max(0.0, time.time() - given["came"]),
    }


def find(wanted: Filter, limit: int) -> list[Logged]:
    """Logged requests, newest first."""
    with transaction() as tx:
        return rows.find(tx, wanted, limit)


def forget_old() -> int:
    """Removes what is older than the setting allows, in chunks; the next look goes on. How many."""
    removed = 0
    for _ in range(MOST_CHUNKS):
        with transaction() as tx:
            chunk = rows.forget_old(tx, settings().api_log_retention * DAY, FORGOTTEN_AT_ONCE)
        removed += chunk
        if chunk < FORGOTTEN_AT_ONCE:
            break
    return removed


def as_json(logged: Logged) -> str:
    """One request on one line."""
    return to_json(logged).decode()
