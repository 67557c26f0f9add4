"""Deleting what a deleted recipient has left behind, a chunk in a transaction.

A purge begins at once and looks a last time ten minutes later, for what a transaction that was under way when the recipient
was deleted has written after it.
"""

from __future__ import annotations

from datetime import timedelta

from notify_workers.settings import settings
from notify_workers.store import due, purges, subjects
from notify_workers.store.purges import KIND, LAST_LOOK, Purge
from notify_workers.store.session import Transaction, transaction
from notify_workers.store.subjects import SubjectClaim

EARLY = 0.05
"""Seconds before its time at which a purge may go on."""


def run(due_id: int) -> None:
    """Does the next chunk, and rings for the one after it."""
    with transaction() as tx:
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
    if purges.purge_chunk(tx, purge, settings().purge_chunk):
        subjects.move(tx, KIND, claim)
    elif purges.is_anything_left(tx, purge):
        subjects.move(tx, KIND, claim, at=claim.now + timedelta(seconds=settings().step_lease))
    elif claim.now + timedelta(seconds=EARLY) < purge.before + LAST_LOOK:
        subjects.move(tx, KIND, claim, at=purge.before + LAST_LOOK)
    else:
        purges.end(tx, purge)
        subjects.settle(tx, KIND, claim.subject)
