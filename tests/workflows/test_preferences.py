"""Which preference sets apply, what they say together, and who may be sent what."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.conditions import required
from workflows.evaluation import Facts
from workflows.preferences import Decision, decide, effective, preference_conditions
from workflows.scope import Preferences

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
VALUES = {"recipient.plan": "pro", "recipient.muted": ["rex"], "data.dino": "rex"}
PRO = {"conditions": [{"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"}]}
FREE = {"conditions": [{"variable": "recipient.plan", "operator": "equal_to", "argument": "free"}]}
NOT_MUTED = {"conditions": [{"variable": "recipient.muted", "operator": "not_contains", "argument": "data.dino"}]}


def ask(preferences: Preferences, **fields: Any) -> Decision:
    question: dict[str, Any] = {
        "workflow_key": "invite",
        "categories": ["invites", "social"],
        "channel_type": "email",
        "channel_id": "ch-1",
        "channel_key": "postmark",
        "is_commercial": False,
        "override": False,
        "facts": Facts(VALUES.get, NOW),
    }
    return decide(preferences, **{**question, **fields})


def of(**recipient: Any) -> Preferences:
    return Preferences(recipient=recipient)


@pytest.mark.parametrize(
    "preferences",
    [
        Preferences(),
        of(id="default"),
        of(workflows=None, categories={}, channels=None),
        of(workflows={"invite": True}, categories={"invites": True}, channel_types={"email": True}),
        of(
            workflows={"other": False},
            categories={"billing": False},
            channel_types={"sms": False},
            channels={"ch-2": False},
        ),
        of(workflows={"invite": {"channel_types": {"sms": False}, "conditions": None}}),
        of(workflows={"invite": PRO}, categories={"social": PRO}, channel_types={"email": PRO}, channels={"ch-1": PRO}),
        of(channel_types={"email": False}, channels={"ch-1": True}),
        of(categories={"invites": {"channel_types": {"email": False}, "channels": {"postmark": True}}}),
        of(commercial_subscribed=False),
    ],
)
def test_what_nothing_forbids_is_allowed(preferences: Preferences) -> None:
    decision = ask(preferences)
    assert (decision.allowed, decision.reason, decision.layer, decision.rule) == (
        True,
        "no preference is against it",
        "",
        "",
    )


@pytest.mark.parametrize(
    ("recipient", "rule", "reason"),
    [
        ({"workflows": {"invite": False}}, "workflows.invite", "workflow `invite` is false"),
        ({"categories": {"invites": False}}, "categories.invites", "category `invites` is false"),
        ({"categories": {"invites": True, "social": False}}, "categories.social", "category `social` is false"),
        ({"channel_types": {"email": False}}, "channel_types.email", "channel type `email` is false"),
        ({"channels": {"ch-1": False}}, "channels.ch-1", "channel `postmark` is false"),
        ({"channels": {"postmark": False}}, "channels.postmark", "channel `postmark` is false"),
        (
            {"channels": {"ch-1": False}, "channel_types": {"email": True}},
            "channels.ch-1",
            "channel `postmark` is false",
        ),
        (
            {"workflows": {"invite": {"channel_types": {"email": False}}}},
            "workflows.invite.channel_types.email",
            "channel type `email` of workflow `invite` is false",
        ),
        (
            {"categories": {"invites": {"channels": {"ch-1": False}, "channel_types": {"email": True}}}},
            "categories.invites.channels.ch-1",
            "channel `postmark` of category `invites` is false",
        ),
        (
            {"categories": {"invites": False}, "workflows": {"invite": {"channels": {"ch-1": True}}}},
            "categories.invites",
            "category `invites` is false",
        ),
        (
            {"workflows": {"invite": {"channel_types": {"email": True}}}, "channel_types": {"email": False}},
            "channel_types.email",
            "channel type `email` is false",
        ),
    ],
)
def test_one_setting_against_it_is_enough(recipient: dict[str, Any], rule: str, reason: str) -> None:
    decision = ask(of(**recipient))
    assert not decision.allowed
    assert (decision.layer, decision.rule) == ("recipient", rule)
    assert decision.reason == f"{reason} in the recipient's default set"


@pytest.mark.parametrize(
    ("recipient", "rule", "reason"),
    [
        ({"workflows": {"invite": NOT_MUTED}}, "workflows.invite.conditions", "workflow `invite`"),
        ({"categories": {"social": FREE}}, "categories.social.conditions", "category `social`"),
        ({"channel_types": {"email": FREE}}, "channel_types.email.conditions", "channel type `email`"),
        ({"channels": {"ch-1": FREE}}, "channels.ch-1.conditions", "channel `postmark`"),
        (
            {"categories": {"invites": {"channel_types": {"email": FREE}}}},
            "categories.invites.channel_types.email.conditions",
            "channel type `email` of category `invites`",
        ),
    ],
)
def test_conditions_that_are_not_met_forbid_it(recipient: dict[str, Any], rule: str, reason: str) -> None:
    decision = ask(of(**recipient))
    assert not decision.allowed
    assert decision.rule == rule
    assert decision.reason == f"the conditions of {reason} in the recipient's default set are not met"
    assert decision.evaluations[-1].path == f"{rule}.all[0]"
    assert decision.evaluations[-1].result is False


def test_all_conditions_of_a_list_must_hold() -> None:
    both = {"conditions": [*PRO["conditions"], *FREE["conditions"]]}
    either = {"conditions": {"any": both["conditions"]}}
    assert not ask(of(workflows={"invite": both})).allowed
    assert ask(of(workflows={"invite": either})).allowed


def test_conditions_hold_beside_an_entrys_channels() -> None:
    entry = {**PRO, "channel_types": {"email": False}}
    assert ask(of(workflows={"invite": entry})).rule == "workflows.invite.channel_types.email"
    assert ask(of(workflows={"invite": entry}), channel_type="sms").allowed


def test_the_conditions_that_were_met_are_kept_too() -> None:
    decision = ask(of(workflows={"invite": PRO}, channel_types={"email": NOT_MUTED}))
    assert [evaluation.result for evaluation in decision.evaluations] == [True, False]
    assert decision.as_json()["evaluations"][1]["value"] == ["rex"]


def test_a_workflow_may_override_all_preferences() -> None:
    nothing = of(workflows={"invite": False}, channel_types={"email": False}, commercial_subscribed=False)
    decision = ask(nothing, override=True, is_commercial=True)
    assert decision == Decision(allowed=True, reason="the workflow overrides preferences")


def test_commercial_workflows_ask_for_the_subscription() -> None:
    assert ask(of(commercial_subscribed=False)).allowed
    decision = ask(of(commercial_subscribed=False), is_commercial=True)
    assert decision.rule == "commercial_subscribed"
    assert decision.reason == "the subscription to commercial messages is false in the recipient's default set"
    assert ask(of(commercial_subscribed=True), is_commercial=True).allowed
    assert ask(of(commercial_subscribed=PRO), is_commercial=True).allowed
    assert ask(of(commercial_subscribed=FREE), is_commercial=True).rule == "commercial_subscribed.conditions"


def test_an_unsubscription_wins_over_every_other_set() -> None:
    subscribed = {"commercial_subscribed": True}
    preferences = Preferences({"commercial_subscribed": False}, subscribed, subscribed, subscribed)
    decision = ask(preferences, is_commercial=True)
    assert (decision.allowed, decision.layer) == (False, "recipient")
    assert effective(preferences)["commercial_subscribed"] is False


NO, YES = {"workflows": {"invite": False}}, {"workflows": {"invite": True}}


@pytest.mark.parametrize(
    ("preferences", "layer"),
    [
        (Preferences(recipient=NO), "recipient"),
        (Preferences(environment=NO), "environment"),
        (Preferences(recipient=YES, environment=NO), ""),
        (Preferences(recipient=NO, environment=YES), "recipient"),
        (Preferences(recipient=NO, recipient_tenant=YES), ""),
        (Preferences(recipient=NO, tenant=YES), ""),
        (Preferences(recipient=YES, tenant=NO), "tenant"),
        (Preferences(recipient_tenant=YES, tenant=NO), ""),
        (Preferences(recipient_tenant=NO, tenant=YES), "recipient_tenant"),
        (Preferences(recipient_tenant={"channel_types": {"sms": False}}, environment=NO), "environment"),
        (Preferences(recipient=NO, recipient_tenant={"channel_types": {"sms": False}}), ""),
        (Preferences(recipient=NO, recipient_tenant={"id": "acme", "workflows": {}}, tenant={}), "recipient"),
    ],
)
def test_which_sets_apply_and_which_of_them_decides(preferences: Preferences, layer: str) -> None:
    decision = ask(preferences)
    assert (decision.allowed, decision.layer) == (not layer, layer)


def test_the_reason_names_the_set() -> None:
    reasons = [
        ask(Preferences(recipient_tenant=NO)).reason,
        ask(Preferences(tenant=NO)).reason,
        ask(Preferences(environment=NO)).reason,
    ]
    assert reasons == [
        "workflow `invite` is false in the recipient's set for the tenant",
        "workflow `invite` is false in the tenant's default set",
        "workflow `invite` is false in the environment's default set",
    ]


def test_sets_merge_setting_by_setting() -> None:
    preferences = Preferences(
        recipient={"id": "default", "categories": {"social": {"channel_types": {"email": True}}}, "workflows": None},
        environment={
            "categories": {"social": {"channel_types": {"email": False, "sms": False}}, "billing": True},
            "workflows": {"invite": False},
        },
    )
    assert effective(preferences) == {
        "categories": {"social": {"channel_types": {"email": True, "sms": False}}, "billing": True},
        "workflows": {"invite": False},
    }


def test_a_bool_and_an_object_hide_each_other() -> None:
    lower = {"workflows": {"a": {"channel_types": {"email": False}}, "b": False}}
    upper = {"workflows": {"a": True, "b": {"channel_types": {"sms": False}}}}
    assert effective(Preferences(recipient=upper, environment=lower)) == upper


def test_a_lower_set_may_replace_a_setting_of_the_upper_ones() -> None:
    recipient = {"collaboration": {"channel_types": {"email": True}}, "updates": {"channel_types": {"email": True}}}
    tenant = {
        "collaboration": {"__strategy__": "replace", "channel_types": {"email": False}},
        "updates": {"channel_types": {"email": False}},
    }
    preferences = Preferences(recipient_tenant={"categories": recipient}, tenant={"categories": tenant})
    assert effective(preferences) == {
        "categories": {"collaboration": tenant["collaboration"], "updates": {"channel_types": {"email": True}}}
    }
    decision = ask(preferences, categories=["collaboration"])
    assert (decision.layer, decision.rule) == ("tenant", "categories.collaboration.channel_types.email")


def test_channel_types_may_be_replaced_as_a_whole() -> None:
    environment = {"channel_types": {"__strategy__": "replace", "email": False}}
    preferences = Preferences(recipient={"channel_types": {"email": True, "sms": False}}, environment=environment)
    assert effective(preferences) == environment
    assert ask(preferences).layer == "environment"
    assert ask(preferences, channel_type="sms").allowed


@pytest.mark.parametrize("strategy", ["merge", "unheard_of", None])
def test_any_other_strategy_is_no_replacement(strategy: str | None) -> None:
    environment = {"channel_types": {"__strategy__": strategy, "email": False}}
    assert ask(Preferences(recipient={"channel_types": {"email": True}}, environment=environment)).allowed


def test_a_whole_set_cannot_replace() -> None:
    environment = {"__strategy__": "replace", "channel_types": {"email": False}}
    assert ask(Preferences(recipient={"channel_types": {"email": True}}, environment=environment)).allowed


def test_a_category_may_be_called_conditions() -> None:
    decision = ask(of(categories={"conditions": {"channel_types": {"email": False}}}), categories=["conditions"])
    assert decision.rule == "categories.conditions.channel_types.email"


def test_what_the_conditions_need_is_found_in_the_sets_that_apply() -> None:
    vips = {"conditions": [{"variable": "recipient", "operator": "is_audience_member", "argument": "vips"}]}
    beta = {"conditions": {"any": [{"variable": "recipient", "operator": "is_audience_member", "argument": "beta"}]}}
    preferences = Preferences(
        recipient={"workflows": {"x": vips}, "channels": {"y": beta}},
        tenant=None,
        environment={"workflows": {"x": FREE}},
    )
    assert required(preference_conditions(preferences)).audiences == {"vips", "beta"}
    hidden = Preferences(recipient={"workflows": {"x": vips}}, tenant={"channel_types": {"sms": True}})
    assert required(preference_conditions(hidden)).audiences == frozenset()


channels = st.dictionaries(st.sampled_from(["ch-1", "ch-2"]), st.booleans(), max_size=2)
types = st.dictionaries(st.sampled_from(["email", "sms"]), st.booleans(), max_size=2)
entries = st.booleans() | st.fixed_dictionaries({}, optional={"channels": channels, "channel_types": types})
sets = st.fixed_dictionaries(
    {},
    optional={
        "workflows": st.dictionaries(st.sampled_from(["invite", "other"]), entries, max_size=2),
        "categories": st.dictionaries(st.sampled_from(["invites", "social"]), entries, max_size=2),
        "channels": channels,
        "channel_types": types,
        "commercial_subscribed": st.booleans(),
    },
)
any_preferences = st.builds(Preferences, *[st.none() | sets] * 4)


def plainly_allowed(merged: dict[str, Any], *, is_commercial: bool) -> bool:
    """The contract's four rules (semantics §11.3), written down once more for a set of booleans."""

    def by_channel(node: dict[str, Any]) -> bool:
        by_type: bool = node.get("channel_types", {}).get("email", True)
        chosen: bool = node.get("channels", {}).get("ch-1", by_type)
        return chosen

    entries = [merged.get("workflows", {}).get("invite", True)]
    entries += [merged.get("categories", {}).get(name, True) for name in ("invites", "social")]
    each = [entry if isinstance(entry, bool) else by_channel(entry) for entry in entries]
    return all(each) and by_channel(merged) and not (is_commercial and merged.get("commercial_subscribed") is False)


@given(any_preferences, st.booleans())
def test_a_decision_follows_the_contracts_rules(preferences: Preferences, is_commercial: bool) -> None:
    decision = ask(preferences, is_commercial=is_commercial)
    assert decision.allowed is plainly_allowed(effective(preferences), is_commercial=is_commercial)
    assert bool(decision.layer) is bool(decision.rule) is not decision.allowed


@given(any_preferences, st.booleans())
def test_the_rule_that_decided_stands_in_the_set_it_names(preferences: Preferences, is_commercial: bool) -> None:
    decision = ask(preferences, is_commercial=is_commercial)
    if not decision.allowed:
        value = getattr(preferences, decision.layer)
        for name in decision.rule.split("."):
            value = value[name]
        assert value is False


@given(any_preferences)
def test_merging_what_is_merged_changes_nothing(preferences: Preferences) -> None:
    merged = effective(preferences)
    assert effective(Preferences(recipient=merged)) == merged
