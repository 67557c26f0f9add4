"""The engine's clock, which the development stack may move. All due decisions read it."""

from __future__ import annotations

from datetime import datetime

from notify_workers.errors import InvalidParams
from notify_workers.store import session
from notify_workers.store.session import sql, transaction

FURTHEST = 100 * 366 * 86_400
"""Seconds that the clock moves at once; PostgreSQL's calendar ends."""

_ADVANCE = sql("update clock set offset_seconds = offset_seconds + :seconds")


def advance(seconds: float) -> datetime:
    """Moves the clock forward. The engine's new time (aware, UTC)."""
    if not 0 <= seconds <= FURTHEST:
        raise InvalidParams(
            "The clock only goes forward, and not for ever",
            errors=[{"field": "seconds", "message": f"must be between 0 and {FURTHEST}", "type": "number"}],
        )
    with transaction() as tx:
        tx.run(_ADVANCE, seconds=seconds)
    return now()


def now() -> datetime:
    with transaction() as tx:
        moment: datetime = session.now(tx)
    return moment
