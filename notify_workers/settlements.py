"""What an attempt's outcome means for the message (contract: semantics §12)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, assert_never

from notify_workers.providers import Bounced, Delivered, Refused, Retry, SendOutcome, Sent, Unknown
from notify_workers.routing import Choice
from notify_workers.settings import settings
from notify_workers.store.deliveries import DeliveryClaim, Settlement

LOST = "no outcome was recorded for this attempt"

CANCELLED = Settlement(
    outcome="cancelled",
    reason="the run was cancelled before the provider was called",
    status="not_sent",
    event="message.not_sent",
    event_data={"reason": "cancelled"},
)


def settlement(claim: DeliveryClaim, choice: Choice, policy: str, outcome: SendOutcome) -> Settlement:
    """`policy` is what becomes of an attempt whose result nobody knows: `retry` or `hold`."""
    match outcome:
        case Sent(external_id, metadata):
            return Settlement("sent", "", "sent", "message.sent", metadata={**metadata, **_external(external_id)})
        case Delivered(external_id, metadata):
            kept = {**metadata, **_external(external_id)}
            return Settlement("delivered", "", "delivered", "message.delivered", metadata=kept)
        case Bounced(reason, is_gone):
            return _bounced(claim, reason, is_gone=is_gone)
        case Refused(reason):
            return _refused(claim, choice, reason)
        case Retry(reason, after):
            return _again(claim, choice, "retry", reason, 0.0 if choice.others else after)
        case Unknown(reason):
            again = _again(claim, choice, "unknown", reason, None if claim.intended else 0.0)
            held = replace(again, retry_after=None, event_data={**(again.event_data or {}), "retryable": False})
            return again if policy == "retry" else held
        case _:
            assert_never(outcome)


def _bounced(claim: DeliveryClaim, reason: str, *, is_gone: bool) -> Settlement:
    """The event names the push token (contract: semantics §12), which is dead when the vendor says that it is one no more."""
    told = _failure("bounced", reason)
    token = claim.content.get("token") if claim.channel_type == "push" else None
    if not isinstance(token, str):
        return Settlement("bounced", reason, "bounced", "message.bounced", told)
    dead = token if is_gone else None
    return Settlement("bounced", reason, "bounced", "message.bounced", {**told, "token": token}, dead_token=dead)


def _refused(claim: DeliveryClaim, choice: Choice, reason: str) -> Settlement:
    """The last word, unless another provider may still take it, now or later."""
    if choice.others:
        return _again(claim, choice, "refused", reason, 0.0)
    if any(each.outcome == "retry" and each.position != choice.route.position for each in claim.tried):
        return _again(claim, choice, "refused", reason, None)
    return Settlement("refused", reason, "undelivered", "message.undelivered", _failure("fatal_error", reason))


def _external(external_id: str | None) -> dict[str, str]:
    return {"external_id": external_id} if external_id else {}


def _failure(reason: str, details: str) -> dict[str, Any]:
    return {"failure_reason": reason, "failure_details": details}


def _again(claim: DeliveryClaim, choice: Choice, outcome: str, reason: str, after: float | None) -> Settlement:
    """Rounds are counted: one asks every provider of the channel once."""
    most = settings().delivery_attempts
    if choice.round >= most and not choice.others:
        details = _failure("retries_exhausted", reason)
        return Settlement(outcome, reason, "undelivered", "message.undelivered", details)
    return Settlement(
        outcome,
        reason,
        "delivery_attempted",
        "message.delivery_attempted",
        {"attempt": claim.attempt, "max_attempts": most, "retryable": True, "reason": reason},
        retry_after=backoff(choice.round) if after is None else after,
    )


def backoff(attempt: int) -> float:
    """Seconds from attempt n to n + 1: doubling, so that all of them fill the window, give or take a quarter."""
    gaps = settings().delivery_attempts - 1
    first = settings().delivery_window / (2**gaps - 1)
    return float(first * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))
