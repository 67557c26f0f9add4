"""Channel groups: parsed, checked, and the channels they choose."""

from datetime import UTC, datetime
from typing import Any

import pytest

from workflows.conditions import Condition, required
from workflows.evaluation import Facts
from workflows.groups import ChannelGroup, ChannelRule, channels_of, group_document_problems, parse_group_document

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
EU = {"variable": "recipient.region", "operator": "equal_to", "argument": "eu"}
ALWAYS = {"channel_key": "fcm", "rule_type": "always"}


def document(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    numbered = [{"index": index, **rule} for index, rule in enumerate(rules)]
    return {"key": "push", "name": "Push", "channel_type": "push", "channel_rules": numbered, **fields}


def chosen(*rules: dict[str, Any], region: str = "eu", user: str = "jane", operator: str = "any") -> tuple[str, ...]:
    facts = Facts({"recipient.region": region, "recipient.id": user}.get, NOW)
    return channels_of(parse_group_document(document(*rules, operator=operator)), facts)


IF_EU = {"channel_key": "apns-eu", "rule_type": "if", **EU}
UNLESS_EU = {"channel_key": "apns", "rule_type": "unless", **EU}


def test_a_group_is_parsed_in_the_order_of_its_indexes() -> None:
    group = parse_group_document(document({**ALWAYS, "index": 2}, {**IF_EU, "index": 1}))
    condition = Condition("recipient.region", "equal_to", "eu")
    assert group == ChannelGroup(
        "push", "Push", "push", "any", (ChannelRule("apns-eu", "if", condition), ChannelRule("fcm", "always"))
    )


def test_rules_without_an_index_keep_their_place() -> None:
    rules = [{"channel_key": key, "rule_type": "always"} for key in "cab"]
    group = parse_group_document({**document(), "channel_rules": rules, "operator": None})
    assert [rule.channel_key for rule in group.rules] == ["c", "a", "b"]
    assert parse_group_document({**document(), "channel_rules": None}).rules == ()


def test_a_rule_may_name_its_channel_as_the_api_answers_it() -> None:
    rule = {"channel": {"key": "fcm", "id": "0123"}, "rule_type": "always", "variable": None, "operator": None}
    assert parse_group_document(document(rule)).rules == (ChannelRule("fcm", "always"),)
    assert list(group_document_problems("", document(rule))) == []


@pytest.mark.parametrize(
    ("region", "first", "every"),
    [("eu", ("apns-eu",), ("apns-eu", "fcm")), ("us", ("apns",), ("apns", "fcm"))],
)
def test_any_means_the_first_matching_channel_and_all_every_one(
    region: str, first: tuple[str, ...], every: tuple[str, ...]
) -> None:
    rules = (IF_EU, UNLESS_EU, ALWAYS)
    assert chosen(*rules, region=region) == first
    assert chosen(*rules, region=region, operator="all") == every


def test_when_no_rule_matches_there_is_no_channel() -> None:
    assert chosen(IF_EU, region="us") == ()
    assert chosen(IF_EU, region="us", operator="all") == ()
    assert chosen() == ()


def test_a_channel_is_used_once_even_if_two_rules_name_it() -> None:
    assert chosen(ALWAYS, IF_EU, ALWAYS, operator="all") == ("fcm", "apns-eu")


def test_random_cohorts_of_one_group_choose_different_recipients() -> None:
    cohort = {"rule_type": "if", "variable": "recipient.id", "operator": "is_in_random_cohort", "argument": "10"}
    rules = ({**cohort, "channel_key": "a"}, {**cohort, "channel_key": "b"}, ALWAYS)
    choices = [chosen(*rules, user=f"user-{number}")[0] for number in range(2000)]
    assert 150 < choices.count("a") < 250
    assert 130 < choices.count("b") < 230
    assert choices[:50] == [chosen(*rules, user=f"user-{number}")[0] for number in range(50)]


def test_what_the_rules_need_to_know() -> None:
    member = {"variable": "recipient", "operator": "is_audience_member", "argument": "vips"}
    group = parse_group_document(document({"channel_key": "a", "rule_type": "unless", **member}, ALWAYS))
    assert required(group.conditions).audiences == {"vips"}


@pytest.mark.parametrize(
    ("group", "path", "expected"),
    [
        ("x", "groups.push", "a channel group"),
        ({**document(), "name": ""}, "groups.push.name", "the group's name"),
        ({**document(), "key": None}, "groups.push.key", "the group's key"),
        ({**document(), "channel_type": "mail"}, "groups.push.channel_type", "perhaps email"),
        (document(operator="first"), "groups.push.operator", "one of any, all"),
        (document(channel_rules={}), "groups.push.channel_rules", "a list of rules"),
        (document(channel_rules=["fcm"]), "groups.push.channel_rules[0]", "a rule"),
        (document({"rule_type": "always"}), "groups.push.channel_rules[0].channel_key", "a channel's key"),
        (document({**ALWAYS, "index": "1"}), "groups.push.channel_rules[0].index", "a whole number"),
        (document({**ALWAYS, "rule_type": "when"}), "groups.push.channel_rules[0].rule_type", "always, if, unless"),
        (document({**IF_EU, "operator": None}), "groups.push.channel_rules[0].operator", "a known operator"),
        (document({**IF_EU, "variable": None}), "groups.push.channel_rules[0].variable", "a variable"),
    ],
)
def test_a_problem_says_where_it_is_and_what_was_expected(group: object, path: str, expected: str) -> None:
    problems = list(group_document_problems("groups.push", group))
    assert [problem.path for problem in problems] == [path]
    assert expected in problems[0].expected


def test_a_valid_group_has_no_problems() -> None:
    assert list(group_document_problems("", document(IF_EU, UNLESS_EU, ALWAYS, operator="all", source="user"))) == []
    assert list(group_document_problems("", {**document(), "channel_rules": None})) == []
