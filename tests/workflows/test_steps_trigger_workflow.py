from collections.abc import Callable
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.effects import TriggerWorkflow
from workflows.errors import StepFailed
from workflows.model import TriggerWorkflowStep
from workflows.outcomes import Continue, Skip
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]

ID = {TriggerWorkflow: "0199"}


def trigger(**fields: Any) -> TriggerWorkflowStep:
    return TriggerWorkflowStep(**{"ref": "trigger_1", "type": "trigger_workflow", "workflow_key": "child", **fields})


def test_what_is_not_given_is_the_parents(make_context: MakeContext, make_scope: MakeScope) -> None:
    scope = make_scope(
        data={"a": [1, {"b": "é"}]},
        actor={"id": "ann"},
        tenant={"id": "acme"},
        workflow={"key": "parent", "cancellation_key": "k"},
    )
    played = play(trigger(), make_context(scope=scope), ID)
    assert played.only(TriggerWorkflow) == TriggerWorkflow(
        "child", ("jane",), {"a": [1, {"b": "é"}]}, actor="ann", tenant="acme", cancellation_key="k"
    )
    assert played.outcome == Continue("triggered `child`", output={"workflow_run_id": "0199"})


def test_what_the_parent_does_not_have_is_not_passed_on(make_context: MakeContext) -> None:
    assert play(trigger(), make_context(), ID).only(TriggerWorkflow) == TriggerWorkflow("child", ("jane",), {})


@pytest.mark.parametrize("template", ["{{ recipient.id }}", "{{recipient.id}}", " {{- recipient.id -}} "])
def test_an_object_stays_an_object(template: str, make_context: MakeContext, make_scope: MakeScope) -> None:
    project = {"id": "p1", "collection": "projects", "name": "P"}
    scope = make_scope(recipient=project, actor=project)
    asked = play(trigger(recipients=template), make_context(scope=scope), ID).only(TriggerWorkflow)
    assert (asked.recipients, asked.actor) == (
        ({"id": "p1", "collection": "projects"},),
        {"id": "p1", "collection": "projects"},
    )


@pytest.mark.parametrize(
    ("template", "recipients"),
    [
        ("ann", ("ann",)),
        ("ann, {{ data.other }},", ("ann", "bob")),
        ('["ann", {"id": "p1", "collection": "projects"}]', ("ann", {"id": "p1", "collection": "projects"})),
        ('{"id": "ann", "name": "Ann"}', ({"id": "ann", "name": "Ann"},)),
        ("{{ data.list | json }}", ("x", "y")),
    ],
)
def test_recipients_are_ids_or_json(
    template: str, recipients: tuple[Any, ...], make_context: MakeContext, make_scope: MakeScope
) -> None:
    scope = make_scope(data={"other": "bob", "list": ["x", "y"]})
    assert (
        play(trigger(recipients=template), make_context(scope=scope), ID).only(TriggerWorkflow).recipients == recipients
    )


@pytest.mark.parametrize("template", ["", " , ", "[]", "{{ data.missing }}"])
def test_without_recipients_the_step_is_skipped(template: str, make_context: MakeContext) -> None:
    assert play(trigger(recipients=template), make_context()).outcome == Skip("there are no recipients")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipients": "[1]"}, "trigger_1/recipients renders to 1, which is no recipient"),
        ({"recipients": '[{"name": "Ann"}]'}, "which is no recipient"),
        ({"recipients": '[""]'}, "which is no recipient"),
        ({"recipients": "[ann"}, "trigger_1/recipients does not render to JSON"),
        ({"data": "[1]"}, "trigger_1/data renders to list, not to a JSON object"),
        ({"data": "{"}, "trigger_1/data does not render to JSON"),
    ],
)
def test_what_is_no_recipient_or_no_data_fails_the_step(
    fields: dict[str, str], said: str, make_context: MakeContext
) -> None:
    with pytest.raises(StepFailed) as caught:
        play(trigger(**fields), make_context(), ID)
    assert said in str(caught.value)


def test_a_workflow_that_is_not_active_skips_the_step(make_context: MakeContext) -> None:
    played = play(trigger(), make_context(), {TriggerWorkflow: None})
    assert played.outcome == Skip("there is no active workflow `child`")
