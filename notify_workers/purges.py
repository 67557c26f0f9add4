"""Deleting what a deleted recipient has left behind, a chunk in a transaction. Of somebody who was merged, what is new
enough is moved first, and only then is the rest deleted.

A purge begins at once and looks a last time ten minutes later, for what a transaction that was under way when the recipient
was deleted has written after it.
"""

from __future__ import annotations

from datetime import timedelta

from notify_workers.settings import settings
from notify_workers.store import due, merges, purges, subjects
from notify_workers.store.purges import KIND, LAST_LOOK, Purge
from notify_workers.store.session import Transaction, transact
from notify_workers.store.subjects import SubjectClaim

EARLY = 0.05
"""Seconds before its time at which a purge may go on."""

MOVED = 1
"""The cursor of a purge that has moved what it may: the next look begins with moving again."""


def run(due_id: int) -> None:
    """Does the next chunk, and rings for the one after it."""
    transact(lambda tx: _run(tx, due_id))


def _run(tx: Transaction, due_id: int) -> None:
    claim = subjects.claim(tx, KIND, due_id)
    if claim is None:
        return
    if claim.seconds_early > EARLY:
        due.rearm(tx, due_id)
        return
    purge = purges.get_purge(tx, claim.subject)
    if purge is None:
        subjects.settle(tx, KIND, claim.subject)
    else:
        _purge(tx, claim, purge)


def _purge(tx: Transaction, claim: SubjectClaim, purge: Purge) -> None:
    limit, is_moved = settings().purge_chunk, claim.cursor == MOVED
    if not is_moved and merges.move_chunk(tx, purge, settings().merge_window, limit):
        subjects.move(tx, KIND, claim)
    elif purges.purge_chunk(tx, purge, limit):
        subjects.move(tx, KIND, claim, cursor=MOVED)
    elif purges.is_anything_left(tx, purge):
        subjects.move(tx, KIND, claim, at=claim.now + timedelta(seconds=settings().step_lease))
    elif claim.now + timedelta(seconds=EARLY) < purge.before + LAST_LOOK:
        subjects.move(tx, KIND, claim, at=purge.before + LAST_LOOK)
    else:
        purges.end(tx, purge)
        subjects.settle(tx, KIND, claim.subject)
