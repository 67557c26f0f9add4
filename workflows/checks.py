"""What a schema cannot say about a workflow or a layout. Documents may have any shape: what is unknown is passed by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows.errors import Problem, TemplateError
from workflows.liquid.environment import compile_template
from workflows.shape import join, schema_problems

Node = Mapping[str, Any]
Located = tuple[str, Node]

EXECUTABLE = "a step type this version can execute: channel (email), delay"
NO_CONDITIONS = "no conditions: this version does not evaluate them yet"
LONGEST = {
    "seconds": 365 * 24 * 3600,
    "minutes": 365 * 24 * 60,
    "hours": 365 * 24,
    "days": 365,
    "weeks": 52,
    "months": 12,
}
"""365 days, in each unit of a duration."""


def workflow_problems(document: object) -> Iterator[Problem]:
    for check in (_refs, _types, _conditions, _bodies, _delays, _templates, _data_schema):
        yield from check(document if isinstance(document, Mapping) else {})


def layout_problems(document: object) -> Iterator[Problem]:
    layout = document if isinstance(document, Mapping) else {}
    for name in ("html_layout", "text_layout"):
        yield from _layout_template(layout, name)
    for path, link in _items(layout, "footer_links"):
        for name in ("text", "url"):
            yield from _liquid(join(path, name), link.get(name))


def _refs(document: Node) -> Iterator[Problem]:
    seen = set()
    for path, step in _items(document, "steps"):
        ref = step.get("ref")
        if isinstance(ref, str) and ref in seen:
            yield Problem(join(path, "ref"), ref, "a reference that no other step has")
        seen.add(str(ref))


def _types(document: Node) -> Iterator[Problem]:
    for path, step in _items(document, "steps"):
        kind, channel_type = step.get("type"), step.get("channel_type", "email")
        if kind == "channel" and channel_type != "email":
            yield Problem(join(path, "type"), f"channel ({channel_type})", EXECUTABLE)
        elif isinstance(kind, str) and kind not in ("channel", "delay"):
            yield Problem(join(path, "type"), kind, EXECUTABLE)


def _conditions(document: Node) -> Iterator[Problem]:
    for path, node in [("", document), *_items(document, "steps")]:
        if any(_part(node, "conditions").values()):
            yield Problem(join(path, "conditions"), node["conditions"], NO_CONDITIONS)


def _bodies(document: Node) -> Iterator[Problem]:
    for path, template in _email_templates(document):
        html_body, blocks = template.get("html_body"), template.get("visual_blocks")
        if html_body is None and blocks is None:
            yield Problem(join(path, "html_body"), None, "html_body or visual_blocks")
        elif html_body is not None and blocks is not None:
            yield Problem(join(path, "visual_blocks"), blocks, "html_body or visual_blocks, not both")


def _delays(document: Node) -> Iterator[Problem]:
    for path, step in _items(document, "steps"):
        if step.get("type") == "delay" and isinstance(step.get("settings"), Mapping):
            yield from _delay(join(path, "settings"), step["settings"])


def _delay(path: str, settings: Node) -> Iterator[Problem]:
    relative = "delay_until_field_path" in settings
    if "delay_for" not in settings and not relative:
        yield Problem(path, settings, "delay_for or delay_until_field_path")
    duration = _part(settings, "delay_for")
    value, longest = duration.get("value"), LONGEST.get(str(duration.get("unit")))
    if not isinstance(value, int | float):
        return
    place = join(path, "delay_for", "value")
    if value <= 0 and not relative:
        yield Problem(place, value, "a number greater than 0 (only an offset from delay_until_field_path goes back)")
    if longest and abs(value) > longest:
        yield Problem(place, value, f"at most 365 days, which is {longest} {duration['unit']}")


def _templates(document: Node) -> Iterator[Problem]:
    for path, step in _emails(document):
        for name, source in _part(step, "channel_overrides").items():
            yield from _liquid(join(path, "channel_overrides", name), source)
    for path, template in _email_templates(document):
        yield from _liquid(join(path, "subject"), template.get("subject"))
        yield from _liquid(join(path, "text_body"), template.get("text_body"))
        yield from _liquid(join(path, "html_body"), template.get("html_body"), html=True)
        pre_content = _part(template, "settings").get("pre_content")
        yield from _liquid(join(path, "settings", "pre_content"), pre_content, html=True)
        for place, block in _items(template, "visual_blocks", path):
            yield from _liquid(join(place, "content"), block.get("content"), html=True)


def _liquid(path: str, source: object, *, html: bool = False) -> Iterator[Problem]:
    if not isinstance(source, str):
        return
    try:
        compile_template(source, name=path, html=html)
    except TemplateError as error:
        yield Problem(path, source, f"valid Liquid; {error.detail}")


def _layout_template(layout: Node, name: str) -> Iterator[Problem]:
    """An empty text layout is none: the text is then the body's alone."""
    source = layout.get(name)
    if not isinstance(source, str) or (name == "text_layout" and not source.strip()):
        return
    problems = list(_liquid(name, source, html=name == "html_layout"))
    yield from problems
    if not problems and not compile_template(source, name=name).uses("content"):
        yield Problem(name, source, "a layout that outputs {{ content }}")


def _data_schema(document: Node) -> Iterator[Problem]:
    name = "trigger_data_json_schema"
    yield from schema_problems(name, _part(document, name))


def _emails(document: Node) -> Iterator[Located]:
    for path, step in _items(document, "steps"):
        if step.get("type") == "channel" and step.get("channel_type", "email") == "email":
            yield path, step


def _email_templates(document: Node) -> Iterator[Located]:
    for path, step in _emails(document):
        if isinstance(step.get("template"), Mapping):
            yield join(path, "template"), step["template"]


def _items(node: Node, name: str, path: str = "") -> Iterator[Located]:
    """The objects in a list, with their paths."""
    items = node.get(name)
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, Mapping):
            yield join(path, name, index), item


def _part(node: Node, name: str) -> Node:
    """The object of that name, or an empty one."""
    part = node.get(name)
    return part if isinstance(part, Mapping) else {}
