"""Messages that are made and not sent: their channel is in sandbox mode, or their environment's allow-list lacks somebody.

It is asked when a message is made, and again before every attempt: both may change while a message waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notify_workers.catalog import EnvironmentCatalog, catalog
from notify_workers.store.deliveries import DeliveryClaim, Settlement
from notify_workers.store.recipients import get_recipient
from notify_workers.store.session import Transaction
from workflows.content import Content, content_from_json
from workflows.recipients import Reference

SANDBOXED = "the channel is in sandbox mode"


def objection(
    environment: EnvironmentCatalog,
    channel_key: str,
    content: Content,
    recipient: Reference,
    properties: Mapping[str, Any] | None,
) -> str:
    """Why a message that is being made is not sent; empty when it is."""
    if environment.channels[channel_key].is_sandboxed:
        return SANDBOXED
    return environment.allow_list.objection(content, recipient, properties) if environment.allow_list else ""


def objection_to(tx: Transaction, claim: DeliveryClaim) -> str:
    """Why a message that is about to be handed to the provider is not sent; empty when it is."""
    environment = catalog(claim.catalog_number).environment(tx, claim.environment_id)
    channel = environment.channels_by_id.get(claim.channel_id)
    if channel is not None and channel.sandbox:
        return SANDBOXED
    if environment.allow_list is None:
        return ""
    try:
        content = content_from_json(claim.content)
    except (KeyError, TypeError):
        return "its content cannot be read, and so not held against this environment's allow-list"
    known = get_recipient(tx, claim.environment_id, claim.recipient)
    return environment.allow_list.objection(content, claim.recipient, known.properties if known else None)


def settlement_of(reason: str) -> Settlement:
    return Settlement("withheld", reason, "not_sent", "message.not_sent", {"reason": reason})
