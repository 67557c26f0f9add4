"""Groups evaluated against facts: values found, short circuits, and what the run log is told."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.conditions import Condition, Group, conditions_of, parse_group
from workflows.evaluation import NOT_SHOWN, Evaluation, Facts, Verdict, evaluate
from workflows.scope import Scope
from workflows.statuses import MessageStatus

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SCOPE = Scope(
    data={"dino": "rex", "count": 5, "zip": "12345", "tags": ["a", "b"], "ends": "2026-03-05", "nothing": None},
    recipient={"id": "jane", "plan": "pro", "muted_dinos": ["rex"], "created_at": "2026-02-20T00:00:00Z"},
    vars={"limit": 3, "token": "s3cret"},
    workflow={"categories": ["billing"]},
    total_activities=7,
    refs={"wait_1": {"matched": True, "signal_variables": {"amount": 9}}},
)


def facts(**fields: Any) -> Facts:
    return Facts(**{"lookup": SCOPE.lookup, "now": NOW, **fields})


def seen(variable: str, operator: str, argument: Any = None, **fields: Any) -> Evaluation:
    group = Group("all", (Condition(variable, operator, argument),))
    return evaluate(group, facts(**fields)).evaluations[0]


def passes(variable: str, operator: str, argument: Any = None, **fields: Any) -> bool | None:
    return seen(variable, operator, argument, **fields).result


@pytest.mark.parametrize(
    ("variable", "operator", "argument", "expected"),
    [
        ("recipient.plan", "equal_to", "pro", True),
        ("recipient.plan", "equal_to", '"pro"', True),
        ("data.count", "equal_to", "5", True),
        ("data.count", "greater_than", "vars.limit", True),
        ("data.zip", "equal_to", "12345", False),
        ("data.zip", "equal_to", '"12345"', True),
        ("dino", "equal_to", "rex", True),
        ("run.total_activities", "greater_than", "5", True),
        ("workflow.categories", "contains", "billing", True),
        ("recipient.muted_dinos", "contains", "data.dino", True),
        ("recipient.muted_dinos", "not_contains", "data.dino", False),
        ("refs.wait_1.matched", "equal_to", "true", True),
        ("refs.wait_1.signal_variables.amount", "equal_to", "9", True),
        ("data.missing", "equal_to", "", True),
        ("data.missing", "equal_to", "null", True),
        ("data.missing", "exists", None, False),
        ("data.nothing", "equal_to", None, True),
        ("data.missing", "not_equal_to", "data.dino", True),
        ("data.dino", "equal_to", "data.missing", False),
        ("5", "equal_to", "5", True),
        ('["x"]', "contains", "x", True),
        ("recipient.created_at", "greater_than", "30_days_ago", True),
        ("recipient.created_at", "is_timestamp_before", "data.ends", True),
        ("data.ends", "is_timestamp_between", '["now", "recipient.created_at"]', False),
        ("data.ends", "is_timestamp_between", '["recipient.created_at", "1 week from now"]', True),
        ("data.count", "is_between", '["vars.limit", 9]', True),
        ("data.count", "unheard_of", "5", False),
        ("", "", None, False),
    ],
)
def test_variables_and_arguments_are_values_or_paths(
    variable: str, operator: str, argument: str | None, expected: bool
) -> None:
    assert passes(variable, operator, argument) is expected


def test_liquid_renders_to_a_value_and_never_to_a_path() -> None:
    rendered = {"{{ data.n }}": "5", "{{ data.at | date }}": "2026-03-02", "{{ data.evil }}": "vars.token"}
    assert passes("data.count", "equal_to", "{{ data.n }}", render=rendered.__getitem__) is True
    assert passes("data.ends", "is_timestamp_on_or_after", "{{ data.at | date }}", render=rendered.__getitem__) is True
    assert seen("data.dino", "equal_to", "{{ data.evil }}", render=rendered.__getitem__).argument_value == "vars.token"


def test_liquid_without_anyone_to_render_it_is_text() -> None:
    assert seen("data.dino", "equal_to", "{{ data.x }}").argument_value == "{{ data.x }}"


def test_what_rendering_raises_is_raised() -> None:
    def fail(_source: str) -> str:
        raise LookupError("no such filter")

    with pytest.raises(LookupError, match="no such filter"):
        passes("data.dino", "equal_to", "{{ data.x | y }}", render=fail)


def test_an_event_is_looked_into_where_there_is_one() -> None:
    event = {"message_id": "m1", "data": {"amount": 5}}
    assert passes("event.data.amount", "greater_than", "3", event=event) is True
    assert passes("data.dino", "equal_to", "event.message_id", event=event) is False
    assert passes("event.data.amount.x", "exists", None, event=event) is False
    assert passes("event.data.amount", "exists") is False


SENT = {"email_1": [MessageStatus("sent")], "sms_1": []}


@pytest.mark.parametrize(
    ("variable", "operator", "argument", "expected", "value"),
    [
        ("refs.email_1.delivery_status", "greater_than_or_equal_to", "$message.sent", True, "sent"),
        ("refs.email_1.engagement_status", "not_contains", "$message.seen", True, []),
        ("refs.email_1.engagement_status", "contains", '["$message.seen", "$message.read"]', False, []),
        ("refs.email_1.status", "less_than", "$message.seen", True, "sent"),
        ("refs.email_1.status", "less_than", "seen", True, "sent"),
        ("refs.sms_1.delivery_status", "equal_to", "$message.skipped", True, "skipped"),
        ("refs.sms_1.delivery_status", "exists", None, False, "skipped"),
        ("refs.push_1.delivery_status", "equal_to", "$message.skipped", False, None),
        ("refs.push_1.delivery_status", "not_equal_to", "$message.skipped", False, None),
        ("refs.push_1.engagement_status", "not_contains", "$message.seen", False, None),
    ],
)
def test_message_statuses(variable: str, operator: str, argument: Any, expected: bool, value: Any) -> None:
    evaluation = seen(variable, operator, argument, statuses=SENT)
    assert (evaluation.result, evaluation.value) == (expected, value)


@pytest.mark.parametrize(
    ("operator", "argument", "expected"),
    [
        ("is_audience_member", "vips", True),
        ("is_audience_member", '"vips"', True),
        ("is_audience_member", "trial", False),
        ("is_audience_member", '["trial", "vips"]', True),
        ("is_not_audience_member", "vips", False),
        ("is_not_audience_member", "trial", True),
        ("is_audience_member", None, False),
    ],
)
def test_audiences_whatever_the_variable_is_called(operator: str, argument: Any, expected: bool) -> None:
    for variable in ("recipient.id", "audience", "recipient"):
        assert passes(variable, operator, argument, audiences=frozenset({"vips"})) is expected


def test_a_random_cohort_is_a_share_of_the_recipients() -> None:
    assert passes("recipient.id", "is_in_random_cohort", "100") is True
    assert passes("recipient.id", "is_in_random_cohort", "0") is False
    assert passes("recipient.id", "is_in_random_cohort", "half") is False
    assert passes("recipient.missing", "is_in_random_cohort", "100") is False
    by_salt = {passes("recipient.id", "is_in_random_cohort", "50", salt=str(number)) for number in range(20)}
    assert by_salt == {True, False}


def test_no_conditions_pass() -> None:
    assert evaluate(None, facts()) == Verdict(passed=True)
    assert evaluate(Group("all", ()), facts()).passed
    assert evaluate(Group("any", ()), facts()).passed


def test_what_did_not_matter_any_more_is_recorded_as_not_evaluated() -> None:
    yes, no = {"variable": "data.dino", "operator": "exists"}, {"variable": "data.dino", "operator": "not_exists"}
    group = parse_group({"any": [{"all": [no, yes]}, yes, {"all": [no, no]}]})
    verdict = evaluate(group, facts(), "steps[0].conditions")
    assert verdict.passed
    assert [(evaluation.path, evaluation.result) for evaluation in verdict.evaluations] == [
        ("steps[0].conditions.any[0].all[0]", False),
        ("steps[0].conditions.any[0].all[1]", None),
        ("steps[0].conditions.any[1]", True),
        ("steps[0].conditions.any[2].all[0]", None),
        ("steps[0].conditions.any[2].all[1]", None),
    ]


def test_the_run_log_reads_as_what_was_written_and_what_was_seen() -> None:
    group = parse_group(
        {"all": [{"variable": "recipient.muted_dinos", "operator": "contains", "argument": "data.dino"}]}
    )
    assert evaluate(group, facts()).as_json() == {
        "passed": True,
        "evaluations": [
            {
                "path": "all[0]",
                "variable": "recipient.muted_dinos",
                "operator": "contains",
                "argument": "data.dino",
                "value": ["rex"],
                "argument_value": "rex",
                "result": True,
            }
        ],
    }


@pytest.mark.parametrize(
    ("variable", "operator", "argument", "hidden"),
    [
        ("vars.token", "equal_to", "other", "value"),
        ("data.dino", "equal_to", "vars.token", "argument_value"),
        ("data.dino", "equal_to", "{{ vars.token }}", "argument_value"),
        ("data.dino", "is_between", '["vars.token", "z"]', "argument_value"),
    ],
)
def test_the_value_of_an_environment_variable_is_never_shown(
    variable: str, operator: str, argument: str, hidden: str
) -> None:
    shown = seen(variable, operator, argument, render=lambda _source: "s3cret").as_json()
    assert shown[hidden] == NOT_SHOWN
    assert "s3cret" not in json.dumps({**shown, "argument": ""})


def test_long_values_are_shortened() -> None:
    lookup = {
        "data.text": "x" * 500,
        "data.list": list(range(500)),
        "data.number": 10**300,
        "data.odd": float("nan"),
    }.get
    for variable in ("data.text", "data.list", "data.number"):
        value = seen(variable, "exists", lookup=lookup).as_json()["value"]
        assert isinstance(value, str)
        assert len(value) == 200
        assert value.endswith("…")
    assert seen("data.odd", "exists", lookup=lookup).as_json()["value"] == "(cannot be shown)"


conditions = st.sampled_from(
    [
        Condition("data.yes", "equal_to", "true"),
        Condition("data.no", "equal_to", "true"),
        Condition("data.missing", "exists"),
    ]
)
members = st.recursive(
    conditions,
    lambda inner: st.builds(Group, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=12,
)
groups = st.builds(Group, st.sampled_from(["all", "any"]), st.lists(members, min_size=1, max_size=4).map(tuple))
TRUTHS: Mapping[str, Any] = {"data.yes": True, "data.no": False}
LOGIC = Facts(TRUTHS.get, NOW)


def truth(member: Condition | Group) -> bool:
    """The plain meaning, without short circuits."""
    if isinstance(member, Condition):
        return TRUTHS.get(member.variable) is True
    return (all if member.mode == "all" else any)([truth(inner) for inner in member.members])


def negated(member: Condition | Group) -> Condition | Group:
    if isinstance(member, Group):
        return Group("any" if member.mode == "all" else "all", tuple(negated(inner) for inner in member.members))
    return Condition(member.variable, f"not_{member.operator}", member.argument)


@given(groups)
def test_a_group_means_what_logic_says(group: Group) -> None:
    assert evaluate(group, LOGIC).passed is truth(group)


@given(groups)
def test_de_morgan(group: Group) -> None:
    opposite = negated(group)
    assert isinstance(opposite, Group)
    assert evaluate(opposite, LOGIC).passed is not evaluate(group, LOGIC).passed


@given(groups)
def test_every_condition_is_recorded_once_in_its_order(group: Group) -> None:
    evaluations = evaluate(group, LOGIC).evaluations
    assert [evaluation.condition for evaluation in evaluations] == list(conditions_of(group))
    assert len({evaluation.path for evaluation in evaluations}) == len(evaluations)
    assert evaluations[0].result is not None


@given(groups)
def test_what_was_not_evaluated_could_not_have_changed_the_verdict(group: Group) -> None:
    skipped = {evaluation.path for evaluation in evaluate(group, LOGIC).evaluations if evaluation.result is None}

    def flipped(inner: Group, path: str) -> Group:
        changed: list[Condition | Group] = []
        for index, member in enumerate(inner.members):
            place = f"{path}.{inner.mode}[{index}]".removeprefix(".")
            if isinstance(member, Group):
                changed.append(flipped(member, place))
            else:
                changed.append(Condition("data.yes", "exists") if place in skipped else member)
        return Group(inner.mode, tuple(changed))

    assert evaluate(flipped(group, ""), LOGIC).passed is evaluate(group, LOGIC).passed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=30,
    ),
    st.none() | st.text(),
    st.sampled_from(
        ["equal_to", "contains", "greater_than", "is_timestamp_before", "is_between", "is_in_random_cohort"]
    ),
)
def test_every_verdict_is_json_and_comes_back_as_it_was(value: Any, argument: str | None, operator: str) -> None:
    group = Group("all", (Condition("data.x", operator, argument),))
    shown = evaluate(group, Facts({"data.x": value}.get, NOW)).as_json()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert all(len(json.dumps(part, ensure_ascii=False)) <= 500 for part in shown["evaluations"][0].values())
