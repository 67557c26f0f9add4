"""Revocation tokens, checked before each step and again before a delivery, with the row in PostgreSQL behind them.

The token is set first and stops runs at once; the transaction that follows writes the row, marks every run that still
owes something, and is what decides when Redis has lost the token. A token cancels triggers of a lower sequence, so a
trigger made after the cancellation lives. Accepting a trigger and fanning it out read the rows under the same lock, so
a cancellation wins over a trigger that is still on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

from redis import RedisError

from notify_workers import pending
from notify_workers.errors import StoreUnavailable
from notify_workers.redis_client import client
from notify_workers.settings import settings
from notify_workers.store import cancellations as rows
from notify_workers.store.session import Transaction, transaction
from workflows.recipients import Reference

log = logging.getLogger(__name__)

_REVOKE = (
    pending.NEXT_SEQUENCE
    + """
local before = {}
for index = 3, #KEYS do
    before[index - 2] = redis.call('GET', KEYS[index]) or ''
    redis.call('SET', KEYS[index], string.format('%.0f', sequence), 'PX', ARGV[1])
end
return {string.format('%.0f', sequence), redis.call('HLEN', KEYS[2]), before}
"""
)

_RESTORE = """
for index = 1, #KEYS do
    if redis.call('GET', KEYS[index]) ~= ARGV[1] then
        -- Somebody has cancelled again.
    elseif ARGV[index + 1] == '' then
        redis.call('DEL', KEYS[index])
    else
        redis.call('SET', KEYS[index], ARGV[index + 1], 'KEEPTTL')
    end
end
"""


@dataclass(frozen=True, slots=True)
class CancellationKey:
    """What a cancellation is about: every trigger of that workflow with that key."""

    environment_id: UUID
    workflow_key: str
    key: str

    def token(self, recipient: Reference | None = None) -> str:
        """The token's name in Redis. No part can hold the separator: the API refuses NUL."""
        only = f"{recipient.collection}\0{recipient.id}" if recipient else ""
        return f"doorbell:revoked:{self.environment_id}:{self.workflow_key}\0{self.key}\0{only}"

    @property
    def lock(self) -> int:
        """A number for PostgreSQL's advisory locks."""
        return int.from_bytes(blake2b(self.token().encode(), digest_size=8).digest(), signed=True)


class Cancellable(Protocol):
    """Whatever is about one run: a step, or a delivery, in hand."""

    @property
    def environment_id(self) -> UUID: ...
    @property
    def workflow_key(self) -> str: ...
    @property
    def cancellation_key(self) -> str | None: ...


def key_of(run: Cancellable) -> CancellationKey | None:
    """What a cancellation of the run is called; None when its trigger gave no key."""
    if run.cancellation_key is None:
        return None
    return CancellationKey(run.environment_id, run.workflow_key, run.cancellation_key)


def cancel(key: CancellationKey, recipients: Sequence[Reference] = ()) -> int | None:
    """Cancels every run triggered before now with that key, or only those of the recipients.

    When this returns, no later step or send of them starts. An activity in an open batch is taken out of it; whoever else
    is in the batch still gets it. Returns how many runs and activities were stopped, None while that cannot
    be known because triggers are still being accepted or fanned out. Raises `StoreUnavailable`; then nothing is cancelled.
    """
    tokens = [key.token(each) for each in recipients] or [key.token()]
    sequence, unaccepted, before = _revoke(tokens)
    try:
        with transaction() as tx:
            rows.lock(tx, [key.lock])
            rows.insert(tx, key.environment_id, key.workflow_key, key.key, recipients, sequence)
            stopped, fanning_out = rows.stop_runs(
                tx, key.environment_id, key.workflow_key, key.key, recipients, sequence
            )
    except Exception:
        _restore(tokens, sequence, before)
        raise
    return None if unaccepted or fanning_out else stopped


def _revoke(tokens: list[str]) -> tuple[int, int, list[bytes]]:
    """The cancellation's sequence, how many triggers nobody has accepted yet, and what the tokens were before."""
    lifetime = int(settings().token_lifetime * 1000)
    keys = [pending.SEQUENCE, pending.PAYLOADS, *tokens]
    try:
        sequence, unaccepted, before = client().eval(_REVOKE, len(keys), *keys, lifetime)
    except RedisError as error:
        raise StoreUnavailable("Redis does not answer") from error
    return int(sequence), int(unaccepted), before


def _restore(tokens: list[str], sequence: int, before: list[bytes]) -> None:
    """Takes tokens back whose row could not be written."""
    try:
        client().eval(_RESTORE, len(tokens), *tokens, str(sequence), *before)
    except RedisError:
        log.warning("revocation tokens of sequence %s could not be taken back", sequence)


def revoked(key: CancellationKey, recipient: Reference, sequence: int) -> int | None:
    """The sequence of the cancellation that stops a trigger's run for that recipient, None when there is none.

    Asks Redis, and PostgreSQL when Redis does not answer or has been flushed: then it knows no sequence either.
    """
    try:
        newest, *tokens = client().mget(pending.SEQUENCE, key.token(), key.token(recipient))
    except RedisError:
        newest, tokens = None, []
    if newest is None:
        with transaction() as tx:
            found = rows.newest(tx, key.environment_id, key.workflow_key, key.key, recipient)
    else:
        found = max((int(each) for each in tokens if each is not None), default=0)
    return found if found > sequence else None


@dataclass(frozen=True, slots=True)
class Revoked:
    everybody: bool
    only: frozenset[Reference]

    def __contains__(self, recipient: Reference) -> bool:
        return self.everybody or recipient in self.only


NOBODY = Revoked(False, frozenset())


def already_cancelled(tx: Transaction, triggers: Mapping[UUID, tuple[CancellationKey, int]]) -> dict[UUID, Revoked]:
    """Who is cancelled before its run exists, for triggers given with their key and sequence.

    Call it in the transaction that makes the runs, with the keys' locks held.
    """
    found: dict[UUID, list[Reference | None]] = {}
    for trigger_id, recipient in rows.later_than(tx, triggers):
        found.setdefault(trigger_id, []).append(recipient)
    return {each: Revoked(None in who, frozenset(filter(None, who))) for each, who in found.items()}
