"""What a schema cannot say about a resource. Documents may have any shape: what is unknown is passed by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workflows.checks.channels import channel_problems
from workflows.checks.functions import function_problems, whole_number_problems
from workflows.checks.nodes import Place, steps_of
from workflows.checks.references import reference_problems
from workflows.checks.texts import json_template, liquid
from workflows.condition_checks import group_problems
from workflows.errors import Problem
from workflows.limits import FEWEST_ATTRIBUTION_DAYS, LONGEST_DESCRIPTION, MOST_ATTRIBUTION_DAYS
from workflows.liquid.environment import check_template
from workflows.shape import join, schema_problems


def workflow_problems(document: object) -> Iterator[Problem]:
    workflow = _place(document)
    description = workflow.node.get("description")
    if isinstance(description, str) and len(description) > LONGEST_DESCRIPTION:
        yield workflow.problem("description", f"text of at most {LONGEST_DESCRIPTION} characters")
    goal = workflow.part("goal_attachment")
    yield from whole_number_problems(goal, "attribution_window_days", FEWEST_ATTRIBUTION_DAYS, MOST_ATTRIBUTION_DAYS)
    schema = workflow.part("trigger_data_json_schema")
    yield from schema_problems(schema.path, schema.node)
    yield from reference_problems(workflow)
    yield from group_problems("conditions", workflow.node.get("conditions"))
    for step in steps_of(workflow):
        yield from step_problems(step)


def step_problems(step: Place) -> Iterator[Problem]:
    """Problems of one step, without the steps inside of it."""
    if step.node.get("type") != "branch":
        yield from group_problems(join(step.path, "conditions"), step.node.get("conditions"))
    for branch in step.items("branches"):
        yield from group_problems(join(branch.path, "conditions"), branch.node.get("conditions"))
    if step.node.get("type") == "channel":
        yield from channel_problems(step)
    else:
        yield from function_problems(step)


def layout_problems(document: object) -> Iterator[Problem]:
    layout = _place(document)
    yield from layout.missing("html_layout", "text")
    yield from layout.missing("text_layout", "text")
    for name in ("html_layout", "text_layout"):
        yield from _layout_template(layout, name)
    source = layout.node.get("html_layout")
    if layout.node.get("is_mjml") is True and isinstance(source, str) and "<mjml" not in source:
        yield layout.problem("html_layout", "MJML: a document in <mjml> … </mjml>")
    for link in layout.items("footer_links"):
        yield from liquid(link, "text", "url")


def _layout_template(layout: Place, name: str) -> Iterator[Problem]:
    """An empty text layout is none: the text is then the body's alone."""
    source = layout.node.get(name)
    if not isinstance(source, str) or (name == "text_layout" and not source.strip()):
        return
    problems = list(liquid(layout, name, html=name == "html_layout"))
    yield from problems
    if not problems and not check_template(source, name=name).uses("content"):
        yield layout.problem(name, "a layout that outputs {{ content }}")


def partial_problems(document: object) -> Iterator[Problem]:
    partial = _place(document)
    yield from partial.missing("content", "text")
    if partial.node.get("type") == "json":
        yield from json_template(partial, "content")
    else:
        yield from liquid(partial, "content", html=partial.node.get("type") in ("html", "markdown"))
    seen: set[object] = set()
    for given in partial.items("input_schema"):
        key = given.node.get("key")
        if isinstance(key, str) and key in seen:
            yield given.problem("key", "a key that no other input has")
        seen.add(str(key))


def _place(document: object) -> Place:
    return Place("", document if isinstance(document, Mapping) else {})
