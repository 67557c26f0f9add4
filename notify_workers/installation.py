"""What exists from the start: environments everywhere; fixed keys and channels in the development stack only."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import workflows
from notify_workers import resources
from notify_workers.ids import environment_id
from notify_workers.store import environments, session
from notify_workers.store.session import Transaction, transaction

ENVIRONMENTS = (("development", "Development"), ("production", "Production"))

DEVELOPMENT_KEYS = (
    ("sk_test_doorbell", "secret", "development"),
    ("pk_test_doorbell", "public", "development"),
    ("sk_live_doorbell", "secret", "production"),
    ("pk_live_doorbell", "public", "production"),
    ("knock_st_doorbell", "service", None),
)
"""Keys that never change. They are taken from loopback addresses only."""

SANDBOX_CHANNELS = (
    ("in-app-feed", "In-app feed", "in_app_feed", "in_app"),
    ("in-app-guide", "In-app guides", "in_app_guide", "in_app_guide"),
    ("sms", "SMS sandbox", "sms", "sandbox_sms"),
    ("push", "Push sandbox", "push", "sandbox_push"),
    ("chat", "Chat sandbox", "chat", "sandbox_chat"),
    ("webhook", "Webhook sandbox", "http", "sandbox_webhook"),
)
"""Channels of the development stack that need nothing outside of it: key, name, type, provider."""

LIBRARY = Path(workflows.__file__).parent / "library"


def install() -> None:
    """Migrates and makes the environments. Safe to repeat."""
    session.migrate()
    with transaction() as tx:
        for position, (slug, name) in enumerate(ENVIRONMENTS):
            environments.add_environment(tx, slug, name, position)


def install_development(smtp_port: int) -> None:
    """The development stack's keys, its channels and the library's workflows."""
    with resources.configuration() as tx:
        for key, kind, slug in DEVELOPMENT_KEYS:
            environments.add_key(
                tx,
                key,
                kind=kind,
                environment=environment_id(slug) if slug else None,
                name="Development stack",
                loopback_only=True,
            )
        for slug, _ in ENVIRONMENTS:
            environments.set_channel(
                tx,
                environment_id(slug),
                "email",
                name="Mail sink",
                type="email",
                provider="smtp",
                settings={
                    "host": "127.0.0.1",
                    "port": smtp_port,
                    "security": "none",
                    "from_address": "Doorbell <hello@doorbell.test>",
                },
            )
            set_sandbox_channels(tx, environment_id(slug))
    for slug, _ in ENVIRONMENTS:
        resources.push_library(LIBRARY, environment_id(slug))


def set_sandbox_channels(tx: Transaction, environment: UUID) -> None:
    for key, name, type, provider in SANDBOX_CHANNELS:
        environments.set_channel(tx, environment, key, name=name, type=type, provider=provider, settings={})
