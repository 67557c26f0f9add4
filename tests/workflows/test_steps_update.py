from collections.abc import Callable
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.effects import ChangeAudience, Identify
from workflows.errors import StepFailed, TemplateError
from workflows.model import UpdateAudienceStep, UpdateDataStep, UpdateRecipientStep
from workflows.outcomes import Continue, Skip
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]

CHANGED = {Identify: ({"id": "jane", "name": "Jane"}, {"id": "jane", "name": "Jane", "plan": "pro", "updated_at": "x"})}


def update_data(data: str) -> UpdateDataStep:
    return UpdateDataStep(ref="update_1", type="update_data", data=data)


def test_data_is_merged_at_the_top_level_alone(make_context: MakeContext, make_scope: MakeScope) -> None:
    scope = make_scope(data={"a": {"x": 1}, "b": 1, "n": 2})
    played = play(update_data('{"a": {"y": {{ data.n | plus: 1 }} }, "c": null}'), make_context(scope=scope))
    assert played.outcome == Continue("set a, c", {"a": {"y": 3}, "b": 1, "c": None, "n": 2})


def test_nothing_rendered_sets_nothing(make_context: MakeContext) -> None:
    assert play(update_data("{% if false %}{}{% endif %}"), make_context()).outcome == Continue("set nothing", {})


@pytest.mark.parametrize("data", ["[1]", "text", '{"a": }', '{"a": "\\u0000"}'])
def test_what_is_no_object_fails_the_step(data: str, make_context: MakeContext) -> None:
    with pytest.raises(StepFailed, match="update_1/data"):
        play(update_data(data), make_context())


@pytest.mark.parametrize(
    "source", ["data.missing", "missing", "actor.name", "data.a.b | upcase", "recipient.plan | append: 'x'"]
)
def test_a_variable_that_is_not_defined_fails_the_step(source: str, make_context: MakeContext) -> None:
    with pytest.raises(TemplateError, match=r"^update_1/data, line 1, column "):
        play(update_data(f'{{"a": "{{{{ {source} }}}}"}}'), make_context())


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('{"a": {{ data.missing | default: 1 }}}', 1),
        ('{"a": "{{ data.nothing }}"}', ""),
        ('{"a": {% if data.missing %}1{% else %}2{% endif %}}', 2),
        ('{"a": {% if data.missing == "x" %}1{% else %}2{% endif %}}', 2),
        ('{"a": {{ data.missing | json }}}', None),
    ],
)
def test_a_missing_value_may_be_asked_for_and_have_a_default(
    data: str, value: Any, make_context: MakeContext, make_scope: MakeScope
) -> None:
    outcome = play(update_data(data), make_context(scope=make_scope(data={"nothing": None}))).outcome
    assert isinstance(outcome, Continue)
    assert outcome.data == {"nothing": None, "a": value}


def update(
    kind: Any = "user", properties: str = '{"plan": "pro"}', reference: str | None = None
) -> UpdateRecipientStep:
    return UpdateRecipientStep(
        ref="update_1", type=f"update_{kind}", kind=kind, properties=properties, reference=reference
    )


@pytest.mark.parametrize(
    ("kind", "reference", "target"),
    [
        ("user", None, ("$users", "jane")),
        ("user", "{{ data.other }}", ("$users", "ann")),
        ("tenant", None, ("$tenants", "acme")),
        ("tenant", "umbrella", ("$tenants", "umbrella")),
        ("object", "projects/{{ data.other }}", ("projects", "ann")),
        ("object", "gid://Object/projects/p1", ("projects", "p1")),
    ],
)
def test_whom_a_step_updates(
    kind: str, reference: str | None, target: tuple[str, str], make_context: MakeContext, make_scope: MakeScope
) -> None:
    scope = make_scope(data={"other": "ann"}, tenant={"id": "acme"})
    asked = play(update(kind, reference=reference), make_context(scope=scope), CHANGED).only(Identify)
    assert (asked.collection, asked.id, asked.properties) == (*target, {"plan": "pro"})


@pytest.mark.parametrize(
    ("kind", "reference"),
    [("user", ""), ("user", "projects/p1"), ("object", "p1"), ("object", "projects/"), ("object", "/p1")],
)
def test_a_reference_that_names_nobody_fails_the_step(kind: str, reference: str, make_context: MakeContext) -> None:
    with pytest.raises(StepFailed, match=f"names no {kind}"):
        play(update(kind, reference=reference), make_context())


def test_a_run_without_a_tenant_skips_the_step(make_context: MakeContext) -> None:
    assert play(update("tenant"), make_context()).outcome == Skip("the run has no tenant")


def test_an_object_as_recipient_is_no_user(make_context: MakeContext, make_scope: MakeScope) -> None:
    scope = make_scope(recipient={"id": "p1", "collection": "projects"})
    assert play(update("user"), make_context(scope=scope)).outcome == Skip("the recipient is no user")


def test_identity_and_channel_data_cannot_be_set(make_context: MakeContext) -> None:
    properties = '{"id": "eve", "collection": "x", "channel_data": {"c": {}}, "plan": "pro"}'
    asked = play(update(properties=properties), make_context(), CHANGED).only(Identify)
    assert asked == Identify("$users", "jane", {"plan": "pro"})


def test_preferences_are_set_by_their_id(make_context: MakeContext) -> None:
    properties = '{"preferences": {"default": {"channel_types": {"email": false}}}}'
    asked = play(update(properties=properties), make_context(), CHANGED).only(Identify)
    assert asked == Identify("$users", "jane", {}, {"default": {"channel_types": {"email": False}}})


@pytest.mark.parametrize(
    "preferences", ["1", '["default"]', '{"default": "no"}', '{"default": {"channel_types": {"fax": true}}}']
)
def test_preferences_that_are_none_fail_the_step(preferences: str, make_context: MakeContext) -> None:
    with pytest.raises(StepFailed, match=r"update_1/update_properties\.preferences"):
        play(update(properties=f'{{"preferences": {preferences}}}'), make_context())


def test_what_changed_is_logged_by_name_alone(make_context: MakeContext) -> None:
    played = play(update(), make_context(), CHANGED)
    assert played.detail("recipient_updated") == {"collection": "$users", "id": "jane", "changed": ["plan"]}


@pytest.mark.parametrize(
    ("adds", "changed", "said"),
    [
        (True, True, "now in audience `beta`"),
        (True, False, "already in audience `beta`"),
        (False, True, "now not in audience `beta`"),
        (False, False, "already not in audience `beta`"),
    ],
)
def test_the_recipient_enters_or_leaves_an_audience(
    adds: bool, changed: bool, said: str, make_context: MakeContext
) -> None:
    step = UpdateAudienceStep(ref="audience_1", type="update_audience", audience_key="beta", adds=adds)
    played = play(step, make_context(), {ChangeAudience: changed})
    assert played.only(ChangeAudience) == ChangeAudience("beta", adds)
    assert played.outcome == Continue(said)


def test_an_object_is_in_no_audience(make_context: MakeContext, make_scope: MakeScope) -> None:
    step = UpdateAudienceStep(ref="audience_1", type="update_audience", audience_key="beta")
    scope = make_scope(recipient={"id": "p1", "collection": "projects"})
    assert play(step, make_context(scope=scope)).outcome == Skip("only users can be in an audience")
