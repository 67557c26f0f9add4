"""Push tokens that their vendor says are tokens no more: the recipient's channel data loses them, and the event tells of it.

A step's `token_deregistration` decides whether, else the setting of that name of the channel's provider.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from notify_workers.errors import DoorbellError
from notify_workers.providers import Provider
from notify_workers.store import channel_data
from notify_workers.store.deliveries import DeliveryClaim, Settlement
from notify_workers.store.session import Transaction, statement, transact


def settling(
    claim: DeliveryClaim,
    provider: Provider | DoorbellError,
    to: Settlement,
    write: Callable[[Transaction, Settlement], None],
) -> None:
    """Writes the outcome and, in the same transaction, takes the dead token out of the channel data."""
    token = to.dead_token if _is_wanted(claim, provider) else None
    if token is None:
        with statement() as tx:
            write(tx, to)
        return

    def both(tx: Transaction) -> None:
        """The recipient first, as whoever purges or merges recipients begins there too."""
        was_there = channel_data.remove_token(tx, claim.environment_id, claim.recipient, claim.channel_id, token)
        write(tx, replace(to, event_data={**(to.event_data or {}), "token_deregistered": was_there}))

    transact(both)


def _is_wanted(claim: DeliveryClaim, provider: Provider | DoorbellError) -> bool:
    said = claim.content.get("token_deregistration")
    return bool(getattr(provider, "token_deregistration", True) if said is None else said)
