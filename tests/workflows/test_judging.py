from collections.abc import Callable
from typing import Any

import pytest

from workflows.conditions import Condition, Group
from workflows.effects import Effect, LookUp, Memberships, MessageStatuses, Record
from workflows.errors import TemplateError
from workflows.evaluation import Verdict
from workflows.judging import gather, judge
from workflows.run import drive
from workflows.scope import Scope, StepContext
from workflows.statuses import MessageStatus

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


def all_of(*conditions: tuple[str, str, str | None]) -> Group:
    return Group("all", tuple(Condition(*each) for each in conditions))


def judged(
    group: Group, context: StepContext, event: dict[str, Any] | None = None, **answers: Any
) -> tuple[Verdict, list[Effect]]:
    effects: list[Effect] = []

    def answer(effect: Effect) -> Any:
        effects.append(effect)
        return answers.get(type(effect).__name__)

    verdict: Any = drive(judge(group, context, "step", event), answer)  # type: ignore[arg-type]
    return verdict, effects


def test_the_verdict_is_recorded_with_the_values_that_were_seen(
    make_context: MakeContext, make_scope: MakeScope
) -> None:
    group = all_of(("data.n", "greater_than", "5"), ("data.plan", "equal_to", "pro"), ("data.x", "exists", None))
    verdict, effects = judged(group, make_context(scope=make_scope(data={"n": 7, "plan": "free"})))
    assert not verdict.passed
    (record,) = effects
    assert isinstance(record, Record)
    assert (record.event, record.detail["of"], record.detail["passed"]) == ("conditions_evaluated", "step", False)
    seen = [(each["variable"], each["value"], each["result"]) for each in record.detail["evaluations"]]
    assert seen == [("data.n", 7, True), ("data.plan", "free", False), ("data.x", None, None)]


def test_only_what_conditions_read_is_asked_for(make_context: MakeContext) -> None:
    group = all_of(
        ("refs.email_1.delivery_status", "equal_to", "$message.sent"), ("recipient", "is_audience_member", "beta")
    )
    statuses = {"email_1": (MessageStatus("sent"),)}
    verdict, effects = judged(group, make_context(), MessageStatuses=statuses, Memberships=frozenset({"beta"}))
    assert verdict.passed
    assert effects[:2] == [MessageStatuses(frozenset({"email_1"})), Memberships(frozenset({"beta"}))]
    assert [type(effect) for effect in judged(all_of(("data.n", "empty", None)), make_context())[1]] == [Record]


def test_an_event_is_what_its_namespace_means(make_context: MakeContext) -> None:
    event = {"data": {"url": "/a"}, "type": "x"}
    assert judged(all_of(("event.data.url", "equal_to", "/a")), make_context(), event)[0].passed
    assert not judged(all_of(("event.data.url", "equal_to", "/a")), make_context())[0].passed


def test_liquid_in_an_argument_is_rendered_and_may_look_entities_up(make_context: MakeContext) -> None:
    argument = '{% assign a = "ann" | user %}{{ a.plan }}'
    group = all_of(("recipient.name", "not_equal_to", argument))
    verdict, effects = judged(group, make_context(), LookUp={"id": "ann", "plan": "pro"})
    assert verdict.passed
    assert effects[0] == LookUp("user", "$users", "ann")
    assert verdict.evaluations[0].argument_value == "pro"


def test_liquid_that_does_not_render_is_an_error(make_context: MakeContext) -> None:
    with pytest.raises(TemplateError, match=r"^conditions, line 1, column"):
        judged(all_of(("data.n", "equal_to", "{{ 1 | divided_by: 0 }}")), make_context())


def test_the_value_of_an_environment_variable_is_not_recorded(make_context: MakeContext, make_scope: MakeScope) -> None:
    context = make_context(scope=make_scope(vars={"key": "s3cret"}))
    _, effects = judged(all_of(("vars.key", "equal_to", "{{ vars.key }}")), context)
    assert "s3cret" not in repr(effects)


def test_without_conditions_nothing_is_asked_for(make_context: MakeContext) -> None:
    with pytest.raises(StopIteration) as end:
        next(gather(None, make_context()))
    assert (end.value.value.statuses, end.value.value.audiences) == ({}, frozenset())
