"""What a step handler asks for. It yields an effect and is resumed with the answer; whoever drives it does the I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.content import Content


@dataclass(frozen=True, slots=True)
class Record:
    """Write one line into the run log. Answered with None.

    `event` is a snake_case verb phrase (`address_resolved`); `detail` never holds rendered bodies or secrets.
    """

    event: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: bool = False


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Create a message and owe its delivery. Answered with the message's id (27 characters).

    The message exists only if the step's outcome is committed.
    """

    channel_key: str
    content: Content
    recipient_snapshot: Mapping[str, Any] = field(default_factory=dict)


Effect = Record | Enqueue
