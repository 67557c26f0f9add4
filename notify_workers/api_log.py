"""The log of API requests (contract: semantics §22): written by a thread of its own, after the answer.

A request never waits for it. What it cannot write in time is not logged, and counted.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from pydantic_core import from_json, to_json

from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.settings import settings
from notify_workers.store import api_log as rows
from notify_workers.store.api_log import Filter, Logged
from notify_workers.store.session import statement, transaction

log = logging.getLogger(__name__)

INTERVAL = 0.25
"""Seconds between two writes."""

TOGETHER = 200
"""Requests in one statement at most."""

IN_ONE_GO = 8
"""Requests that are made rows of before the event loop may go on."""

LONGEST_KNOWN_NAME = 64
"""Characters of a field's name from which it is not remembered whether it names a secret."""

OVERHEAD = 1024
"""Bytes that a waiting request counts, besides its bodies."""

LONGEST = 2048
"""Characters of a path or a query that are kept."""

PATIENCE = 5.0
"""Seconds in which what waits is still written when the process ends."""

DAY = 86_400.0

FORGOTTEN_AT_ONCE = 5000
MOST_CHUNKS = 20
"""How many times as many are forgotten in one look."""

MASKED = "[MASKED]"
TRUNCATED = "[TRUNCATED]"
NOT_JSON = "[NOT JSON]"

_SECRET_NAME = re.compile(
    r"pass(word|phrase|wd|code)|secret|token|authorization|credential|cookie|(api|private|signing|access)[-_]?key"
    r"|incoming_webhook|signed_url",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(r"^((?i:bearer )|sk_|knock_st_|-----BEGIN)|(?<![\w-])eyJ[\w-]+\.eyJ|/(p|unsubscribe)/WyI")
"""What begins like a secret, and what has a JWT or a link to one of our own pages in it: who has the link needs nothing else."""

_NUL = re.compile(rb"\\u0000|[eE]\+?\d{3}|(?<!\d)\d{300}")
"""What a body has somewhere that PostgreSQL cannot hold. Ids may look so too."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer as they were. A body that is None was too large to keep.

    `came` is by `time.monotonic()`.
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
        """Writes what waits, if that can be done in time."""
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        told = 0
        while not self._stopping.wait(INTERVAL):
            self._write_all()
            if self.lost > told:
                log.warning("%d requests were not logged: the API log is behind", self.lost - told)
                told = self.lost
        self._write_all()

    def _write_all(self) -> None:
        while self._waiting:
            chunk = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]
            try:
                _write(_rows(chunk))
            except StoreUnavailable:
                self._waiting.extendleft(reversed(chunk))
                return
            except Exception as error:
                self.lost += len(chunk) - _write_singly(chunk)
                log.warning("requests could not be logged: %s", kind_and_place(error))
            self._bytes_out += sum(each.size for each in chunk)


def _write(records: list[dict[str, Any]]) -> None:
    with statement() as tx:
        rows.add(tx, records)


def _write_singly(chunk: list[Exchange]) -> int:
    """How many could be written."""
    written = 0
    for each in chunk:
        try:
            _write([_row(each)])
            written += 1
        except Exception as error:
            log.info("request %s could not be logged: %s", each.request_id, type(error).__name__)
    return written


def _rows(chunk: Sequence[Exchange]) -> list[dict[str, Any]]:
    made = []
    for place, each in enumerate(chunk):
        if place % IN_ONE_GO == 0:
            time.sleep(0)  # lets a request go first: this is CPU work beside the event loop
        made.append(_row(each))
    return made


def _row(exchange: Exchange) -> dict[str, Any]:
    response = _shown(exchange.response)
    made = response.get("workflow_run_id") or response.get("result_id") if isinstance(response, dict) else None
    return {
        "id": exchange.request_id,
        "environment_id": exchange.environment_id,
        "key_id": exchange.key_id,
        "user_id": exchange.user_id,
        "method": exchange.method,
        "path": _storable(exchange.path),
        "query": _storable(_masked_query(exchange.query)),
        "operation": exchange.operation,
        "status": exchange.status,
        "duration_ms": round(exchange.duration_ms, 3),
        "request": _shown(exchange.request),
        "response": response,
        "workflow_run_id": made if exchange.method == "POST" and isinstance(made, str) else None,
        "user_agent": _storable(exchange.user_agent) or None,
        "age": time.monotonic() - exchange.came,
    }


def _storable(text: str) -> str:
    clean = text.replace("\0", "%00").encode(errors="replace").decode()
    return clean if len(clean) <= LONGEST else clean[:LONGEST] + TRUNCATED


def _shown(body: bytes | None) -> Any:
    """A body as it is logged: without its secrets; None when there is none."""
    if body == b"":
        return None
    if body is None:
        return TRUNCATED
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return NOT_JSON
    return NOT_JSON if _NUL.search(body) and not _is_storable(value) else masked(value)


def _is_storable(value: Any) -> bool:
    """PostgreSQL holds neither NUL characters nor numbers that were read as infinite."""
    match value:
        case dict():
            return all("\0" not in name and _is_storable(each) for name, each in value.items())
        case list():
            return all(map(_is_storable, value))
        case str():
            return "\0" not in value
        case float():
            return isfinite(value)
    return True


def masked(value: Any) -> Any:
    """The value with its secrets masked, which are told by their names and their looks."""
    if isinstance(value, dict):
        return {name: MASKED if _names_secret(name) and each else masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return MASKED if isinstance(value, str) and _SECRET_TEXT.search(value) else value


def _names_secret(name: str) -> bool:
    """Most bodies have the same few names, and looking for all the words costs more than the rest of a row."""
    return _known_name(name) if len(name) <= LONGEST_KNOWN_NAME else _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=4096)
def _known_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _masked_query(query: str) -> str:
    return "&".join(_masked_parameter(each) for each in query.split("&"))


def _masked_parameter(written: str) -> str:
    name, separator, value = written.partition("=")
    secret = _SECRET_NAME.search(unquote(name)) or _SECRET_TEXT.search(unquote(value))
    return f"{name}{separator}{MASKED}" if secret and value else written


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
