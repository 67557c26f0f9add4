"""Delivering a message: intent, provider, outcome (hop 6). The provider is never called inside a transaction.

A send starts when its intent is committed. The revocation token is read after that, so a cancellation that was answered
before the provider is called is never passed over. A crash between the intent and its outcome leaves an attempt that
nobody can know the result of: it is marked `unknown`, and the channel's `on_unknown` decides (docs/delivery.md).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from notify_workers import breakers, cancellations, connections, dead_tokens, exchanges, feeds, rates, withholding
from notify_workers.cancellations import CancellationKey
from notify_workers.catalog import catalog
from notify_workers.errors import DoorbellError
from notify_workers.ids import ksuid
from notify_workers.providers import (
    Connection,
    Provider,
    Refused,
    Retry,
    SendOutcome,
    Unknown,
)
from notify_workers.routing import Route, choose
from notify_workers.settings import settings
from notify_workers.settlements import CANCELLED, LOST, settlement
from notify_workers.store import deliveries, due
from notify_workers.store.deliveries import DeliveryClaim, Settlement
from notify_workers.store.feed_changes import Feed
from notify_workers.store.session import Transaction, statement
from notify_workers.vault import VaultLocked
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
        providers = _providers(tx, claim)
        choice = choose(list(providers), claim.message_id, claim.tried, partial(_is_closed, claim))
        provider = providers[choice.route]
        connection = _connection(tx, claim)
        withheld = withholding.objection_to(tx, claim)
        if claim.intended and len(providers) > 1:
            deliveries.note_route(tx, claim, choice.route.position)
    if claim.cancelled or _revoked(claim):
        _settle(
            claim, provider, CANCELLED if claim.intended else replace(CANCELLED, outcome="unknown", reason=LOST), []
        )
    elif not claim.intended:
        _settle(claim, provider, settlement(claim, choice, _policy(provider, claim), Unknown(LOST)), [])
    elif withheld:
        _settle(claim, provider, withholding.settlement_of(withheld), [])
    elif wait := _wait(claim, choice.route):
        _defer(claim, wait)
    else:
        outcome, exchanged = _send(claim, provider, connection)
        _tell_breaker(claim, choice.route, outcome, alone=len(providers) == 1)
        _settle(claim, provider, settlement(claim, choice, _policy(provider, claim), outcome), exchanged)


Providers = Mapping[Route, Provider | DoorbellError]


def _providers(tx: Any, claim: DeliveryClaim) -> Providers:
    """The channel's providers, each or why it cannot be asked; that is then the reason why the message is not delivered."""
    known = catalog(claim.catalog_number).environment(tx, claim.environment_id)
    try:
        return known.providers(claim.channel_id, claim.tenant or "")
    except KeyError:
        return {Route(0): DoorbellError("the channel does not exist in this environment any more")}


def _name(claim: DeliveryClaim, route: Route) -> str:
    """Of a route in Redis. Tenants that have routes of their own share nothing with the others."""
    return f"{claim.environment_id}:{claim.channel_id}:{route.tenant}:{route.position}"


def _is_closed(claim: DeliveryClaim, route: Route) -> bool:
    return breakers.is_closed(_name(claim, route))


def _tell_breaker(claim: DeliveryClaim, route: Route, outcome: SendOutcome, *, alone: bool) -> None:
    """A provider without another one in its place is asked in any case. A refusal says nothing about the next message."""
    if not alone and not isinstance(outcome, Refused):
        breakers.tell(_name(claim, route), failed=isinstance(outcome, Retry | Unknown))


def _wait(claim: DeliveryClaim, route: Route) -> float:
    """Seconds until the provider takes another message; 0: now."""
    return rates.take(_name(claim, route), route.rate) if route.rate else 0.0


def _defer(claim: DeliveryClaim, seconds: float) -> None:
    with statement() as tx:
        horizon, lease = settings().horizon, settings().delivery_lease
        if deliveries.defer(tx, claim, seconds, horizon=horizon, lease=lease) and due.within_horizon(seconds):
            tx.ring(due.delivery_bell(claim.due_id, claim.message_id, claim.attempt, seconds))


def _connection(tx: Any, claim: DeliveryClaim) -> Connection | None:
    if claim.channel_type != "chat":
        return Connection()
    return connections.connection_of(tx, claim.message_id, claim.content.get("connection") or {})


def _revoked(claim: DeliveryClaim) -> bool:
    if claim.cancellation_key is None:
        return False
    key = CancellationKey(claim.environment_id, claim.workflow_key, claim.cancellation_key)
    return cancellations.revoked(key, claim.recipient, claim.sequence) is not None


def _send(
    claim: DeliveryClaim, provider: Provider | DoorbellError, connection: Connection | None
) -> tuple[SendOutcome, list[dict[str, Any]]]:
    if isinstance(provider, VaultLocked):
        return Retry(provider.message), []
    if isinstance(provider, DoorbellError):
        return Refused(provider.message), []
    return exchanges.send(provider, claim.content, claim.message_id, connection)


def _policy(provider: Provider | DoorbellError, claim: DeliveryClaim) -> str:
    """`retry` or `hold` for an attempt nobody knows the result of; a second SMS costs money, a second e-mail does not."""
    repeats = getattr(provider, "recognises_repeats", False)
    return str(getattr(provider, "on_unknown", "hold" if claim.channel_type == "sms" and not repeats else "retry"))


def _settle(
    claim: DeliveryClaim,
    provider: Provider | DoorbellError,
    to: Settlement,
    exchanged: list[dict[str, Any]],
) -> None:
    def write(tx: Transaction, told: Settlement) -> None:
        again = deliveries.settle_delivery(
            tx,
            claim,
            told,
            provider=provider.name if not isinstance(provider, DoorbellError) else "",
            exchanges=list(exchanged),
            event_id=ksuid(time.time()),
            horizon=settings().horizon,
            lease=settings().delivery_lease,
        )
        if again and to.retry_after is not None and due.within_horizon(to.retry_after):
            tx.ring(due.delivery_bell(claim.due_id, claim.message_id, claim.attempt + 1, to.retry_after))

    dead_tokens.settling(claim, provider, to, write)
    if to.accepted and claim.channel_type == "in_app_feed" and claim.recipient.collection == USERS:
        feeds.tell([Feed(claim.environment_id, claim.channel_id, claim.recipient.id)])
