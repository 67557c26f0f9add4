"""The door to channels: a channel is a configured provider of one environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from notify_workers import resources
from notify_workers.providers import read_settings
from notify_workers.store import environments


def set_channel(environment: UUID, key: str, *, provider: str, name: str, settings: Mapping[str, str]) -> None:
    """Makes a channel, or configures it anew; every process uses it from its next step or delivery on.

    `settings` are as people write them (`port` = `"587"`). Raises `ProviderMisconfigured`, naming each that is wrong.
    """
    channel_type, known = read_settings(provider, settings)
    with resources.configuration() as tx:
        environments.set_channel(tx, environment, key, name=name, type=channel_type, provider=provider, settings=known)


def set_group(environment: UUID, key: str, document: Mapping[str, Any]) -> None:
    """Makes a channel group, or changes it. Raises `DocumentInvalid` with every problem."""
    with resources.configuration() as tx:
        resources.publish_channel_group(tx, environment, key, document)
