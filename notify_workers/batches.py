"""Batch windows: opened, joined and closed by one atomic script in Redis, with the rows that decide behind it.

Redis tells at once which window is open for a key, so that runs which arrive together agree on one. Whatever it has
forgotten, or says of a window that no row knows, is corrected by the rows: at most one window of a key is open, each run
is in it once, and only the transaction that closes it says what it contained. Redis may be flushed or away at any time.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from redis import RedisError

from notify_workers import cancellations
from notify_workers.redis_client import client
from notify_workers.store import batches as rows
from notify_workers.store import cancellations as cancellation_rows
from notify_workers.store.batches import NewWindow, Window
from notify_workers.store.runs import StepClaim
from notify_workers.store.session import Transaction
from workflows.effects import CloseBatch, Closed, JoinBatch, Joined, Open

log = logging.getLogger(__name__)

EARLY = timedelta(seconds=0.05)
KEEP = 600_000
"""Milliseconds that Redis keeps a window beyond its end."""

WINDOW = """
-- KEYS[1]: the key's open window. ARGV: what to do, a window's id, milliseconds to keep it, and for `adopt` nothing more.
-- `join`   the id of the open window; the one offered when there is none, which is then open.
-- `adopt`  the window offered is the open one, whatever was known.
-- `close`  that window is open no more; another one is left alone.
local known = redis.call('GET', KEYS[1])
if ARGV[1] == 'close' then
    if known == ARGV[2] then redis.call('DEL', KEYS[1]) end
    return known
end
if ARGV[1] == 'adopt' or not known then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return ARGV[2]
end
if tonumber(ARGV[3]) > redis.call('PTTL', KEYS[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return known
"""


def join(tx: Transaction, claim: StepClaim, asked: JoinBatch) -> Joined:
    """Adds the run's activity to the open window, or opens one. A run that is repeated after a crash has joined nothing.

    Waits for a cancellation of the same key that is under way: either it finds the activity, or the run finds itself
    cancelled when it wants to commit.
    """
    if (cancellation := cancellations.key_of(claim)) is not None:
        cancellation_rows.lock_shared(tx, cancellation.lock)
    key, offered = window_key(claim, asked), uuid4()
    known = _known(key, offered, claim, asked)
    joined = _open(tx, claim, asked, key, offered) if known == str(offered) else None
    while joined is None:
        window = rows.lock_open_window(tx, key, claim.now)
        if window is None:
            joined = _open(tx, claim, asked, key, offered)
        elif window.is_over and window.carrier_run is None:
            rows.forget_window(tx, window.id)
        else:
            joined = _append(tx, claim, asked, window, key, known)
    if known is not None and joined.window_id == str(offered) != known:
        _script(key, "adopt", joined.window_id, _keep(joined.closes_at, claim))
    return joined


def window_key(claim: StepClaim, asked: JoinBatch) -> str:
    """What makes two runs belong together: environment, workflow, step, recipient, tenant and batch key; the version
    too when the step is pinned to one."""
    parts = (
        str(claim.environment_id),
        claim.workflow_key,
        claim.step,
        claim.recipient.collection,
        claim.recipient.id,
        claim.tenant or "",
        "" if asked.is_latest else str(claim.version_id),
        asked.key,
    )
    return sha256("\0".join(parts).encode()).hexdigest()


def _known(key: str, offered: UUID, claim: StepClaim, asked: JoinBatch) -> str | None:
    """The window that Redis knows to be open: the one offered, when it knew of none. None when Redis does not answer."""
    return _script(key, "join", str(offered), _keep(asked.closes_at, claim))


def _keep(closes_at: datetime, claim: StepClaim) -> int:
    return int((closes_at - claim.now).total_seconds() * 1000) + KEEP


def _script(key: str, what: str, window_id: str, keep: int) -> str | None:
    try:
        answer: bytes | None = client().eval(WINDOW, 1, f"doorbell:window:{{{key}}}", what, window_id, keep)
    except RedisError:
        log.warning("Redis does not answer; batch windows are kept by PostgreSQL alone")
        return None
    return answer.decode() if answer else None


def _open(tx: Transaction, claim: StepClaim, asked: JoinBatch, key: str, window_id: UUID) -> Joined | None:
    """None: somebody else's window is open."""
    window = NewWindow(
        id=window_id,
        key=key,
        environment_id=claim.environment_id,
        workflow_key=claim.workflow_key,
        step_ref=claim.step,
        carrier_run=None if asked.leads else claim.run_id,
        closes_at=asked.closes_at,
        latest_close=asked.latest_close,
        is_sliding=asked.is_sliding,
        max_items=asked.max_items,
    )
    if not rows.open_window(tx, window, claim.now):
        return None
    if asked.leads:
        return Joined("leader", str(window_id), asked.closes_at)
    rows.append(tx, window_id, claim.run_id, claim.step, data=claim.data, closes_at=asked.closes_at, now=claim.now)
    return Joined("carrier", str(window_id), asked.closes_at)


def _append(tx: Transaction, claim: StepClaim, asked: JoinBatch, window: Window, key: str, known: str | None) -> Joined:
    carries = window.carrier_run is None and rows.carry(tx, window.id, claim.run_id)
    closes_at, data = _slid(window, asked), claim.data if carries else None
    if full := rows.append(tx, window.id, claim.run_id, claim.step, data=data, closes_at=closes_at, now=claim.now):
        closes_at = claim.now
        _script(key, "close", str(window.id), 0)
    elif known not in (None, str(window.id)):
        _script(key, "adopt", str(window.id), _keep(closes_at, claim))
    if carries:
        return Joined("carrier", str(window.id), closes_at)
    if window.carrier_run is not None and (full or window.is_sliding):
        tx.ring(*rows.hurry(tx, window.carrier_run, closes_at, claim.now))
    return Joined("item", str(window.id), closes_at)


def _slid(window: Window, asked: JoinBatch) -> datetime:
    """When the window closes with one more activity: past its limit at once. The limit does not shorten its first time."""
    if not window.is_sliding:
        return window.closes_at
    return min(asked.closes_at, window.latest_close) if window.latest_close else asked.closes_at


def close(tx: Transaction, claim: StepClaim, asked: CloseBatch) -> Open | Closed:
    """Closes the window that the run carries, unless its time has moved on."""
    window_id = UUID(asked.window_id)
    closes_at = rows.lock_carried(tx, window_id)
    if closes_at is not None and closes_at > claim.now + EARLY:
        return Open(closes_at.astimezone(UTC))
    if sequence := _cancelled(claim):
        rows.leave(tx, window_id, claim.run_id, sequence)
    key = rows.close_window(tx, window_id, claim.now, limit=asked.render_limit, last=asked.order == "desc")
    _script(key, "close", asked.window_id, 0)
    closed = rows.closed_window(tx, window_id)
    return Closed(closed.total_activities, closed.total_actors, tuple(each.data for each in closed.activities))


def _cancelled(claim: StepClaim) -> int | None:
    """The sequence of a cancellation of the carrier's own activity whose rows are not written yet, or never will be: it came
    before the close, so it must not stop the run of all the others after it."""
    key = cancellations.key_of(claim)
    return cancellations.revoked(key, claim.recipient, claim.sequence) if key is not None else None


def closes_sooner(tx: Transaction, claim: StepClaim) -> bool:
    """Whether the window that the run carries closes before the time that its row says.

    So it is when whoever filled the window, or moved its end, found the row in hand.
    """
    if not claim.carries_batch or claim.memory is None:
        return False
    closes_at = rows.lock_carried(tx, UUID(claim.memory["window_id"]))
    return closes_at is None or closes_at + EARLY < claim.now + timedelta(seconds=claim.seconds_early)
