"""The door to routes: further providers of a channel, and those of a tenant's own (docs/routing.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from notify_workers import resources, vault
from notify_workers.channels import place_of, provider_of
from notify_workers.errors import DoorbellError, NotFound
from notify_workers.providers import Provider, ProviderMisconfigured, load_provider, read_settings, secrets_of
from notify_workers.routing import Route
from notify_workers.store import environments, routes
from notify_workers.store.environments import Channel
from notify_workers.store.routes import RouteRow
from notify_workers.store.session import Transaction


def set_route(
    environment: UUID,
    key: str,
    position: int,
    *,
    provider: str,
    settings: Mapping[str, str],
    tenant: str = "",
    weight: float | None = None,
    rate: float | None = None,
) -> None:
    """Makes a route of the channel `key`, or configures it anew. Position 0 of everybody stands in place of the channel's own.

    Raises `ProviderMisconfigured`, `VaultLocked`, 404 for a channel that is none, 422 for a provider of another channel type.
    """
    channel_type, known = read_settings(provider, settings)
    with resources.configuration() as tx:
        channel = _channel(tx, environment, key)
        if channel.type != channel_type:
            raise ProviderMisconfigured(
                f"{provider} sends {channel_type}, and the channel `{key}` is of type {channel.type}"
            )
        row = RouteRow(environment, channel.id, tenant, position, provider, known, weight, rate)
        routes.set_route(tx, replace(row, settings=vault.seal(known, secrets_of(provider), _place(row))))


def remove_route(environment: UUID, key: str, position: int, tenant: str = "") -> bool:
    """Whether there was such a route. Raises 404 for a channel that is none."""
    with resources.configuration() as tx:
        return routes.remove_route(tx, environment, _channel(tx, environment, key).id, tenant, position)


def rotate() -> int:
    """Encrypts every secret of every route with the first key. How many routes."""
    changed = 0
    with resources.configuration() as tx:
        for row in routes.routes(tx):
            secrets = [name for name in secrets_of(row.provider) if row.settings.get(name)]
            if all(vault.is_current(row.settings[name]) for name in secrets):
                continue
            settings = vault.seal(vault.unseal(row.settings, _place(row)), secrets, _place(row))
            routes.set_route(tx, replace(row, settings=settings))
            changed += 1
    return changed


def providers_of(channel: Channel, rows: Sequence[RouteRow]) -> dict[Route, Provider | DoorbellError]:
    """The providers of a channel's routes, or what is wrong with each: the rows', and the channel's own in the first place."""
    found = {Route(row.position, row.weight, row.rate, row.tenant): _provider(row) for row in rows}
    if all(row.tenant == "" and row.position > 0 for row in rows):
        found = {_own(found): _own_provider(channel), **found}
    return found


def _own(others: Mapping[Route, object]) -> Route:
    """The channel's own provider has the weight 1 among others that have one."""
    return Route(0, 1.0 if any(each.weight is not None for each in others) else None)


def _own_provider(channel: Channel) -> Provider | DoorbellError:
    try:
        return provider_of(channel)
    except DoorbellError as error:
        return error


def _provider(row: RouteRow) -> Provider | DoorbellError:
    try:
        return load_provider(row.provider, vault.unseal(row.settings, _place(row)))
    except DoorbellError as error:
        return error


def _place(row: RouteRow) -> str:
    return place_of(row.environment_id, f"{row.channel_id}/{row.tenant}/{row.position}")


def _channel(tx: Transaction, environment: UUID, key: str) -> Channel:
    found = next((each for each in environments.channels(tx, environment) if each.key == key), None)
    if found is None:
        raise NotFound(f"There is no channel `{key}`")
    return found
