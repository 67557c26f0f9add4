"""What happens to a simulated world from outside: a closed list of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows.recipients import Identity, Reference
from workflows.simulate.triggers import Request


@dataclass(frozen=True, slots=True)
class Triggered:
    request: Request


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Without recipients, everybody's."""

    workflow: str
    cancellation_key: str
    recipients: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Identified:
    identity: Identity


@dataclass(frozen=True, slots=True)
class PreferencesSet:
    """A write of one preference set; it replaces, unless the set says otherwise (contract: semantics §11.4)."""

    recipient: Reference
    set_id: str
    preferences: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    recipient: Reference


@dataclass(frozen=True, slots=True)
class Engaged:
    """Something happened to a message: the newest that fits, or the `nth` of those that fit, counted from 1."""

    recipient: Reference
    status: str
    workflow: str | None = None
    step: str | None = None
    nth: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudienceChanged:
    audience: str
    recipient: Reference
    tenant: str | None
    adds: bool


@dataclass(frozen=True, slots=True)
class Published:
    """A workflow gets a new version."""

    workflow: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Activated:
    """A workflow is made active or inactive."""

    workflow: str
    active: bool


What = Triggered | Cancelled | Identified | PreferencesSet | Deleted | Engaged | AudienceChanged | Published | Activated


@dataclass(frozen=True, slots=True)
class Happening:
    """`line` is where it stands in the stream, 0 when it stands in none."""

    at: datetime
    what: What
    line: int = 0
