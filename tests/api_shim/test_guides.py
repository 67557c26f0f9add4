"""Guides: who may see which, and what users do with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notify_workers import guides
from notify_workers.store import audiences
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine
from tests.guides import (
    CHANNEL,
    EMPTY_MESSAGE,
    fetch,
    guide_step,
    keys,
    mark,
    publish,
    put,
    reasons,
)
from workflows.recipients import USERS, Reference

JANE = Reference(USERS, "jane")


def test_nothing_is_shown_where_there_is_nothing(api: CheckedClient) -> None:
    assert fetch(api) == {
        "entries": [],
        "guide_groups": [],
        "guide_group_display_logs": {},
        "ineligible_guides": [],
    }


def test_a_guide_is_shown_with_its_content_rendered_for_the_user(api: CheckedClient, engine: Engine) -> None:
    engine.identify("jane", name="Jane")
    patterns = [{"directive": "allow", "pathname": "/dashboard/*"}]
    publish(
        "tour",
        guide_step(
            title="Hi {{ recipient.name }}", seats="{{ data.seats }}", image={"url": "{{ vars.cdn }}/a", "n": 1}
        ),
        activation_url_patterns=patterns,
    )
    (shown,) = fetch(api, data='{"seats": 3}')["entries"]
    assert shown.pop("inserted_at") == shown.pop("updated_at")
    assert shown == {
        "__typename": "Guide",
        "channel_id": str(CHANNEL),
        "id": mark("tour")["guide_id"],
        "key": "tour",
        "type": "banner",
        "semver": "0.0.1",
        "active": True,
        "bypass_global_group_limit": False,
        "activation_url_patterns": patterns,
        "activation_url_rules": [],
        "steps": [
            {
                "ref": "step_1",
                "schema_key": "banner",
                "schema_semver": "1.0.0",
                "schema_variant_key": "default",
                "content": {"title": "Hi Jane", "seats": "3", "image": {"url": "/a", "n": 1}},
                "message": EMPTY_MESSAGE,
            }
        ],
    }


def test_a_user_nobody_has_identified_sees_guides_too(api: CheckedClient) -> None:
    publish("tour")
    assert keys(api, "nobody") == ["tour"]
    assert api.get(f"/v1/users/nobody/guides/{CHANNEL}", headers=PUBLIC).status_code == 200


def test_data_may_be_a_map_in_brackets(api: CheckedClient) -> None:
    publish("tour", guide_step(title="{{ data.plan.name }}"))
    (shown,) = fetch(api, **{"data[plan][name]": "pro"})["entries"]
    assert shown["steps"][0]["content"] == {"title": "pro"}


def test_conditions_look_at_the_recipient_the_tenant_the_data_and_the_variables(
    api: CheckedClient, engine: Engine
) -> None:
    engine.identify("jane", plan="pro")
    conditions = [("recipient.plan", "pro"), ("tenant.id", "acme"), ("data.seats", "3")]
    for number, (variable, argument) in enumerate(conditions):
        rule = {"variable": variable, "operator": "equal_to", "argument": argument}
        publish(f"guide-{number}", target_property_conditions={"all": [rule]})
    assert keys(api, tenant="acme", data='{"seats": 3}') == ["guide-0", "guide-1", "guide-2"]
    assert keys(api) == ["guide-0"]
    assert reasons(api) == dict.fromkeys(("guide-1", "guide-2"), "target_conditions_not_met")


def test_only_members_of_the_audience_see_a_guide_that_names_one(api: CheckedClient, engine: Engine) -> None:
    publish("beta", target_audience_key="testers")
    assert reasons(api) == {"beta": "not_in_target_audience"}
    with transaction() as tx:
        audiences.change(tx, DEVELOPMENT, "testers", JANE, "acme", adds=True)
    assert keys(api) == ["beta"]
    assert keys(api, "joe") == []


def test_a_condition_may_ask_for_an_audience(api: CheckedClient, engine: Engine) -> None:
    rule = {"variable": "recipient", "operator": "is_not_audience_member", "argument": "customers"}
    publish("offer", guide_audience_conditions={"all": [rule]})
    assert keys(api) == ["offer"]
    with transaction() as tx:
        audiences.change(tx, DEVELOPMENT, "customers", JANE, None, adds=True)
    assert reasons(api) == {"offer": "not_in_target_audience"}


def test_a_guide_that_is_not_active_is_named_with_the_reason(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    guides.set_active(DEVELOPMENT, "tour", False)
    assert reasons(api) == {"tour": "guide_not_active"}
    soon = datetime.now(UTC) + timedelta(hours=1)
    guides.set_active(DEVELOPMENT, "tour", True, soon, soon + timedelta(hours=1))
    assert reasons(api) == {"tour": "guide_not_active"}
    engine.advance(minutes=90)
    assert keys(api) == ["tour"]
    engine.advance(hours=1)
    assert keys(api) == []


def test_forced_all_guides_are_shown_with_the_reasons_beside_them(api: CheckedClient) -> None:
    publish("tour")
    guides.set_active(DEVELOPMENT, "tour", False)
    shown = fetch(api, force_all_guides="true")
    assert [(each["key"], each["active"]) for each in shown["entries"]] == [("tour", False)]
    assert shown["ineligible_guides"][0]["key"] == "tour"


def test_guides_of_one_type_are_asked_for(api: CheckedClient) -> None:
    publish("one", type="card")
    publish("two")
    assert keys(api, type="card") == ["one"]
    assert keys(api, type="banner") == ["two"]


def test_an_archived_guide_is_gone_and_comes_back_when_it_is_published_again(api: CheckedClient) -> None:
    publish("tour")
    guides.archive(DEVELOPMENT, "tour")
    assert fetch(api, force_all_guides="true")["entries"] == []
    assert code(put(api, "archived", mark("tour"))) == "resource_missing"
    publish("tour")
    assert keys(api) == ["tour"]


def test_a_guide_that_cannot_be_rendered_is_not_shown_and_says_why(api: CheckedClient) -> None:
    publish("tour", guide_step(title="{{ data.n | divided_by: 0 }}"))
    (said,) = fetch(api, data='{"n": 1}')["ineligible_guides"]
    assert (said["key"], said["reason"]) == ("tour", "target_conditions_not_met")
    assert said["message"].startswith("The guide cannot be rendered: ")


def test_the_order_is_the_oldest_first_until_it_is_set(api: CheckedClient) -> None:
    for key in ("bbb", "aaa", "ccc"):
        publish(key, bypass_global_group_limit=key == "ccc")
    assert keys(api) == ["bbb", "aaa", "ccc"]
    guides.set_order(DEVELOPMENT, ["ccc", "aaa"])
    guides.set_interval(DEVELOPMENT, 3600)
    shown = fetch(api)
    (group,) = shown["guide_groups"]
    assert [each["key"] for each in shown["entries"]] == group["display_sequence"] == ["ccc", "aaa", "bbb"]
    assert (group["key"], group["display_interval"]) == ("default", 3600)
    assert group["display_sequence_unthrottled"] == ["ccc"]
    assert group["display_sequence_throttled"] == ["aaa", "bbb"]


@pytest.mark.parametrize("channel", ["00000000-0000-0000-0000-000000000000", "email"])
def test_a_channel_that_has_no_guides_is_unknown(api: CheckedClient, channel: str) -> None:
    from notify_workers.ids import channel_id

    wanted = channel_id(channel) if channel == "email" else channel
    assert code(api.get(f"/v1/users/jane/guides/{wanted}")) == "resource_missing"


@pytest.mark.parametrize("data", ["[1]", "{", "7", '{"a": "\\u0000"}', '{"a": 1e999}', '"x"', "\x00", "[" * 500])
def test_data_that_is_no_object_is_refused(api: CheckedClient, data: str) -> None:
    answer = api.get(f"/v1/users/jane/guides/{CHANNEL}", params={"data": data})
    assert answer.status_code == 422, answer.text


def test_environments_have_guides_of_their_own(api: CheckedClient) -> None:
    publish("tour")
    answer = api.get(f"/v1/users/jane/guides/{CHANNEL}", headers=PRODUCTION)
    assert answer.json()["entries"] == []
