"""What a step and a template can see (contract: semantics §20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows.program import Program


@dataclass(frozen=True)
class Scope:
    """The variables of one run at one step. Entities are as the wire shows them, custom properties included."""

    data: Mapping[str, Any]
    recipient: Mapping[str, Any]
    actor: Mapping[str, Any] | None = None
    tenant: Mapping[str, Any] | None = None
    workflow: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    activities: tuple[Mapping[str, Any], ...] = ()
    total_activities: int = 1
    timestamp: str = ""

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The namespace of a template: the reserved names win over top-level keys of the trigger's data."""
        actors = [self.actor] if self.actor else []
        return {
            **self.data,
            "data": self.data,
            "recipient": self.recipient,
            "actor": self.actor,
            "tenant": self.tenant,
            "workflow": self.workflow,
            "vars": self.vars,
            "activities": list(self.activities),
            "total_activities": self.total_activities,
            "actors": actors,
            "total_actors": len(actors),
            "timestamp": self.timestamp,
        }

    def lookup(self, path: str) -> Any:
        """The value at a path such as `data.renewal.at`; a bare path is looked up in the data. None when absent."""
        head, _, rest = path.partition(".")
        namespace = self._namespaces.get(head) if rest else None
        value: Any = self.data if namespace is None else namespace
        for name in (path if namespace is None else rest).split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    @cached_property
    def _namespaces(self) -> dict[str, Mapping[str, Any]]:
        return {
            "data": self.data,
            "recipient": self.recipient,
            "actor": self.actor or {},
            "tenant": self.tenant or {},
            "vars": self.vars,
        }


@dataclass(frozen=True, slots=True)
class ChannelView:
    """What a step may know of a configured channel: never its credentials. `sender` is who its e-mails come from."""

    id: str
    key: str
    type: str
    provider: str
    sender: str = ""


@dataclass(frozen=True)
class StepContext:
    """One execution of one step.

    `now` is aware and UTC, given by the driver. `channels` are those configured in the environment, by key. `program`
    is the run's version of the workflow, compiled. `attempt` counts failures from 1. `paused_until` is the time this
    very step asked to be resumed at, None on its first execution. `timezone` is the recipient's zone name, or the
    account's.
    """

    scope: Scope
    now: datetime
    channels: Mapping[str, ChannelView]
    program: Program
    attempt: int = 1
    paused_until: datetime | None = None
    skip_delay: bool = False
    timezone: str = "Etc/UTC"
