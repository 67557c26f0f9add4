"""Which of a channel's providers sends a message: their order, and when another one takes over.

Another provider is asked only after an outcome that proves that nothing was accepted. After one that proves nothing the same
provider is asked again, or nobody: it alone can tell a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log

PROVE_NOTHING = "unknown"


@dataclass(frozen=True, slots=True)
class Route:
    """One provider of a channel. `weight` is its share of the messages, `rate` how many it takes a second; None: no limit.

    `tenant` has it for its own messages; empty: everybody's.
    """

    position: int
    weight: float | None = None
    rate: float | None = None
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that has ended: by which route, and what came of it, in the ledger's words."""

    position: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Choice:
    """`others` come next, at once, if this one proves that it accepted nothing. `round` counts from 1."""

    route: Route
    others: Sequence[Route]
    round: int


def choose(
    routes: Sequence[Route], message_id: str, tried: Sequence[Tried], closed: Callable[[Route], bool] = lambda _: True
) -> Choice:
    """The route of the next attempt. Routes whose breaker is open are passed over while there are others.

    There is at least one route.
    """
    unsure = next((each.position for each in reversed(tried) if each.outcome == PROVE_NOTHING), None)
    stuck = next((each for each in routes if each.position == unsure), None)
    if stuck is not None:
        return Choice(stuck, (), len(tried) + 1)
    ordered = in_order(routes, message_id)
    asked, rounds = _this_round(ordered, tried)
    left = [each for each in ordered if each.position not in asked]
    first = next((each for each in left if closed(each)), left[0]) if len(left) > 1 else left[0]
    return Choice(first, [each for each in left if each is not first], rounds + 1)


def in_order(routes: Sequence[Route], message_id: str) -> list[Route]:
    """By position; with weights by chance, each message its own, the same for each of its attempts."""
    if all(each.weight is None for each in routes):
        return sorted(routes, key=lambda route: route.position)
    return sorted(routes, key=lambda route: _lot(route, message_id))


def _lot(route: Route, message_id: str) -> float:
    """The lowest comes first: a route of weight 3 three times as often as one of weight 1 (Efraimidis and Spirakis, 2006)."""
    digest = sha256(f"{message_id}/{route.position}".encode()).digest()
    drawn = (int.from_bytes(digest[:8]) + 1) / (2**64 + 1)
    return -log(drawn) / (route.weight or 1.0)


def _this_round(routes: Collection[Route], tried: Sequence[Tried]) -> tuple[set[int], int]:
    """Which routes were asked since all of them were, and how often all of them were."""
    asked: set[int] = set()
    rounds, known = 0, {each.position for each in routes}
    for each in tried:
        asked.add(each.position)
        if asked >= known:
            asked, rounds = set(), rounds + 1
    return asked, rounds
