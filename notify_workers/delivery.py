"""Delivering a message: intent, provider, outcome (hop 6). The provider is never called inside a transaction.

A send starts when its intent is committed. The revocation token is read after that, so a cancellation that was answered
before the provider is called is never passed over. A crash between the intent and its outcome leaves an attempt that
nobody can know the result of: it is marked `unknown`, and the channel's `on_unknown` decides (docs/delivery.md).
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any, assert_never

from notify_workers import cancellations, exchanges, feeds
from notify_workers.cancellations import CancellationKey
from notify_workers.catalog import catalog
from notify_workers.errors import DoorbellError
from notify_workers.ids import ksuid
from notify_workers.providers import (
    Bounced,
    Delivered,
    Provider,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    Unknown,
)
from notify_workers.settings import settings
from notify_workers.store import deliveries, due
from notify_workers.store.deliveries import DeliveryClaim, Settlement
from notify_workers.store.feed_changes import Feed
from notify_workers.store.session import statement
from workflows.recipients import USERS

EARLY = 0.05
"""Seconds before its time at which a delivery may start."""


def deliver(due_id: int) -> None:
    """Makes the attempt that a row owes. Does nothing when it is done or in hand; re-arms it when it is early."""
    with statement() as tx:
        claim = deliveries.claim_delivery(
            tx, due_id, attempt_id=ksuid(time.time()), lease=settings().delivery_lease, slack=EARLY
        )
        if claim is None:
            return
        if claim.seconds_early > EARLY and not claim.cancelled:
            due.rearm(tx, due_id)
            return
        provider = _provider(tx, claim)
    if claim.cancelled or _revoked(claim):
        _settle(
            claim, provider, _CANCELLED if claim.intended else replace(_CANCELLED, outcome="unknown", reason=_LOST), []
        )
    elif not claim.intended:
        _settle(claim, provider, _settlement(claim, provider, Unknown(_LOST)), [])
    else:
        outcome, exchanged = _send(claim, provider)
        _settle(claim, provider, _settlement(claim, provider, outcome), exchanged)


def _provider(tx: Any, claim: DeliveryClaim) -> Provider | DoorbellError:
    """The channel's provider, or why there is none; that is then the reason why the message is not delivered."""
    try:
        return catalog(claim.catalog_number).environment(tx, claim.environment_id).provider(claim.channel_id)
    except KeyError:
        return DoorbellError("the channel does not exist in this environment any more")
    except DoorbellError as error:
        return error


def _revoked(claim: DeliveryClaim) -> bool:
    if claim.cancellation_key is None:
        return False
    key = CancellationKey(claim.environment_id, claim.workflow_key, claim.cancellation_key)
    return cancellations.revoked(key, claim.recipient, claim.sequence) is not None


_LOST = "no outcome was recorded for this attempt"

_CANCELLED = Settlement(
    outcome="cancelled",
    reason="the run was cancelled before the provider was called",
    status="not_sent",
    event="message.not_sent",
    event_data={"reason": "cancelled"},
)


def _send(claim: DeliveryClaim, provider: Provider | DoorbellError) -> tuple[SendOutcome, list[dict[str, Any]]]:
    if isinstance(provider, DoorbellError):
        return Refused(provider.message), []
    return exchanges.send(provider, claim.content, claim.message_id)


def _settlement(claim: DeliveryClaim, provider: Provider | DoorbellError, outcome: SendOutcome) -> Settlement:
    """What an outcome means for the message (contract: semantics §12)."""
    match outcome:
        case Sent(external_id, metadata):
            return Settlement("sent", "", "sent", "message.sent", metadata={**metadata, **_external(external_id)})
        case Delivered(external_id, metadata):
            kept = {**metadata, **_external(external_id)}
            return Settlement("delivered", "", "delivered", "message.delivered", metadata=kept)
        case Bounced(reason):
            return Settlement("bounced", reason, "bounced", "message.bounced", _failure("bounced", reason))
        case Refused(reason):
            return Settlement("refused", reason, "undelivered", "message.undelivered", _failure("fatal_error", reason))
        case Retry(reason, after):
            return _again(claim, "retry", reason, after)
        case Unknown(reason):
            again = _again(claim, "unknown", reason, None if claim.intended else 0.0)
            held = replace(again, retry_after=None, event_data={**(again.event_data or {}), "retryable": False})
            return again if _policy(provider, claim) == "retry" else held
        case _:
            assert_never(outcome)


def _external(external_id: str | None) -> dict[str, str]:
    return {"external_id": external_id} if external_id else {}


def _failure(reason: str, details: str) -> dict[str, Any]:
    return {"failure_reason": reason, "failure_details": details}


def _policy(provider: Provider | DoorbellError, claim: DeliveryClaim) -> str:
    """`retry` or `hold` for an attempt nobody knows the result of; a second SMS costs money, a second e-mail does not."""
    return str(getattr(provider, "on_unknown", "hold" if claim.channel_type == "sms" else "retry"))


def _again(claim: DeliveryClaim, outcome: str, reason: str, after: float | None) -> Settlement:
    attempts = settings().delivery_attempts
    if claim.attempt >= attempts:
        details = _failure("retries_exhausted", reason)
        return Settlement(outcome, reason, "undelivered", "message.undelivered", details)
    return Settlement(
        outcome,
        reason,
        "delivery_attempted",
        "message.delivery_attempted",
        {"attempt": claim.attempt, "max_attempts": attempts, "retryable": True, "reason": reason},
        retry_after=backoff(claim.attempt) if after is None else after,
    )


def backoff(attempt: int) -> float:
    """Seconds from attempt n to n + 1: doubling, so that all of them fill the window, give or take a quarter."""
    gaps = settings().delivery_attempts - 1
    first = settings().delivery_window / (2**gaps - 1)
    return float(first * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))


def _settle(
    claim: DeliveryClaim,
    provider: Provider | DoorbellError,
    to: Settlement,
    exchanged: list[dict[str, Any]],
) -> None:
    with statement() as tx:
        again = deliveries.settle_delivery(
            tx,
            claim,
            to,
            provider=provider.name if not isinstance(provider, DoorbellError) else "",
            exchanges=list(exchanged),
            event_id=ksuid(time.time()),
            horizon=settings().horizon,
            lease=settings().delivery_lease,
        )
        if again and to.retry_after is not None and due.within_horizon(to.retry_after):
            tx.ring(due.delivery_bell(claim.due_id, claim.message_id, claim.attempt + 1, to.retry_after))
    if to.accepted and claim.channel_type == "in_app_feed" and claim.recipient.collection == USERS:
        feeds.tell([Feed(claim.environment_id, claim.channel_id, claim.recipient.id)])
