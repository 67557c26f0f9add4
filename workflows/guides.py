"""Guides: pieces of interface that an application asks for, and who may see which (contract: semantics §19).

A guide is one document. Who is eligible follows from it and from facts; nothing of that is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workflows.condition_checks import group_problems
from workflows.conditions import Group, conditions_of, has_liquid, parse_group, required
from workflows.errors import DocumentInvalid, Problem, TemplateError
from workflows.evaluation import Facts, evaluate
from workflows.liquid.environment import check_template
from workflows.parse.normal import plain
from workflows.shape import join, shape_problems

CHANNEL_TYPE = "in_app_guide"

Reason = Literal["guide_not_active", "marked_as_archived", "target_conditions_not_met", "not_in_target_audience"]

MESSAGES: Mapping[Reason, str] = {
    "guide_not_active": "Guide is not active",
    "marked_as_archived": "User has archived this guide already",
    "target_conditions_not_met": "User does not match the targeting conditions",
    "not_in_target_audience": "User is not a member of the target audience",
}

_KEY = re.compile(r"[a-z0-9_-]{3,255}")


@dataclass(frozen=True, slots=True)
class GuideStep:
    """`values` by the field's name; every text in them is Liquid."""

    ref: str
    schema_key: str
    schema_semver: str
    schema_variant_key: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Guide:
    """`is_per_tenant`: what a user does with it in one tenant says nothing about the others."""

    key: str
    name: str
    type: str
    channel_key: str
    steps: tuple[GuideStep, ...]
    target_audience_key: str | None
    audience_conditions: Group | None
    property_conditions: Group | None
    url_patterns: tuple[Mapping[str, str], ...]
    url_rules: tuple[Mapping[str, str], ...]
    bypasses_group_limit: bool
    is_per_tenant: bool

    @property
    def audiences(self) -> frozenset[str]:
        """Every audience whose members must be known to tell who is eligible."""
        named = required(self.audience_conditions).audiences | required(self.property_conditions).audiences
        return named | {self.target_audience_key} if self.target_audience_key else named


def managed_audience(guide_key: str) -> str:
    """The audience that workflows put recipients into (`in_app_guide` steps). No other key has a colon."""
    return f"guide:{guide_key}"


def parse_guide(key: str, document: Mapping[str, Any], channel_types: Mapping[str, str]) -> Guide:
    """A guide from its document, as the management API takes it or `files.read_guide` reads it.

    `channel_types` are the environment's, by channel key. Raises `DocumentInvalid` with every problem.
    """
    cleaned = _without_nulls(plain(document))
    problems = [*_key_problems(key), *shape_problems("guide", cleaned), *_problems(cleaned, channel_types)]
    if problems:
        raise DocumentInvalid(f"guide `{key}`", problems)
    return build_guide(key, cleaned)


def build_guide(key: str, document: Mapping[str, Any]) -> Guide:
    """A guide from a document that was checked once, such as a stored version's."""
    cleaned = _without_nulls(plain(document))
    steps = tuple(_step(step) for step in cleaned["steps"])
    return Guide(
        key=key,
        name=cleaned["name"],
        type=cleaned.get("type") or steps[0].schema_key,
        channel_key=cleaned["channel_key"],
        steps=steps,
        target_audience_key=cleaned.get("target_audience_key"),
        audience_conditions=parse_group(cleaned.get("guide_audience_conditions")),
        property_conditions=parse_group(cleaned.get("target_property_conditions")),
        url_patterns=tuple(cleaned.get("activation_url_patterns", ())),
        url_rules=tuple({"variable": "pathname", **rule} for rule in cleaned.get("activation_url_rules", ())),
        bypasses_group_limit=cleaned.get("bypass_global_group_limit", False),
        is_per_tenant=cleaned.get("scope") == "tenant",
    )


def _step(step: Mapping[str, Any]) -> GuideStep:
    return GuideStep(
        ref=step["ref"],
        schema_key=step["schema_key"],
        schema_semver=step["schema_semver"],
        schema_variant_key=step["schema_variant_key"],
        values=step.get("values", {}),
    )


_NESTED = ("steps", "activation_url_patterns", "activation_url_rules")


def _without_nulls(node: Any) -> Any:
    """A null field counts as absent; in conditions and in content it says something."""
    if isinstance(node, list):
        return [_without_nulls(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    kept = {name: value for name, value in node.items() if value is not None}
    return {name: _without_nulls(value) if name in _NESTED else value for name, value in kept.items()}


def _key_problems(key: str) -> Iterator[Problem]:
    if not _KEY.fullmatch(key):
        yield Problem("key", key, "a key of 3 to 255 characters out of a-z, 0-9, _ and -")


def _problems(document: Any, channel_types: Mapping[str, str]) -> Iterator[Problem]:
    """What a schema cannot say."""
    if not isinstance(document, Mapping):
        return
    channel = document.get("channel_key")
    if isinstance(channel, str) and channel and channel_types.get(channel) != CHANNEL_TYPE:
        yield Problem("channel_key", channel, f"a channel of type {CHANNEL_TYPE} of this environment")
    for name in ("guide_audience_conditions", "target_property_conditions"):
        yield from group_problems(name, document.get(name))
        yield from _unknown_variables(name, document.get(name))
    seen = set()
    for index, step in enumerate(_items(document.get("steps"))):
        path = join("steps", index)
        if isinstance(step.get("ref"), str) and step["ref"] in seen:
            yield Problem(join(path, "ref"), step["ref"], "a ref that no other step has")
        seen.add(step.get("ref") if isinstance(step.get("ref"), str) else None)
        yield from _value_problems(join(path, "values"), step.get("values"))


def _unknown_variables(path: str, document: object) -> Iterator[Problem]:
    """A guide has no run: nothing of one can be asked for."""
    for condition in conditions_of(parse_group(document)):
        head = condition.variable.partition(".")[0]
        if head in ("actor", "workflow", "run", "refs", "event"):
            yield Problem(path, condition.variable, "a variable of recipient, tenant, data or vars")


def _items(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _value_problems(path: str, value: object) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _value_problems(join(path, str(name)), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _value_problems(join(path, index), each)
    elif isinstance(value, str) and has_liquid(value):
        try:
            check_template(value, name=path)
        except TemplateError as error:
            yield Problem(path, value, f"valid Liquid; {error.detail}")


def rendered(value: Any, render: Callable[[str], str]) -> Any:
    """Content with every text rendered. Raises what `render` raises."""
    if isinstance(value, Mapping):
        return {name: rendered(each, render) for name, each in value.items()}
    if isinstance(value, list):
        return [rendered(each, render) for each in value]
    return render(value) if isinstance(value, str) and has_liquid(value) else value


def ineligible(guide: Guide, facts: Facts, *, is_active: bool, is_archived: bool) -> Reason | None:
    """Why somebody may not see a guide; None when they may. Raises what `facts.render` raises."""
    if not is_active:
        return "guide_not_active"
    if is_archived:
        return "marked_as_archived"
    if guide.target_audience_key and guide.target_audience_key not in facts.audiences:
        return "not_in_target_audience"
    if not evaluate(guide.audience_conditions, facts).passed:
        return "not_in_target_audience"
    if not evaluate(guide.property_conditions, facts).passed:
        return "target_conditions_not_met"
    return None


def display_sequence(explicit: Sequence[str], oldest_first: Iterable[str]) -> list[str]:
    """The order of an environment's guides: as it was set, then those that it does not name, the oldest first."""
    known = list(oldest_first)
    named = [key for key in dict.fromkeys(explicit) if key in known]
    return [*named, *(key for key in known if key not in named)]
