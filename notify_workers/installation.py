"""What exists from the start: environments everywhere; fixed keys and channels in the development stack only."""

from __future__ import annotations

from pathlib import Path

import workflows
from notify_workers import resources
from notify_workers.ids import environment_id
from notify_workers.store import environments, session
from notify_workers.store.session import transaction

ENVIRONMENTS = (("development", "Development"), ("production", "Production"))

DEVELOPMENT_KEYS = (
    ("sk_test_doorbell", "secret", "development"),
    ("pk_test_doorbell", "public", "development"),
    ("sk_live_doorbell", "secret", "production"),
    ("pk_live_doorbell", "public", "production"),
    ("knock_st_doorbell", "service", None),
)
"""Keys that never change. They are taken from loopback addresses only."""

LIBRARY = Path(workflows.__file__).parent / "library"


def install() -> None:
    """Migrates and makes the environments. Safe to repeat."""
    session.migrate()
    with transaction() as tx:
        for position, (slug, name) in enumerate(ENVIRONMENTS):
            environments.add_environment(tx, slug, name, position)


def install_development(smtp_port: int) -> None:
    """The development stack's keys, its mail channel and the library's workflows."""
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
    for slug, _ in ENVIRONMENTS:
        resources.push_library(LIBRARY, environment_id(slug))
