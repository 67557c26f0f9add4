"""What a simulated world runs in: channels, resources, settings, and workflows with their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

from workflows.parse import parse_workflow
from workflows.program import Program
from workflows.scope import ChannelView
from workflows.templates import NO_RESOURCES, Resources

NAMESPACE = UUID("1e0c8c3a-93a4-5d55-8f3b-50ab00000000")
"""Of identifiers that a simulation makes: the same ones each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The engine's settings that decide what happens, with the same defaults. Delays in seconds."""

    step_attempts: int = 3
    step_retry_delay: float = 2.0
    max_nesting: int = 10
    timezone: str = "Etc/UTC"
    public_url: str = "http://127.0.0.1:4000"
    variables: Mapping[str, Any] = field(default_factory=dict)
    default_preferences: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a workflow, ready to run; `number` counts from 1."""

    id: UUID
    number: int
    program: Program

    @property
    def key(self) -> str:
        return self.program.workflow.key


@dataclass
class Environment:
    """`channels` and channel `groups` are by key."""

    channels: Mapping[str, ChannelView]
    resources: Resources = NO_RESOURCES
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    _versions: dict[str, list[Version]] = field(default_factory=dict)
    _inactive: set[str] = field(default_factory=set)

    def publish(self, key: str, document: Mapping[str, Any]) -> None:
        """Makes a document the workflow's current version, unless it is. Raises `DocumentInvalid` with every problem."""
        types = {channel.key: channel.type for channel in self.channels.values()}
        workflow = parse_workflow(key, document, channel_types=types)
        versions = self._versions.setdefault(key, [])
        if versions and versions[-1].program.workflow == workflow:
            return
        number = len(versions) + 1
        versions.append(Version(uuid5(NAMESPACE, f"{key} {number}"), number, Program(workflow, self.resources)))

    def set_active(self, key: str, *, active: bool) -> None:
        (self._inactive.discard if active else self._inactive.add)(key)

    def copy(self) -> Environment:
        """One for a simulation of its own; what is compiled is shared."""
        versions = {key: list(each) for key, each in self._versions.items()}
        return replace(self, _versions=versions, _inactive=set(self._inactive))

    def is_active(self, key: str) -> bool:
        return key in self._versions and key not in self._inactive

    def current(self, key: str) -> Version | None:
        """The version that new runs start on; None when there is no such workflow."""
        versions = self._versions.get(key)
        return versions[-1] if versions else None

    def newer(self, version: Version) -> Iterator[Version]:
        """Newest first."""
        yield from reversed(self._versions[version.key][version.number :])

    @property
    def keys(self) -> list[str]:
        return sorted(self._versions)
