"""Preferences: which sets apply to a run, what they say together, and whether a channel step may send.

Contract: semantics §11. The sets that apply are layers; a higher layer's setting hides a lower one's, unless the lower one
has `__strategy__: "replace"`. `workflows/preference_sets.py` checks and writes single sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workflows.conditions import Group, parse_list
from workflows.evaluation import Evaluation, Facts, evaluate
from workflows.scope import Preferences

Layer = Literal["recipient", "recipient_tenant", "tenant", "environment"]
Tree = dict[str, Any]
"""A preference set, or a part of one, whose values that are no objects are `_Setting`s."""

_LAYER_NAMES: dict[Layer, str] = {
    "recipient": "the recipient's default set",
    "recipient_tenant": "the recipient's set for the tenant",
    "tenant": "the tenant's default set",
    "environment": "the environment's default set",
}
_STRATEGY = "__strategy__"
_KEYED = ("workflows", "categories", "channel_types", "channels")
_PARTS = (*_KEYED, "commercial_subscribed")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a step may send, and what decided.

    `reason` says so in words. `rule` is the path of the setting that forbids it (`categories.invites`) and `layer` the set
    it comes from; both are empty when sending is allowed. `evaluations` are those of all conditions on the way.
    """

    allowed: bool
    reason: str
    layer: Layer | Literal[""] = ""
    rule: str = ""
    evaluations: tuple[Evaluation, ...] = ()

    def as_json(self) -> dict[str, Any]:
        evaluations = [evaluation.as_json() for evaluation in self.evaluations]
        return {
            "allowed": self.allowed,
            "reason": self.reason,
            "layer": self.layer,
            "rule": self.rule,
            "evaluations": evaluations,
        }


@dataclass(frozen=True, slots=True)
class _Setting:
    value: Any
    layer: Layer


@dataclass(frozen=True, slots=True)
class _Rule:
    """A setting that has a say in this step: its path, what it is about in words, and itself."""

    path: str
    subject: str
    setting: _Setting


def effective(preferences: Preferences) -> dict[str, Any]:
    """The sets that apply to a run, merged into one: the template variable `recipient.preferences`, and what reads show.

    `__strategy__` stays where a set has it. `commercial_subscribed` is false whenever the recipient's default set says so.
    """
    return {name: _plain(part) for name, part in _merged(preferences).items()}


def preference_conditions(preferences: Preferences) -> Group:
    """Every condition in the sets that apply, whatever the workflow: what `Facts` must hold before `decide`."""
    values = (setting.value for setting in _settings_in(_merged(preferences)))
    groups = (parse_list(value) for value in values if isinstance(value, list | Mapping))
    return Group("all", tuple(group for group in groups if group))


def decide(
    preferences: Preferences,
    *,
    workflow_key: str,
    categories: Sequence[str],
    channel_type: str,
    channel_id: str,
    channel_key: str,
    is_commercial: bool,
    override: bool,
    facts: Facts,
) -> Decision:
    """Whether a step of the workflow may send on the channel. The first setting that forbids it decides.

    Settings of channels go by the channel's id, or its key. After a batch `facts` are those of its first activity. Raises
    what `facts.render` raises.
    """
    if override:
        return Decision(allowed=True, reason="the workflow overrides preferences")
    tree = _merged(preferences)
    channel = _Channel(channel_type, channel_id, channel_key)
    evaluations: list[Evaluation] = []
    for rule in _rules(tree, workflow_key, categories, channel, is_commercial=is_commercial):
        verdict = _forbids(rule, facts, evaluations)
        if verdict:
            return Decision(False, verdict, rule.setting.layer, rule.path, tuple(evaluations))
    return Decision(allowed=True, reason="no preference is against it", evaluations=tuple(evaluations))


@dataclass(frozen=True, slots=True)
class _Channel:
    type: str
    id: str
    key: str


def _rules(
    tree: Tree, workflow_key: str, categories: Sequence[str], channel: _Channel, *, is_commercial: bool
) -> Iterator[_Rule]:
    """Everything that has a say, in the order in which it is asked."""
    yield from _entry_rules(tree, "workflows", workflow_key, f"workflow `{workflow_key}`", channel)
    for category in categories:
        yield from _entry_rules(tree, "categories", category, f"category `{category}`", channel)
    yield from _channel_rules(tree, "", "", channel)
    if is_commercial:
        yield from _own_rules(tree, "commercial_subscribed", "", "the subscription to commercial messages")


def _entry_rules(tree: Tree, part: str, key: str, subject: str, channel: _Channel) -> Iterator[_Rule]:
    entries = tree.get(part)
    if isinstance(entries, dict):
        yield from _own_rules(entries, key, f"{part}.", subject)
        if isinstance(entries.get(key), dict):
            yield from _channel_rules(entries[key], f"{part}.{key}.", f" of {subject}", channel)


def _channel_rules(tree: Tree, prefix: str, suffix: str, channel: _Channel) -> Iterator[_Rule]:
    """The channel's own setting if there is one, otherwise that of its type."""
    for key in dict.fromkeys((channel.id, channel.key)):
        rules = list(_part_rules(tree, "channels", key, prefix, f"channel `{channel.key}`{suffix}"))
        if rules:
            yield from rules
            return
    yield from _part_rules(tree, "channel_types", channel.type, prefix, f"channel type `{channel.type}`{suffix}")


def _part_rules(tree: Tree, part: str, key: str, prefix: str, subject: str) -> Iterator[_Rule]:
    settings = tree.get(part)
    if isinstance(settings, dict):
        yield from _own_rules(settings, key, f"{prefix}{part}.", subject)


def _own_rules(tree: Tree, key: str, prefix: str, subject: str) -> Iterator[_Rule]:
    """What stands at a key itself: true or false, or the conditions of an object."""
    value = tree.get(key)
    if isinstance(value, _Setting) and isinstance(value.value, bool):
        yield _Rule(f"{prefix}{key}", subject, value)
    elif isinstance(value, dict) and isinstance(value.get("conditions"), _Setting):
        yield _Rule(f"{prefix}{key}.conditions", subject, value["conditions"])


def _forbids(rule: _Rule, facts: Facts, evaluations: list[Evaluation]) -> str:
    """Why the rule forbids to send; empty when it does not."""
    place = f"in {_LAYER_NAMES[rule.setting.layer]}"
    if isinstance(rule.setting.value, bool):
        return "" if rule.setting.value else f"{rule.subject} is false {place}"
    verdict = evaluate(parse_list(rule.setting.value), facts, rule.path)
    evaluations.extend(verdict.evaluations)
    return "" if verdict.passed else f"the conditions of {rule.subject} {place} are not met"


def _merged(preferences: Preferences) -> Tree:
    tree: Tree = {}
    for layer, document in reversed(_layers(preferences)):
        known = {part: document[part] for part in _PARTS if part in document}
        tree = _laid_over(tree, _annotated(known, layer))
    own = preferences.recipient or {}
    if own.get("commercial_subscribed") is False:
        tree["commercial_subscribed"] = _Setting(False, "recipient")
    return tree


def _layers(preferences: Preferences) -> list[tuple[Layer, Mapping[str, Any]]]:
    """From the highest to the lowest. The recipient's own default set does not count where the tenant's sets do."""
    tenant = [("recipient_tenant", preferences.recipient_tenant), ("tenant", preferences.tenant)]
    own = [("recipient", preferences.recipient)]
    upper: Any = tenant if any(_says_something(document) for _, document in tenant) else own
    return [(layer, document) for layer, document in [*upper, ("environment", preferences.environment)] if document]


def _says_something(document: Mapping[str, Any] | None) -> bool:
    return document is not None and any(document.get(part) not in (None, {}) for part in _PARTS)


def _annotated(document: Mapping[str, Any], layer: Layer, *, keyed: bool = False) -> Tree:
    """With the layer at each value. Conditions are one value, however deep; fields that are null are left out.

    `keyed`: the names are keys of workflows, categories or channels, so none of them has a meaning.
    """
    tree: Tree = {}
    for name, value in document.items():
        if isinstance(value, Mapping) and (keyed or name != "conditions"):
            tree[name] = _annotated(value, layer, keyed=not keyed and name in _KEYED)
        elif value is not None:
            tree[name] = _Setting(value, layer)
    return tree


def _laid_over(lower: Tree, upper: Tree) -> Tree:
    """Both, the upper one's settings first, except where the lower one replaces."""
    both = {**lower, **upper}
    for name in lower.keys() & upper.keys():
        if isinstance(lower[name], dict) and _replaces(lower[name]):
            both[name] = lower[name]
        elif isinstance(lower[name], dict) and isinstance(upper[name], dict):
            both[name] = _laid_over(lower[name], upper[name])
    return both


def _replaces(tree: Tree) -> bool:
    strategy = tree.get(_STRATEGY)
    return isinstance(strategy, _Setting) and strategy.value == "replace"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Setting) else {name: _plain(part) for name, part in value.items()}


def _settings_in(tree: Tree) -> Iterator[_Setting]:
    for value in tree.values():
        if isinstance(value, _Setting):
            yield value
        else:
            yield from _settings_in(value)
