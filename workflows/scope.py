"""What a step and a template can see (contract: semantics §20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows.program import Program

ENTITIES = "$entities"
"""The variable that holds a scope's `entities`. It is taken out before a template sees its variables."""


@dataclass(frozen=True)
class Scope:
    """The variables of one run at one step. Entities are as the wire shows them, custom properties included.

    `activities` and `actors` are those that templates are shown, oldest first; the totals count all of a batch's.
    `first_data` is that of the batch's oldest activity, None without a batch. `refs` are the outputs of earlier steps, by
    reference.
    """

    data: Mapping[str, Any]
    recipient: Mapping[str, Any]
    actor: Mapping[str, Any] | None = None
    tenant: Mapping[str, Any] | None = None
    workflow: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    activities: tuple[Mapping[str, Any], ...] = ()
    total_activities: int = 1
    actors: tuple[Mapping[str, Any], ...] = ()
    total_actors: int = 0
    first_data: Mapping[str, Any] | None = None
    refs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    timestamp: str = ""
    current_message: Mapping[str, Any] | None = None
    entities: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    """What templates have asked for: kind, collection and id of a `LookUp` to its answer."""

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The namespace of a template: the reserved names win over top-level keys of the trigger's data."""
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
            "actors": list(self.actors),
            "total_actors": self.total_actors,
            "refs": self.refs,
            "timestamp": self.timestamp,
            "current_message": self.current_message,
            ENTITIES: self.entities,
        }

    def lookup(self, path: str) -> Any:
        """The value at a path such as `data.renewal.at`; a bare path is looked up in the data. None when absent."""
        head, _, rest = path.partition(".")
        namespace = self.namespaces.get(head) if rest else None
        value: Any = self.data if namespace is None else namespace
        for name in (path if namespace is None else rest).split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    @cached_property
    def namespaces(self) -> dict[str, Mapping[str, Any]]:
        """What the first name of a path may mean."""
        return {
            "data": self.data,
            "recipient": self.recipient,
            "actor": self.actor or {},
            "tenant": self.tenant or {},
            "vars": self.vars,
            "workflow": self.workflow,
            "run": {"total_activities": self.total_activities, "total_actors": self.total_actors},
            "refs": self.refs,
        }


@dataclass(frozen=True, slots=True)
class ChannelView:
    """What a step may know of a configured channel: never its credentials. `sender` is who its e-mails come from.

    `is_addressed`: its settings say where messages go, whoever the recipient is. `is_sandboxed`: they are not sent.
    """

    id: str
    key: str
    type: str
    provider: str
    sender: str = ""
    is_addressed: bool = False
    is_sandboxed: bool = False


@dataclass(frozen=True, slots=True)
class Preferences:
    """The stored preference sets that may apply, None where there is none (contract: semantics §11).

    `recipient` and `recipient_tenant` are the recipient's own (`default`, and the one named for the run's tenant),
    `tenant` the tenant's default for its recipients, `environment` everybody's default.
    """

    recipient: Mapping[str, Any] | None = None
    recipient_tenant: Mapping[str, Any] | None = None
    tenant: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None


NO_PREFERENCES = Preferences()


@dataclass(frozen=True)
class StepContext:
    """One execution of one step.

    `now` is aware and UTC, given by the driver. `channels` are those configured in the environment, by key, `groups` its
    channel groups' documents. `program` is the run's version of the workflow, compiled. `attempt` counts failures from 1,
    `is_first` says that the run starts here. `paused_until` is the time this very step asked to be resumed at, None on
    its first execution, and `memory` what it wanted to keep. `timezone` is the recipient's zone name, or the account's.
    `channel_data` is the recipient's by channel id, `tenant_channel_data` the tenant's. `unsubscribe_url` is the
    recipient's own link, empty unless the workflow is commercial. `execution_id` names the step of the run: the same text
    whenever it is executed again.
    """

    scope: Scope
    now: datetime
    channels: Mapping[str, ChannelView]
    program: Program
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    attempt: int = 1
    is_first: bool = False
    paused_until: datetime | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    skip_delay: bool = False
    sandbox_mode: bool = False
    timezone: str = "Etc/UTC"
    channel_data: Mapping[str, Any] = field(default_factory=dict)
    tenant_channel_data: Mapping[str, Any] = field(default_factory=dict)
    preferences: Preferences = NO_PREFERENCES
    unsubscribe_url: str = ""
    execution_id: str = ""

    @cached_property
    def variables(self) -> Mapping[str, Any]:
        """The namespace of a template at this step; `now` is what the filter `date` takes as "now"."""
        known = {**self.scope.vars, "commercial_unsubscribe_url": self.unsubscribe_url}
        return {**self.scope.variables, "vars": known, "now": self.now.isoformat()}
