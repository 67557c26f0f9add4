"""The door to channels: a channel is a configured provider of one environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from notify_workers import resources, vault
from notify_workers.errors import NotFound
from notify_workers.providers import Provider, load_provider, read_settings, secrets_of
from notify_workers.store import environments
from notify_workers.store.environments import Channel

NO_SWITCHES: Mapping[str, bool] = {}


def set_channel(
    environment: UUID,
    key: str,
    *,
    provider: str,
    name: str,
    settings: Mapping[str, str],
    switches: Mapping[str, bool] = NO_SWITCHES,
) -> None:
    """Makes a channel, or configures it anew; every process uses it from its next step or delivery on.

    `settings` are as people write them (`port` = `"587"`); secrets are stored encrypted. Raises `ProviderMisconfigured`,
    naming each that is wrong, and `VaultLocked` when there is no key to encrypt with. The
    `switches` that are not named stay as they are.
    """
    channel_type, known = read_settings(provider, settings)
    sealed = vault.seal(known, secrets_of(provider), place_of(environment, key))
    with resources.configuration() as tx:
        environments.set_channel(tx, environment, key, name=name, type=channel_type, provider=provider, settings=sealed)
        for each, on in switches.items():
            environments.switch(tx, environment, key, each, on=on)


def switch(environment: UUID, key: str, switches: Mapping[str, bool]) -> None:
    """Sets some of `environments.SWITCHES`, and leaves the rest of the channel. Raises 404 for one that is none.

    In the `sandbox` its messages are made and not sent, those that wait already included.
    """
    with resources.configuration() as tx:
        for each, on in switches.items():
            if not environments.switch(tx, environment, key, each, on=on):
                raise NotFound(f"There is no channel `{key}`")


def provider_of(channel: Channel) -> Provider:
    """The provider with its settings, as they were written. Raises `ProviderMisconfigured` or `VaultLocked`."""
    return load_provider(channel.provider, settings_of(channel))


def settings_of(channel: Channel) -> dict[str, Any]:
    """As they were written, secrets too. Raises `VaultLocked`."""
    return vault.unseal(channel.settings, place_of(channel.environment_id, channel.key))


def rotate() -> int:
    """Encrypts every secret of every channel with the first key, also those that are not encrypted. How many channels."""
    changed = 0
    with resources.configuration() as tx:
        for each in environments.channels(tx):
            secrets = [name for name in secrets_of(each.provider) if each.settings.get(name)]
            if all(vault.is_current(each.settings[name]) for name in secrets):
                continue
            place = place_of(each.environment_id, each.key)
            settings = vault.seal(vault.unseal(each.settings, place), secrets, place)
            environments.set_channel(
                tx,
                each.environment_id,
                each.key,
                name=each.name,
                type=each.type,
                provider=each.provider,
                settings=settings,
            )
            changed += 1
    return changed


def place_of(environment: UUID, key: str) -> str:
    """What a channel's secrets are bound to: they are of no use in another one's row."""
    return f"channels/{environment}/{key}"


def set_group(environment: UUID, key: str, document: Mapping[str, Any]) -> None:
    """Makes a channel group, or changes it. Raises `DocumentInvalid` with every problem."""
    with resources.configuration() as tx:
        resources.publish_channel_group(tx, environment, key, document)
