"""Channel groups: which of several channels of one type a step sends through (contract: workflow-schema §5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal, cast

from workflows.condition_checks import condition_problems
from workflows.conditions import Condition, Group, parse_condition
from workflows.errors import Problem
from workflows.evaluation import Facts, evaluate
from workflows.shape import join

RuleType = Literal["always", "if", "unless"]

_CHANNEL_TYPES = ("email", "in_app", "in_app_feed", "in_app_guide", "sms", "push", "chat", "http")
_RULE_TYPES = ("always", "if", "unless")


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """When a channel of the group is used; `condition` is None for `always`."""

    channel_key: str
    rule_type: RuleType
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """`operator` any: the first channel whose rule matches; all: every one. `rules` are in the order of their index."""

    key: str
    name: str
    channel_type: str
    operator: Literal["any", "all"] = "any"
    rules: tuple[ChannelRule, ...] = ()

    @property
    def conditions(self) -> Group:
        """Every rule's condition, for `conditions.required`."""
        return Group("all", tuple(rule.condition for rule in self.rules if rule.condition))


def parse_group_document(document: Mapping[str, Any]) -> ChannelGroup:
    """A group from a document without problems. A rule names its channel as `channel_key`, or as the API answers it:
    `channel`, an object with the key. Rules without an index keep their place."""
    rules = list(enumerate(document.get("channel_rules") or ()))
    rules.sort(key=lambda numbered: numbered[1].get("index", numbered[0]))
    return ChannelGroup(
        key=document["key"],
        name=document["name"],
        channel_type=document["channel_type"],
        operator=document.get("operator") or "any",
        rules=tuple(_rule(rule) for _, rule in rules),
    )


def channels_of(group: ChannelGroup, facts: Facts) -> tuple[str, ...]:
    """The keys of the channels to send through, in order; none when no rule matches. Raises what `facts.render` raises.

    A rule's random cohort is its own: two rules of 10 % each choose different recipients.
    """
    matching = (rule.channel_key for rule in group.rules if _matches(rule, group, facts))
    if group.operator == "all":
        return tuple(dict.fromkeys(matching))
    first = next(matching, None)
    return () if first is None else (first,)


def group_document_problems(path: str, document: object) -> Iterator[Problem]:
    """Every problem of a channel group's document found at `path`; fields that only the server writes are passed by."""
    if not isinstance(document, Mapping):
        yield Problem(path, document, "a channel group: an object with key, name, channel_type and channel_rules")
        return
    for name in ("key", "name"):
        if not isinstance(document.get(name), str) or not document[name]:
            yield Problem(join(path, name), document.get(name), f"the group's {name}")
    yield from _choice_problems(join(path, "channel_type"), document.get("channel_type"), _CHANNEL_TYPES)
    if document.get("operator") is not None:
        yield from _choice_problems(join(path, "operator"), document["operator"], ("any", "all"))
    rules = document.get("channel_rules")
    if rules is not None and not isinstance(rules, list):
        yield Problem(join(path, "channel_rules"), rules, "a list of rules")
        return
    for index, rule in enumerate(rules or ()):
        yield from _rule_problems(join(path, "channel_rules", index), rule)


def _rule_problems(path: str, rule: object) -> Iterator[Problem]:
    if not isinstance(rule, Mapping):
        yield Problem(path, rule, "a rule: an object with channel_key and rule_type")
        return
    if not _channel_key(rule):
        yield Problem(join(path, "channel_key"), rule.get("channel_key"), "a channel's key")
    index = rule.get("index")
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        yield Problem(join(path, "index"), index, "a whole number")
    yield from _choice_problems(join(path, "rule_type"), rule.get("rule_type"), _RULE_TYPES)
    if rule.get("rule_type") in ("if", "unless"):
        yield from condition_problems(path, rule)


def _choice_problems(path: str, value: object, choices: tuple[str, ...]) -> Iterator[Problem]:
    if value not in choices:
        close = "".join(f" (perhaps {match})" for match in get_close_matches(str(value), choices, n=1))
        yield Problem(path, value, f"one of {', '.join(choices)}{close}")


def _rule(document: Mapping[str, Any]) -> ChannelRule:
    rule_type = cast(RuleType, document["rule_type"])
    condition = None if rule_type == "always" else parse_condition(document)
    return ChannelRule(_channel_key(document), rule_type, condition)


def _channel_key(rule: Mapping[str, Any]) -> str:
    channel = rule.get("channel")
    key = channel.get("key") if isinstance(channel, Mapping) else rule.get("channel_key")
    return key if isinstance(key, str) else ""


def _matches(rule: ChannelRule, group: ChannelGroup, facts: Facts) -> bool:
    if rule.condition is None:
        return True
    salted = replace(facts, salt=f"{group.key}/{rule.channel_key}")
    return evaluate(Group("all", (rule.condition,)), salted).passed is (rule.rule_type == "if")
