"""Which provider is asked: in which order, when another one takes over, and when nobody does."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify_workers.routing import Route, Tried, choose, in_order

FIRST, SECOND, THIRD = ROUTES = (Route(0), Route(1), Route(2))


def positions(tried: list[tuple[int, str]], closed: set[int] | None = None) -> tuple[int, list[int], int]:
    open_or_not = {0, 1, 2} if closed is None else closed
    choice = choose(ROUTES, "m", [Tried(*each) for each in tried], lambda route: route.position in open_or_not)
    return choice.route.position, [each.position for each in choice.others], choice.round


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ([], (0, [1, 2], 1)),
        ([(0, "retry")], (1, [2], 1)),
        ([(0, "retry"), (1, "refused")], (2, [], 1)),
        ([(0, "retry"), (1, "retry"), (2, "retry")], (0, [1, 2], 2)),
        ([(0, "retry"), (1, "retry"), (2, "retry"), (0, "retry")], (1, [2], 2)),
    ],
)
def test_routes_are_asked_one_after_the_other_and_then_anew(
    tried: list[tuple[int, str]], expected: tuple[int, list[int], int]
) -> None:
    assert positions(tried) == expected


def test_after_an_attempt_that_nobody_knows_the_result_of_nobody_else_is_asked() -> None:
    assert positions([(0, "retry"), (1, "unknown")]) == (1, [], 3)
    assert positions([(0, "unknown"), (0, "retry")]) == (0, [], 3)


def test_routes_that_fail_are_passed_over_while_there_are_others() -> None:
    assert positions([], closed={1, 2}) == (1, [0, 2], 1)
    assert positions([(1, "retry")], closed={2}) == (2, [0], 1)
    assert positions([], closed=set()) == (0, [1, 2], 1)


def test_a_breaker_is_asked_only_for_those_that_may_be_next() -> None:
    asked: list[int] = []

    def closed(route: Route) -> bool:
        asked.append(route.position)
        return True

    choose(ROUTES, "m", [], closed)
    choose(ROUTES[:1], "m", [], closed)
    assert asked == [0]


def test_weights_are_shares_and_each_message_keeps_its_own_order() -> None:
    routes = (Route(0, 1.0), Route(1, 3.0))
    first = Counter(in_order(routes, f"message-{n}")[0].position for n in range(8000))
    assert 0.23 < first[0] / 8000 < 0.27
    assert {in_order(routes, "message-1")[0].position for _ in range(10)} == {in_order(routes, "message-1")[0].position}


OUTCOMES = st.sampled_from(["retry", "refused", "unknown"])


@given(st.lists(OUTCOMES, max_size=12), st.sets(st.integers(0, 2)))
def test_nobody_is_asked_after_somebody_else_may_have_accepted(outcomes: list[str], closed: set[int]) -> None:
    tried: list[Tried] = []
    for outcome in outcomes:
        choice = choose(ROUTES, "m", tried, lambda route: route.position in closed)
        unsure = {each.position for each in tried if each.outcome == "unknown"}
        assert unsure <= {choice.route.position}
        assert not unsure or not choice.others
        tried.append(Tried(choice.route.position, outcome))
