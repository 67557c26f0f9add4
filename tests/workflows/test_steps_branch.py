from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.conftest import NOW
from tests.workflows.playing import play
from workflows.conditions import Condition, Group
from workflows.effects import MessageStatuses
from workflows.model import Branch, BranchStep, Cohort, CohortStep, Workflow
from workflows.outcomes import Enter
from workflows.program import Program
from workflows.scope import Scope, StepContext
from workflows.statuses import MessageStatus

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


def when(value: str) -> Group:
    return Group("all", (Condition("data.plan", "equal_to", value),))


def branch(*plans: str) -> BranchStep:
    ways = tuple(Branch(plan.title(), conditions=when(plan)) for plan in plans)
    return BranchStep(ref="branch_1", type="branch", branches=(*ways, Branch("Default")))


@pytest.mark.parametrize(
    ("plan", "entered"),
    [
        ("pro", Enter(0, "branch `Pro`")),
        ("free", Enter(1, "branch `Free`")),
        ("x", Enter(2, "branch `Default` (the default)")),
    ],
)
def test_the_first_branch_whose_conditions_are_met_is_entered(
    plan: str, entered: Enter, make_context: MakeContext, make_scope: MakeScope
) -> None:
    played = play(branch("pro", "free"), make_context(scope=make_scope(data={"plan": plan})))
    assert played.outcome == entered


def test_of_two_branches_that_are_met_the_first_one_wins_and_the_second_is_not_looked_at(
    make_context: MakeContext, make_scope: MakeScope
) -> None:
    played = play(branch("pro", "pro"), make_context(scope=make_scope(data={"plan": "pro"})))
    assert isinstance(played.outcome, Enter)
    assert played.outcome.branch == 0
    assert played.events == ["conditions_evaluated"]


def test_what_each_branchs_conditions_saw_is_recorded(make_context: MakeContext, make_scope: MakeScope) -> None:
    played = play(branch("pro", "free"), make_context(scope=make_scope(data={"plan": "free"})))
    seen = [(effect.detail["of"], effect.detail["passed"]) for effect in played.effects]  # type: ignore[union-attr]
    assert seen == [("branch `Pro`", False), ("branch `Free`", True)]
    assert played.effects[0].detail["evaluations"][0]["value"] == "free"  # type: ignore[union-attr]


def test_a_branch_may_ask_for_the_statuses_of_messages(make_context: MakeContext) -> None:
    seen = Group("all", (Condition("refs.email_1.engagement_status", "contains", "$message.seen"),))
    step = BranchStep(ref="branch_1", type="branch", branches=(Branch("Seen", conditions=seen), Branch("Default")))
    message = MessageStatus("delivered", frozenset({"seen"}))
    played = play(step, make_context(), {MessageStatuses: {"email_1": (message,)}})
    assert played.outcome == Enter(0, "branch `Seen`")
    assert played.only(MessageStatuses) == MessageStatuses(frozenset({"email_1"}))


def cohorts(*percentages: str, key: str | None = None, ref: str = "experiment_1") -> CohortStep:
    ways = tuple(Cohort(f"{number}", Decimal(each)) for number, each in enumerate(percentages))
    return CohortStep(ref=ref, type="random_cohort", branches=ways, cohort_key=key)


def entered(step: CohortStep, context: StepContext) -> int:
    outcome = play(step, context).outcome
    assert isinstance(outcome, Enter)
    return outcome.branch


def shares(step: CohortStep, make: Callable[[str], StepContext]) -> list[float]:
    places = [entered(step, make(f"user_{number}")) for number in range(2000)]
    return [places.count(index) / 2000 for index in range(len(step.branches))]


@pytest.fixture
def for_user(make_context: MakeContext, make_scope: MakeScope) -> Callable[[str], StepContext]:
    known = make_context()
    return lambda user: make_context(scope=make_scope(recipient={"id": user}), program=known.program)


def test_recipients_are_spread_as_the_percentages_say(for_user: Callable[[str], StepContext]) -> None:
    assert shares(cohorts("10", "30.5", "59.5"), for_user) == pytest.approx([0.1, 0.305, 0.595], abs=0.03)


def test_nobody_enters_a_cohort_of_nothing(for_user: Callable[[str], StepContext]) -> None:
    assert shares(cohorts("0", "100", "0"), for_user) == [0, 1, 0]


def test_two_experiments_split_recipients_independently(for_user: Callable[[str], StepContext]) -> None:
    first, second = cohorts("50", "50"), cohorts("50", "50", ref="experiment_2")
    users = [for_user(f"user_{number}") for number in range(400)]
    both = sum(entered(first, user) == entered(second, user) for user in users)
    assert 140 < both < 260


@given(user=st.text(min_size=1, max_size=40))
def test_a_recipient_enters_the_same_cohort_each_time(user: str) -> None:
    step = cohorts("33.3", "33.3", "33.4")
    contexts = [_context(user), _context(user, data={"n": 1})]
    assert len({entered(step, context) for context in contexts}) == 1


def _context(user: str, **scope: Any) -> StepContext:
    whole = Scope(**{"data": {}, "recipient": {"id": user}, **scope})
    return StepContext(whole, NOW, {}, Program(Workflow("welcome", "Welcome", ())))


def test_a_key_puts_those_who_share_it_together(make_context: MakeContext, make_scope: MakeScope) -> None:
    step = cohorts("50", "50", key="data.team")
    teams = {
        team: {
            entered(step, make_context(scope=make_scope(data={"team": team}, recipient={"id": user})))
            for user in "abcdef"
        }
        for team in ("red", "blue", "green", "black")
    }
    assert all(len(cohort) == 1 for cohort in teams.values())


def test_a_key_that_gives_nothing_means_the_recipient(for_user: Callable[[str], StepContext]) -> None:
    keyed, plain = cohorts("50", "50", key="data.team"), cohorts("50", "50")
    users = [for_user(f"user_{number}") for number in range(50)]
    assert [entered(keyed, user) for user in users] == [entered(plain, user) for user in users]
