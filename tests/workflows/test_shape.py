"""The published schemas: true JSON Schemas, good for editors, and in step with what is enforced."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

import workflows
from workflows import limits, model
from workflows.condition_checks import ALL_OPERATORS
from workflows.shape import NAMES, published_schema, shape_problems

WORKFLOW = published_schema("workflow")
DEFINITIONS = WORKFLOW["$defs"]
LIBRARY = Path(workflows.__file__).parent / "library"


def editor_errors(schema: str, document: Any) -> list[str]:
    """What an editor would underline."""
    return [error.json_path for error in Draft202012Validator(published_schema(schema)).iter_errors(document)]


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one_and_has_an_identity(name: str) -> None:
    schema = published_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:doorbell:schema:{name}"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_has_its_definition(name: str) -> None:
    schema = published_schema(name)
    for node in objects(schema):
        if isinstance(node.get("$ref"), str):
            assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"]


@pytest.mark.parametrize("name", [name for name in DEFINITIONS if name.endswith("_step")])
def test_every_step_type_is_named_and_described(name: str) -> None:
    assert DEFINITIONS[name]["title"]
    assert DEFINITIONS[name]["description"]


def test_every_step_and_channel_type_of_the_model_has_a_schema() -> None:
    assert set(DEFINITIONS["channel_step"]["properties"]["channel_type"]["enum"]) - {None} == set(
        get_args(model.ChannelType)
    )
    for step_type in DEFINITIONS["step"]["properties"]["type"]["enum"]:
        assert f"{step_type}_step" in DEFINITIONS
    assert DEFINITIONS["duration"]["properties"]["unit"]["enum"] == list(get_args(model.DurationUnit))
    assert set(DEFINITIONS["condition"]["properties"]["operator"]["enum"]) == set(ALL_OPERATORS)


def test_the_published_bounds_are_the_limits() -> None:
    batch = DEFINITIONS["batch_step"]["properties"]["settings"]["properties"]
    goal = WORKFLOW["properties"]["goal_attachment"]["properties"]["attribution_window_days"]
    cohorts = DEFINITIONS["random_cohort_step"]["properties"]["cohort_branches"]
    assert WORKFLOW["properties"]["description"]["maxLength"] == limits.LONGEST_DESCRIPTION
    assert DEFINITIONS["name"]["maxLength"] == limits.LONGEST_NAME
    assert DEFINITIONS["branch_step"]["properties"]["branches"]["maxItems"] == limits.MOST_BRANCHES
    assert (cohorts["minItems"], cohorts["maxItems"]) == (limits.FEWEST_COHORTS, limits.MOST_COHORTS)
    assert (goal["minimum"], goal["maximum"]) == (limits.FEWEST_ATTRIBUTION_DAYS, limits.MOST_ATTRIBUTION_DAYS)
    for name, fewest, most in (
        ("batch_items_max_limit", limits.FEWEST_BATCH_ITEMS, limits.MOST_BATCH_ITEMS),
        ("batch_items_render_limit", limits.FEWEST_RENDERED_ITEMS, limits.MOST_RENDERED_ITEMS),
    ):
        assert (batch[name]["minimum"], batch[name]["maximum"]) == (fewest, most)


@pytest.mark.parametrize("name", ["workflow", "layout"])
def test_the_files_of_the_library_are_as_editors_want_them(name: str) -> None:
    files = list(LIBRARY.glob(f"*/*/{name}.json"))
    assert files
    for file in files:
        assert editor_errors(name, json.loads(file.read_text())) == []


def test_the_form_of_the_files_is_accepted_where_a_document_may_have_it() -> None:
    template = {"subject@": "a.txt", "visual_blocks@": "email_1/visual_blocks.json", "text_body": None}
    step = {"ref": "email_1", "type": "channel", "channel_type": "email", "channel_key": "a", "template": template}
    document = {"name": "W", "steps": [step], "$schema": "s", "__readonly": {"key": "w"}, "conditions": None}
    assert editor_errors("workflow", document) == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"name": "W", "steps": [{"ref": "a", "type": "delay", "settings": {"delay_fr": {}}}]}, "$.steps[0].settings"),
        ({"name": "W", "steps": [], "conditions": {"all": [{"variable": "a", "operator": "like"}]}}, "$.conditions"),
        ({"name": "W", "steps": [], "description": "x" * 281}, "$.description"),
        ({"name": "W", "steps": [{"ref": "a", "type": "telegram"}]}, "$.steps[0].type"),
    ],
)
def test_an_editor_underlines_what_is_wrong(document: dict[str, Any], path: str) -> None:
    assert path in editor_errors("workflow", document)


def test_one_thing_that_is_wrong_is_told_once() -> None:
    step = {"ref": "a", "type": "channel", "channel_type": "sms", "channel_key": "a", "template": 5}
    assert [problem.path for problem in shape_problems("workflow", {"name": "W", "steps": [step]})] == [
        "steps[0].template"
    ]
