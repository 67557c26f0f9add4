"""Delivery and engagement statuses of messages, and their order (contract: workflow-schema §4.5).

The cases of a condition are the statuses themselves, `skipped` (the step made no message) and two that join engagement
statuses. An ordering operator compares ranks; in it `engagement_status` and `status` stand for the message's highest status
of both kinds, `delivery_status` for the delivery alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Literal

StatusKind = Literal["delivery_status", "engagement_status", "status"]
"""What a condition asks about a step's message; `status` is the older form, of both kinds in one."""

SKIPPED = "skipped"
_LOWEST = -1
_RANKS = {
    "undelivered": 0,
    "bounced": 1,
    "delivery_attempted": 2,
    "queued": 3,
    "not_sent": 4,
    "sent": 5,
    "delivered": 6,
    "seen": 7,
    "read": 8,
    "interacted": 9,
    "link_clicked": 9,
    "archived": 10,
}
_JOINED = {"seen_not_read": ("seen", "read"), "read_not_link_clicked": ("read", "link_clicked")}
"""The one engagement status is there, the other one is not."""

IMPLIED: Mapping[str, Sequence[str]] = {"read": ("seen",), "interacted": ("seen", "read")}
"""Who reads has seen, and who interacts has read: else an item would turn unread again where the clients show it as read."""

STATUS_CASES = (SKIPPED, *_RANKS, *_JOINED)


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """What is known of a message: its delivery status, and its engagement statuses (a set)."""

    delivery: str
    engagement: frozenset[str] = frozenset()

    @property
    def rank(self) -> int:
        return max(_rank(status) for status in (self.delivery, *self.engagement))

    @property
    def highest(self) -> tuple[str, ...]:
        """The highest of all its statuses; two when a recipient interacted and clicked a link, which rank the same."""
        return tuple(sorted(status for status in {self.delivery, *self.engagement} if _rank(status) == self.rank))


def _rank(status: str) -> int:
    return _RANKS.get(status, _LOWEST)


def highest_of(messages: Sequence[MessageStatus]) -> MessageStatus | None:
    """Of several messages of one step the one that a condition looks at; None when the step made none."""
    return max(messages, key=lambda message: (message.rank, _rank(message.delivery)), default=None)


def shown_status(kind: StatusKind, messages: Sequence[MessageStatus]) -> str | list[str]:
    """What a condition saw, for people: a status, or the list of engagement statuses."""
    message = highest_of(messages)
    if message is None:
        return SKIPPED
    match kind:
        case "delivery_status":
            return message.delivery
        case "engagement_status":
            return sorted(message.engagement, key=_rank)
        case "status":
            return message.highest[-1]


def status_holds(kind: StatusKind, operator: str, cases: Sequence[str], messages: Sequence[MessageStatus]) -> bool:
    """Whether a step's messages meet a condition. `cases` are the argument's, without `$message.`.

    False for an operator that says nothing about statuses.
    """
    message = highest_of(messages)
    if operator.removeprefix("not_") in _INCLUSIONS:
        holds = _INCLUSIONS[operator.removeprefix("not_")](kind, cases, message)
        return holds is not operator.startswith("not_")
    return operator in _ORDERINGS and len(cases) == 1 and _ordered(kind, operator, cases[0], message)


_ORDERINGS: dict[str, Callable[[int, int], bool]] = {
    "greater_than": gt,
    "greater_than_or_equal_to": ge,
    "less_than": lt,
    "less_than_or_equal_to": le,
}


def _ordered(kind: StatusKind, operator: str, case: str, message: MessageStatus | None) -> bool:
    """A step without a message ranks below all: its message has neither been sent nor seen."""
    if case != SKIPPED and case not in _RANKS:
        return False
    rank = _LOWEST if message is None else _rank(message.delivery) if kind == "delivery_status" else message.rank
    return _ORDERINGS[operator](rank, _rank(case))


def _equals(kind: StatusKind, cases: Sequence[str], message: MessageStatus | None) -> bool:
    if kind != "status" or message is None:
        return _contains(kind, cases, message)
    return any(case in message.highest or (case in _JOINED and _is(kind, case, message)) for case in cases)


def _contains(kind: StatusKind, cases: Sequence[str], message: MessageStatus | None) -> bool:
    return any(_is(kind, case, message) for case in cases)


def _contains_all(kind: StatusKind, cases: Sequence[str], message: MessageStatus | None) -> bool:
    return all(_is(kind, case, message) for case in cases)


def _is(kind: StatusKind, case: str, message: MessageStatus | None) -> bool:
    if message is None:
        return case == SKIPPED
    if kind == "delivery_status":
        return case == message.delivery
    if case in _JOINED:
        present, absent = _JOINED[case]
        return present in message.engagement and absent not in message.engagement
    return case in message.engagement or (kind == "status" and case == message.delivery)


def _exists(_kind: StatusKind, _cases: Sequence[str], message: MessageStatus | None) -> bool:
    return message is not None


def _empty(kind: StatusKind, _cases: Sequence[str], message: MessageStatus | None) -> bool:
    return message is None or (kind == "engagement_status" and not message.engagement)


_INCLUSIONS: dict[str, Callable[[StatusKind, Sequence[str], MessageStatus | None], bool]] = {
    "equal_to": _equals,
    "contains": _contains,
    "contains_all": _contains_all,
    "exists": _exists,
    "empty": _empty,
}
