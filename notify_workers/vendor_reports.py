"""The door for what vendors tell of messages: addresses to tell it at, and what becomes of it (docs/vendor-events.md).

A status is never undone by an event that comes late or comes again: the one that says more stays, in whatever order they come.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from hmac import compare_digest, digest
from typing import Any
from uuid import UUID

from notify_workers import http_client, statuses
from notify_workers.catalog import EnvironmentCatalog, catalog
from notify_workers.errors import DoorbellError, NotFound, StoreUnavailable
from notify_workers.ids import ksuid
from notify_workers.providers import Provider
from notify_workers.providers.email.mime import addresses
from notify_workers.settings import settings
from notify_workers.store import environments, resources
from notify_workers.store import vendor_events as rows
from notify_workers.store.session import Transaction, transact, transaction
from notify_workers.store.vendor_events import Change, Known
from notify_workers.vendor_events import VendorEvent, VendorRequest, confirmation, vendor

log = logging.getLogger(__name__)

COMPLAINT = "complaint"
"""The `failure_reason` of a message that its recipient has called spam."""

TOLD = "the vendor told later that it has the message"
NO_RECEIVER = "There is nothing that takes a vendor's events"

LONGEST = 2000
"""Characters of each thing that a vendor says that are kept."""

_RANKS = {"sent": 1, "undelivered": 2, "delivered": 3, "complained": 4, "bounced": 5}
"""Of what vendors tell and of statuses; those that are not here say less. A server may take an e-mail and return it later."""

_STATUSES = {"complained": "undelivered"}
_ENGAGEMENTS = {"opened": "read", "clicked": "link_clicked"}


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a provider's vendor tells of a channel's messages. Several accounts at one vendor share it."""

    environment_id: UUID
    channel_id: UUID
    providers: Sequence[Provider]


# Addresses


def address(environment: UUID, secret: str, channel: UUID, provider: str) -> str:
    """The URL for a vendor. Nobody can guess it; it stays the same for good."""
    return f"{settings().public_url}/v1/providers/{channel}/events/{environment.hex}.{_signature(secret, channel, provider)}"


def addresses_of(environment: UUID, key: str) -> dict[str, str]:
    """The URLs of a channel by provider, for those whose vendors tell anything. Raises 404 for a channel that is none."""
    with transaction() as tx:
        known = _environment(tx, environment)
    channel = next((each for each in known.channels_by_id.values() if each.key == key), None) if known else None
    if known is None or channel is None:
        raise NotFound(f"There is no channel `{key}`")
    names = {each.name for each in _providers(known, channel.id) if not isinstance(each, DoorbellError)}
    return {
        name: address(environment, known.signing_secret, channel.id, name) for name in sorted(names) if vendor(name)
    }


def find(channel: UUID, token: str) -> Receiver:
    """Whose address that is. Raises 404 when it is nobody's, and 503 when it may be that of a provider that cannot be read."""
    written, _, signature = token.partition(".")
    try:
        environment = UUID(hex=written)
    except ValueError:
        raise NotFound(NO_RECEIVER) from None
    with transaction() as tx:
        known = _environment(tx, environment)
    if known is None or channel not in known.channels_by_id:
        raise NotFound(NO_RECEIVER)
    found = _providers(known, channel)
    is_its = partial(_is_signed, signature, known.signing_secret, channel)
    providers = [
        each for each in found if not isinstance(each, DoorbellError) and vendor(each.name) and is_its(each.name)
    ]
    if providers:
        return Receiver(environment, channel, providers)
    if any(isinstance(each, DoorbellError) for each in found):
        raise StoreUnavailable("A provider of this channel cannot be read now")
    raise NotFound(NO_RECEIVER)


def _environment(tx: Transaction, environment: UUID) -> EnvironmentCatalog | None:
    if environments.signing_secret(tx, environment) is None:
        return None
    return catalog(resources.catalog_number(tx)).environment(tx, environment)


def _providers(known: EnvironmentCatalog, channel: UUID) -> list[Provider | DoorbellError]:
    tenants = {"", *(tenant for of, tenant in known.routes if of == channel)}
    return [each for tenant in sorted(tenants) for each in known.providers(channel, tenant).values()]


def _signature(secret: str, channel: UUID, provider: str) -> str:
    signed = digest(secret.encode(), f"vendor-events/{channel}/{provider}".encode(), "sha256")
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _is_signed(given: str, secret: str, channel: UUID, provider: str) -> bool:
    return compare_digest(_signature(secret, channel, provider).encode(), given.encode(errors="replace"))


# Events


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a request's events. `early` ones are of messages whose attempt has not said yet how it went."""

    changed: int = 0
    unknown: int = 0
    early: int = 0


def verified(receiver: Receiver, request: VendorRequest) -> Provider | None:
    """The provider whose vendor has sent this; None when it was somebody else."""
    return next((each for each in receiver.providers if _vendor(each).verify(each, request)), None)


def receive(receiver: Receiver, provider: Provider, request: VendorRequest) -> Report:
    """Does what a verified request says, in one transaction. What is early is not done, and must come again."""
    asked = confirmation(provider, request)
    if asked is not None:
        reply = http_client.perform(asked)
        if reply.status != 200:
            raise StoreUnavailable(f"The vendor answered {reply.status} when its address was to be confirmed")
        return Report()
    told = [_storable(each) for each in _vendor(provider).events(request) if _is_wanted(provider, each)]
    if not told:
        return Report()
    report = transact(partial(_apply, receiver, provider, told))
    if report.unknown:
        log.info(
            "%s told of %d messages that the channel %s does not have",
            provider.name,
            report.unknown,
            receiver.channel_id,
        )
    return report


def _vendor(provider: Provider) -> Any:
    return vendor(provider.name)


def _is_wanted(provider: Provider, event: VendorEvent) -> bool:
    return event.kind not in _ENGAGEMENTS or bool(getattr(provider, "tracks_engagement", True))


def _storable(event: VendorEvent) -> VendorEvent:
    """Without what PostgreSQL cannot hold, and without books."""
    texts = {each.name: getattr(event, each.name) for each in fields(event) if each.name != "kind"}
    clean = {name: text.replace("\0", "").encode(errors="replace").decode()[:LONGEST] for name, text in texts.items()}
    return replace(event, **clean)


def _apply(receiver: Receiver, provider: Provider, told: Sequence[VendorEvent], tx: Transaction) -> Report:
    whose = _messages(tx, receiver, provider.name, told)
    held = rows.hold(tx, sorted(set(whose.values())))
    pairs = [(held.get(whose.get(place, "")), each) for place, each in enumerate(told)]
    known = [(message, each) for message, each in pairs if message is not None and message.is_tried]
    ready = [(message, each) for message, each in known if not message.in_hand and _is_its_recipient(message, each)]
    _settle(tx, provider.name, [message for message, _ in ready])
    changes = list(_changes(provider.name, ready))
    if changes:
        rows.change(tx, changes)
    engaged = sum(_engage(tx, receiver.environment_id, message, each) for message, each in ready)
    return Report(
        changed=len(changes) + engaged,
        unknown=len(told) - len(known),
        early=sum(message.in_hand for message, _ in known),
    )


def _messages(tx: Transaction, receiver: Receiver, provider: str, told: Sequence[VendorEvent]) -> dict[int, str]:
    """The ids of the messages that events are about, by the events' places: by our own name first."""
    where = (tx, receiver.environment_id, receiver.channel_id)
    ours = rows.named(*where, [each.message_id for each in told if each.message_id])
    foreign = [each.external_id for each in told if each.external_id and each.message_id not in ours]
    theirs = rows.called(*where, provider, foreign) if foreign else {}
    found = {
        place: each.message_id if each.message_id in ours else theirs.get(each.external_id, "")
        for place, each in enumerate(told)
    }
    return {place: message for place, message in found.items() if message}


def _is_its_recipient(message: Known, event: VendorEvent) -> bool:
    """An e-mail's copies are messages of nobody: what becomes of them says nothing of the recipient's own."""
    if not event.recipient or not message.to:
        return True
    recipients = {each.lower() for each in addresses(message.to)}
    return not recipients or event.recipient.lower() in recipients


def _settle(tx: Transaction, provider: str, messages: Sequence[Known]) -> None:
    """Messages that nobody has said to have taken: now the vendor has, so that they are not sent a second time."""
    open_ones = {each.id: each for each in messages if each.accepted_by is None and each.status != "bounced"}
    if open_ones:
        rows.taken(tx, provider, list(open_ones.values()), TOLD)


def _changes(provider: str, told: Iterable[tuple[Known, VendorEvent]]) -> Iterable[Change]:
    ranks: dict[str, int] = {}
    for message, event in told:
        rank = _RANKS.get(event.kind, 0)
        if rank <= ranks.get(message.id, _rank(message)) or _is_others(provider, message, event):
            continue
        ranks[message.id] = rank
        yield Change(
            message_id=message.id,
            status=_STATUSES.get(event.kind, event.kind),
            event_id=ksuid(time.time()),
            data={name: value for name, value in _data(provider, event).items() if value},
        )


def _rank(message: Known) -> int:
    """That a message is undelivered is the last word only when a vendor has said it: we may have given up too early."""
    if message.status != "undelivered":
        return _RANKS.get(message.status, 0)
    if message.failure is None:
        return 0
    return _RANKS["complained" if message.failure == COMPLAINT else "undelivered"]


def _is_others(provider: str, message: Known, event: VendorEvent) -> bool:
    """Where one provider has failed, another one may have delivered the same message."""
    is_bad = event.kind in ("undelivered", "bounced")
    return is_bad and message.accepted_by is not None and message.accepted_by != provider


def _data(provider: str, event: VendorEvent) -> Mapping[str, str]:
    known = {"provider": provider, "provider_event": event.name, "provider_time": event.at}
    match event.kind:
        case "bounced":
            return {"failure_reason": "bounced", "failure_details": event.words or event.name, **known}
        case "undelivered":
            return {"failure_reason": "fatal_error", "failure_details": event.words or event.name, **known}
        case "complained":
            return {"failure_reason": COMPLAINT, "failure_details": event.words or event.name, **known}
        case _:
            return known


def _engage(tx: Transaction, environment: UUID, message: Known, event: VendorEvent) -> int:
    status = _ENGAGEMENTS.get(event.kind)
    if status is None:
        return 0
    metadata = {"url": event.url} if status == "link_clicked" and event.url else None
    return statuses.change(tx, environment, [message.id], status, metadata)
