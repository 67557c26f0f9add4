"""What a step handler asks for. It yields an effect and is resumed with the answer; whoever drives it does the I/O.

What an effect changes happens only if the step's outcome is committed, except for calls to other machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from workflows.content import Content
from workflows.model import AwaitedEvent


@dataclass(frozen=True, slots=True)
class Record:
    """Write one line into the run log. Answered with None.

    `event` is a snake_case verb phrase (`address_resolved`); `detail` never holds rendered bodies or secrets.
    """

    event: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: bool = False


@dataclass(frozen=True, slots=True)
class NameMessage:
    """An id for a message to come, which its templates may show. Answered with 27 characters."""


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Create a message and owe its delivery, at `scheduled_at` (aware, UTC) or now. Answered with None."""

    message_id: str
    channel_key: str
    content: Content
    recipient_snapshot: Mapping[str, Any] = field(default_factory=dict)
    scheduled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Read an entity, or the active subscriptions of one (25 at most: `object`, `properties`).

    Answered as the wire shows it: a map or None; a list of maps.
    """

    kind: Literal["user", "object", "tenant", "subscriptions"]
    collection: str
    id: str


@dataclass(frozen=True, slots=True)
class MessageStatuses:
    """Read what became of earlier steps' messages. Answered with a map: step reference to its messages' `MessageStatus`."""

    refs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Memberships:
    """Which of those audiences the recipient is in, in the run's tenant. Answered with a frozenset of keys."""

    audiences: frozenset[str]


@dataclass(frozen=True, slots=True)
class JoinBatch:
    """Add this run's activity to the open window of that key, or open one. Answered with `Joined`.

    `closes_at` is what this activity asks for: when the window opens it is the window's; later it counts only for a sliding
    one. `latest_close` bounds a sliding window that this activity opens.
    """

    key: str
    closes_at: datetime
    is_sliding: bool
    latest_close: datetime | None
    max_items: int | None
    leads: bool
    is_latest: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """`role`: `carrier` (this run waits for the window and goes on with it), `item` (another run does), `leader` (the
    run goes on alone, its activity is in no window). `closes_at` is when the window closes, as far as is known."""

    role: Literal["carrier", "item", "leader"]
    window_id: str
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class CloseBatch:
    """Close the window that this run carries. Answered with `Open`, when it is too early, or with `Closed`."""

    window_id: str
    render_limit: int
    order: Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class Open:
    """The window stays open until then."""

    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """What was in the window, cancelled activities left out. `data` are the rendered activities' own, oldest first."""

    total_activities: int
    total_actors: int
    data: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CountExecution:
    """Count this execution of a throttle. Answered with `Counted`. `closes_at` is used when this one opens the window."""

    key: str
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """How many executions the window has seen, this one included, and when it closes."""

    number: int
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Await:
    """Collect events of the recipient from now on, for this step. Answered with None."""

    event: AwaitedEvent


@dataclass(frozen=True, slots=True)
class TakeEvents:
    """The events collected since the last time, oldest first, as a list of `Signal`. Collecting ends with the step."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happened: when, and what `event.*` means (contract: semantics §9)."""

    at: datetime
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HttpCall:
    """Ask another machine, at least once. Answered with `HttpReply`. `timeout` in seconds bounds all of it.

    Guarded, because a workflow's author chose the address: private ones are refused.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query_params: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    timeout: float = 15.0
    signing_key: str | None = None
    is_guarded: bool = True


@dataclass(frozen=True, slots=True)
class HttpReply:
    """`status` 0: there was no answer, `error` says why, and `is_timeout` whether asking again may help.

    `seconds` is how long it took.
    """

    status: int
    text: str = ""
    error: str = ""
    is_timeout: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AskModel:
    """Prompt a language model. Answered with `ModelReply`."""

    model: str
    prompt: str
    response_schema: Mapping[str, Any] | None = None
    searches_web: bool = False


@dataclass(frozen=True, slots=True)
class ModelReply:
    """`error` is empty when there is a text; `is_final` says that asking again is no use (a refusal, no endpoint)."""

    text: str = ""
    error: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class TriggerWorkflow:
    """Trigger another workflow, once. Recipients, actor and tenant as on the wire.

    Answered with the trigger's id (text), or None when there is no such active workflow.
    """

    workflow_key: str
    recipients: tuple[Any, ...]
    data: Mapping[str, Any]
    actor: Any = None
    tenant: str | None = None
    cancellation_key: str | None = None


@dataclass(frozen=True, slots=True)
class Identify:
    """Merge properties (deeply) into a recipient, who is made when unknown; `preferences` by set id likewise.

    Answered with the entity before (None when it is new) and as it is now, as the wire shows it.
    """

    collection: str
    id: str
    properties: Mapping[str, Any]
    preferences: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeAudience:
    """Add the run's recipient to a static audience in the run's tenant, or remove it. Answered with whether it changed."""

    audience_key: str
    adds: bool


Effect = (
    Record
    | NameMessage
    | Enqueue
    | LookUp
    | MessageStatuses
    | Memberships
    | JoinBatch
    | CloseBatch
    | CountExecution
    | Await
    | TakeEvents
    | HttpCall
    | AskModel
    | TriggerWorkflow
    | Identify
    | ChangeAudience
)
OUTWARD = (HttpCall, AskModel)
"""Effects that call another machine: never answered inside of a transaction, and possibly carried out again."""
