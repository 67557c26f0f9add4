"""Outbound webhooks: events told to other machines (contract: semantics §13).

What a webhook is owed is written by the database with what it tells of (migration 0009). A delivery is told at least once:
an intent is committed, the endpoint is asked outside of any transaction, then the outcome is committed. A crash in between
costs a lease and an attempt, and the endpoint may see the event again, by the same `webhook-id`.
"""

from __future__ import annotations

import random
import secrets
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from notify_workers import http_client, webhook_events
from notify_workers.errors import InvalidParams, NotFound
from notify_workers.providers import HttpReply, HttpRequest
from notify_workers.settings import settings
from notify_workers.signatures import SECRET_PREFIX, signature, standard_headers, standard_key
from notify_workers.store import due, subjects, webhooks
from notify_workers.store.session import Transaction, now, transaction
from notify_workers.store.subjects import SubjectClaim
from notify_workers.store.webhooks import Delivery, Intent, Webhook

KIND = "webhook"
EARLY = 0.05
"""Seconds before its time at which an attempt may start."""

GRACE = 10.0
"""Seconds that a worker has for the outcome, once the endpoint's time is over."""

LONGEST_URL = 2000
SECRET_BYTES = range(24, 65)
"""What Standard Webhooks asks of a secret."""

RESPONSE_KEPT = 2000
"""Characters of an answer that the log has."""

REPLAYED_AT_ONCE = 1000
"""Deliveries that one transaction owes again."""


# Doors


def add(
    environment: UUID, url: str, events: Sequence[str], *, secret: str | None = None, description: str = ""
) -> Webhook:
    """Makes a webhook for those events; without a secret it gets one. Raises `InvalidParams`."""
    chosen = secret or SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()
    _check(url=url, events=events, secret=chosen)
    with transaction() as tx:
        return webhooks.add(
            tx, environment, url=url, events=sorted(set(events)), secret=chosen, description=description
        )


def change(
    webhook: UUID,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    secret: str | None = None,
    enabled: bool | None = None,
    description: str | None = None,
) -> None:
    """Changes what is given, and ends a pause. Raises `InvalidParams`, or `NotFound`."""
    _check(url=url, events=events, secret=secret)
    with transaction() as tx:
        known = webhooks.change(
            tx,
            webhook,
            url=url,
            events=sorted(set(events)) if events is not None else None,
            secret=secret,
            enabled=enabled,
            description=description,
        )
    if not known:
        raise _missing(webhook)


def remove(webhook: UUID) -> None:
    """What it is owed is dropped. Raises `NotFound`."""
    with transaction() as tx:
        if not webhooks.remove(tx, webhook):
            raise _missing(webhook)


def replay(delivery: UUID) -> None:
    """Owes an event again, with attempts counted anew. Raises `NotFound`, or `InvalidParams` while it is owed."""
    with transaction() as tx:
        known = webhooks.hold_delivery(tx, delivery)
        if known is None:
            raise NotFound(f"There is no delivery `{delivery}`")
        if webhooks.get(tx, known.webhook_id) is None:
            raise _missing(known.webhook_id)
        if not webhooks.replay(tx, delivery):
            raise InvalidParams(f"The delivery `{delivery}` is owed already")


def replay_failed(webhook: UUID, since: datetime) -> int:
    """Owes every event again that failed and was raised since a time. How many they were. Raises `NotFound`."""
    with transaction() as tx:
        if webhooks.get(tx, webhook) is None:
            raise _missing(webhook)
    replayed = 0
    while True:
        with transaction() as tx:
            found = webhooks.replay_failed(tx, webhook, since, REPLAYED_AT_ONCE)
        replayed += found
        if found < REPLAYED_AT_ONCE:
            return replayed


def _missing(webhook: UUID) -> NotFound:
    return NotFound(f"There is no webhook `{webhook}`")


def _check(*, url: str | None, events: Sequence[str] | None, secret: str | None) -> None:
    problems: list[dict[str, str]] = []
    if url is not None and (wrong := _url_problem(url)):
        problems.append({"field": "url", "message": wrong, "type": "value_error"})
    if events is not None and (wrong := _events_problem(events)):
        problems.append({"field": "events", "message": wrong, "type": "value_error"})
    if secret is not None and (wrong := _secret_problem(secret)):
        problems.append({"field": "secret", "message": wrong, "type": "value_error"})
    if problems:
        raise InvalidParams("; ".join(f"{each['field']} {each['message']}" for each in problems), errors=problems)


def _url_problem(url: str) -> str:
    """A password would end in logs of proxies; the secret is for that."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is malformed"
    if len(url) > LONGEST_URL:
        return f"must have at most {LONGEST_URL} characters"
    if any(each.isspace() or not each.isprintable() for each in url) or not _is_text(url):
        return "must not contain white space or control characters"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an address that begins with https:// or http://"
    return "must not contain a user or a password" if "@" in parts.netloc else ""


def _is_text(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeEncodeError:
        return False


def _events_problem(events: Sequence[str]) -> str:
    unknown = sorted(set(events) - set(webhook_events.EVENTS))
    if unknown:
        return f"must be among {', '.join(webhook_events.EVENTS)}; {', '.join(unknown)} is not"
    return "" if events else "must name at least one"


def _secret_problem(secret: str) -> str:
    try:
        key = standard_key(secret)
    except ValueError:
        key = b""
    if len(key) in SECRET_BYTES:
        return ""
    return f"must be {SECRET_PREFIX} and the base64 of {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} bytes"


# Delivering


@dataclass(frozen=True, slots=True)
class _Told:
    """A request that is to be made, or was."""

    claim: SubjectClaim
    delivery: Delivery
    webhook: Webhook
    intent: Intent


def deliver(due_id: int) -> None:
    """Makes the attempt that a row owes. Does nothing when it is done or in hand; re-arms it when it is early."""
    with transaction() as tx:
        claim = subjects.claim(tx, KIND, due_id)
        if claim is None:
            return
        if claim.seconds_early > EARLY:
            due.rearm(tx, due_id)
            return
        told = _begin(tx, claim)
    if told is None:
        return
    started = time.monotonic()
    reply = http_client.perform(_request(told))
    milliseconds = int((time.monotonic() - started) * 1000)
    with transaction() as tx:
        _finish(tx, told, reply, milliseconds)


def _begin(tx: Transaction, claim: SubjectClaim) -> _Told | None:
    """The intent, under a lease. None: the event is not to be told, or not now."""
    delivery = webhooks.hold_delivery(tx, claim.subject)
    webhook = webhooks.get(tx, delivery.webhook_id) if delivery else None
    if delivery is None or webhook is None or not webhook.enabled:
        _end(tx, claim.subject, "dropped")
        return None
    if delivery.attempts >= settings().webhook_attempts:
        _end(tx, claim.subject, "failed")
        return None
    if _paused(tx, webhook):
        _postpone(tx, claim, delivery, webhook)
        return None
    subjects.lease(tx, claim, settings().webhook_timeout + GRACE)
    return _Told(claim, delivery, webhook, webhooks.begin(tx, delivery.id))


def _end(tx: Transaction, delivery: UUID, status: str) -> None:
    webhooks.end(tx, delivery, status)
    subjects.settle(tx, KIND, delivery)


def _paused(tx: Transaction, webhook: Webhook) -> bool:
    """Whether somebody else finds out, in this pause, if the endpoint is back."""
    configured = settings()
    if webhook.failures < configured.webhook_failures:
        return False
    return not webhooks.probe(tx, webhook.id, most=configured.webhook_failures, pause=configured.webhook_pause)


def _postpone(tx: Transaction, claim: SubjectClaim, delivery: Delivery, webhook: Webhook) -> None:
    """Costs no attempt; an event that was owed for the whole window is given up."""
    configured = settings()
    if claim.now - delivery.owed_since > timedelta(seconds=configured.webhook_window):
        _end(tx, delivery.id, "failed")
        return
    again = (webhook.paused_until or claim.now) + timedelta(seconds=random.uniform(0, configured.webhook_pause / 4))
    subjects.move(tx, KIND, claim, at=max(again, claim.now), attempt=claim.attempt)


def _request(told: _Told) -> HttpRequest:
    """Signed with the real time: the receiver compares it with its own clock."""
    delivery, webhook, at = told.delivery, told.webhook, time.time()
    body = webhook_events.body(delivery.type, delivery.at, delivery.snapshot, delivery.event_data)
    headers = {
        "content-type": "application/json",
        "x-knock-event": delivery.type,
        "x-knock-environment-id": str(delivery.environment_id),
        "x-knock-signature": signature(webhook.secret, body, at),
        **standard_headers(webhook.secret, str(delivery.id), body, at),
    }
    return HttpRequest("POST", webhook.url, headers, body=body, timeout=settings().webhook_timeout, is_guarded=True)


def _finish(tx: Transaction, told: _Told, reply: HttpReply, milliseconds: int) -> None:
    """Writes the outcome down. Who was slower than the lease decides nothing but a success."""
    owed = webhooks.hold_due(tx, told.claim.due_id)
    delivery = webhooks.hold_delivery(tx, told.delivery.id)
    if delivery is None:
        return
    webhooks.finish(
        tx,
        delivery.id,
        told.intent,
        status_code=reply.status or None,
        error=_error(reply),
        response=reply.body.decode("utf-8", "replace").replace("\0", "")[:RESPONSE_KEPT],
        milliseconds=milliseconds,
    )
    _note(tx, told.webhook, reply)
    if _taken(reply):
        _end(tx, delivery.id, "delivered")
    elif owed and delivery.attempts == told.intent.attempt and delivery.status == "owed":
        _again(tx, told)


def _taken(reply: HttpReply) -> bool:
    """The status decides, even when the rest of the answer did not come."""
    return 200 <= reply.status < 300


def _error(reply: HttpReply) -> str | None:
    if _taken(reply):
        return None
    return reply.error or f"the endpoint answered {reply.status}"


def _note(tx: Transaction, webhook: Webhook, reply: HttpReply) -> None:
    """An endpoint that answers quickly, be it with a refusal, holds nobody up."""
    configured = settings()
    if reply.status == 0 or reply.status == 429 or reply.status >= 500:
        webhooks.note_failure(tx, webhook.id, most=configured.webhook_failures, pause=configured.webhook_pause)
    else:
        webhooks.note_answer(tx, webhook.id)


def _again(tx: Transaction, told: _Told) -> None:
    if told.intent.attempt >= settings().webhook_attempts:
        _end(tx, told.delivery.id, "failed")
        return
    at = now(tx) + timedelta(seconds=backoff(told.intent.attempt))
    subjects.move(tx, KIND, told.claim, at=at, attempt=told.intent.attempt + 1)


def backoff(attempt: int) -> float:
    """Seconds from attempt n to n + 1: doubling, so that all of them fill the window, give or take a quarter."""
    gaps = settings().webhook_attempts - 1
    first = settings().webhook_window / (2**gaps - 1)
    return float(first * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))
