"""Sandbox providers: what they are given goes into the outbox, which a developer can read, and to nobody else.

Writing there is safe to repeat, so that an attempt whose result was lost is made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from notify_workers.providers import Delivered, Envelope, OutboxEntry, Sends, Sent, provider
from workflows.content import Call, Chat, Push, Sms


def _kept(content: Sms | Push | Chat | Call, envelope: Envelope) -> OutboxEntry:
    payload = {name: value for name, value in content.as_json().items() if name != "kind"}
    return OutboxEntry(content.kind, {**payload, "idempotency_key": envelope.idempotency_key})


@provider
@dataclass(frozen=True, slots=True)
class SandboxSms:
    name: ClassVar[str] = "sandbox_sms"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset()
    on_unknown: ClassVar[str] = "retry"

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        yield _kept(content, envelope)
        return Sent(envelope.idempotency_key)


@provider
@dataclass(frozen=True, slots=True)
class SandboxPush:
    name: ClassVar[str] = "sandbox_push"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = frozenset()

    def send(self, content: Push, envelope: Envelope) -> Sends:
        yield _kept(content, envelope)
        return Sent(envelope.idempotency_key)


@provider
@dataclass(frozen=True, slots=True)
class SandboxChat:
    name: ClassVar[str] = "sandbox_chat"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset()

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        yield _kept(content, envelope)
        return Sent(envelope.idempotency_key)


@provider
@dataclass(frozen=True, slots=True)
class SandboxWebhook:
    name: ClassVar[str] = "sandbox_webhook"
    channel_type: ClassVar[str] = "http"
    secrets: ClassVar[frozenset[str]] = frozenset()

    def send(self, content: Call, envelope: Envelope) -> Sends:
        yield _kept(content, envelope)
        return Delivered(envelope.idempotency_key)
