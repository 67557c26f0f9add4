"""What a worker has compiled: workflows by version, channels and layouts by environment.

A claim reads the catalog's number in its own statement. When the number has moved on, everything compiled for the old one
is dropped; so a worker never works with configuration older than the row it took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any
from uuid import UUID

from notify_workers import channel_routes
from notify_workers.allow_list import AllowList
from notify_workers.errors import DoorbellError
from notify_workers.providers import Provider
from notify_workers.routing import Route
from notify_workers.settings import settings
from notify_workers.store import environments, resources, routes
from notify_workers.store.environments import Channel
from notify_workers.store.routes import RouteRow
from notify_workers.store.session import Transaction
from workflows.parse import parse_layout, parse_partial, parse_translation, parse_workflow
from workflows.program import Program
from workflows.scope import ChannelView
from workflows.templates import Resources


@dataclass(frozen=True)
class EnvironmentCatalog:
    """One environment's channels, channel groups, what templates refer to, variables and default preferences.

    `documents` are the resources' by kind and key. Without an `allow_list` messages go to everybody.
    """

    id: UUID
    channels_by_id: Mapping[UUID, Channel]
    routes: Mapping[tuple[UUID, str], Sequence[RouteRow]]
    documents: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, Any]
    default_preferences: Mapping[str, Any]
    signing_secret: str
    timezone: str
    allow_list: AllowList | None = None

    @cached_property
    def resources(self) -> Resources:
        """Only those who render need them: a layout that cannot be read keeps no finished message from being sent."""
        layouts, partials = self.documents[resources.EMAIL_LAYOUT], self.documents[resources.PARTIAL]
        translations = self.documents[resources.TRANSLATION]
        return Resources(
            layouts={key: parse_layout(key, document) for key, document in layouts.items()},
            partials={key: parse_partial(key, document) for key, document in partials.items()},
            translations=tuple(parse_translation(key, document) for key, document in translations.items()),
        )

    @property
    def groups(self) -> Mapping[str, Any]:
        return self.documents[resources.CHANNEL_GROUP]

    @cached_property
    def channels(self) -> dict[str, ChannelView]:
        return {channel.key: _view(channel) for channel in self.channels_by_id.values()}

    @cached_property
    def _providers(self) -> dict[tuple[UUID, str], Mapping[Route, Provider | DoorbellError]]:
        return {}

    def providers(self, channel_id: UUID, tenant: str = "") -> Mapping[Route, Provider | DoorbellError]:
        """The channel's providers with their settings, or what is wrong with them: the tenant's own, if it has any.

        Raises `KeyError` when the channel is gone.
        """
        channel = self.channels_by_id[channel_id]
        own = tenant if (channel_id, tenant) in self.routes else ""
        if (channel_id, own) not in self._providers:
            self._providers[channel_id, own] = channel_routes.providers_of(
                channel, self.routes.get((channel_id, own), ())
            )
        return self._providers[channel_id, own]

    def provider(self, channel_id: UUID) -> Provider:
        """The channel's own provider, for everybody. Raises `KeyError` when the channel is gone, and what is wrong with it."""
        first = next(iter(self.providers(channel_id).values()))
        if isinstance(first, DoorbellError):
            raise first
        return first


def _view(channel: Channel) -> ChannelView:
    return ChannelView(
        id=str(channel.id),
        key=channel.key,
        type=channel.type,
        provider=channel.provider,
        sender=str(channel.settings.get("from_address", "")),
        is_addressed=channel.provider == "apprise" and bool(channel.settings.get("urls")),
        is_sandboxed=channel.sandbox,
    )


class Catalog:
    """Everything compiled under one number. Built on demand; two threads that build the same thing do no harm."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._environments: dict[UUID, EnvironmentCatalog] = {}
        self._programs: dict[UUID, Program] = {}

    def environment(self, tx: Transaction, environment_id: UUID) -> EnvironmentCatalog:
        if environment_id not in self._environments:
            self._environments[environment_id] = _load_environment(tx, environment_id)
        return self._environments[environment_id]

    def program(self, tx: Transaction, environment_id: UUID, version_id: UUID) -> Program:
        """A workflow's version, compiled with the environment's layouts, partials and translations."""
        if version_id not in self._programs:
            known = self.environment(tx, environment_id)
            key, content = resources.load_version(tx, version_id)
            types = {channel.key: channel.type for channel in known.channels.values()}
            self._programs[version_id] = Program(parse_workflow(key, content, channel_types=types), known.resources)
        return self._programs[version_id]


def _load_environment(tx: Transaction, environment_id: UUID) -> EnvironmentCatalog:
    (environment,) = (each for each in environments.environments(tx) if each.id == environment_id)
    return EnvironmentCatalog(
        id=environment_id,
        channels_by_id={channel.id: channel for channel in environments.channels(tx, environment_id)},
        routes=_routes(tx, environment_id),
        documents={kind: _documents(tx, kind, environment_id) for kind in resources.SHARED},
        variables=environment.variables,
        default_preferences=environment.default_preferences,
        signing_secret=environment.signing_secret,
        timezone=settings().timezone,
        allow_list=AllowList(allowed) if (allowed := environment.recipient_allow_list) is not None else None,
    )


def _routes(tx: Transaction, environment_id: UUID) -> dict[tuple[UUID, str], list[RouteRow]]:
    """By channel and tenant."""
    found: dict[tuple[UUID, str], list[RouteRow]] = {}
    for row in routes.routes(tx, environment_id):
        found.setdefault((row.channel_id, row.tenant), []).append(row)
    return found


def _documents(tx: Transaction, kind: str, environment_id: UUID) -> dict[str, Any]:
    return {each.key: each.content for each in resources.current(tx, kind, environment_id)}


_lock = Lock()
_newest = Catalog(-1)


def catalog(number: int) -> Catalog:
    """The catalog of that number. An older number than the newest known gets the newest."""
    global _newest
    if number > _newest.number:
        with _lock:
            if number > _newest.number:
                _newest = Catalog(number)
    return _newest
