"""The lifeline: finds what should have moved and did not, and rings again.

What PostgreSQL owes is rung again by the timer process, whose every publication moves the row on by a lease. What is left
for the lifeline is what PostgreSQL does not know yet: triggers that Redis holds and no worker has accepted. It also forgets
windows that have ended and that nothing refers to.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from notify_workers import api_log, pending, queue
from notify_workers.settings import settings
from notify_workers.store import batches, bulk_operations, feed_changes, sources, throttles, triggers, webhooks
from notify_workers.store.session import transaction

log = logging.getLogger(__name__)

ORPHAN_AGE = timedelta(days=1)
FORGOTTEN_AT_ONCE = 1000
"""Windows of a kind; the next look goes on."""


def look() -> int:
    """Rings for overdue triggers and forgets payloads that no trigger claims. How many triggers it rang for."""
    overdue = pending.overdue(settings().accept_lease, settings().timer_chunk) if _quiet() else []
    if overdue:
        log.warning("lifeline: %d triggers were not accepted in time and are rung again", len(overdue))
    queue.ring(pending.accept_bells(overdue))
    _forget_orphans()
    _forget_windows()
    api_log.forget_old()
    _forget_bulk_operations()
    _forget_source_events()
    _forget_webhook_deliveries()
    _forget_feed_items()
    return len(overdue)


def _forget_orphans() -> None:
    """Large payloads whose trigger never reached Redis: the request that brought them was answered with an error."""
    with transaction() as tx:
        old = triggers.old_payloads(tx, ORPHAN_AGE)
        claimed = {each.trigger_id for each in pending.load(old)}
        triggers.forget_payloads(tx, [each for each in old if each not in claimed])


def _forget_windows() -> None:
    """Batch windows that a leading run opened and nobody followed, and those of throttles."""
    with transaction() as tx:
        batches.forget_unfollowed(tx, FORGOTTEN_AT_ONCE)
        throttles.forget_closed(tx, FORGOTTEN_AT_ONCE)


def _forget_bulk_operations() -> None:
    with transaction() as tx:
        bulk_operations.forget_old(tx, settings().bulk_days * 86_400, FORGOTTEN_AT_ONCE)


def _forget_webhook_deliveries() -> None:
    with transaction() as tx:
        webhooks.forget_old(tx, settings().webhook_days * 86_400, FORGOTTEN_AT_ONCE)


def _forget_feed_items() -> None:
    with transaction() as tx:
        feed_changes.forget_gone(tx, settings().feed_memory, FORGOTTEN_AT_ONCE)


def _forget_source_events() -> None:
    with transaction() as tx:
        sources.forget_old(tx, settings().source_days * 86_400, FORGOTTEN_AT_ONCE)


def _quiet() -> bool:
    """While bells wait in the queue, what looks overdue is only waiting its turn."""
    return queue.length(queue.ACCEPT) < settings().queue_bound
