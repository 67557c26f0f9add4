"""Knock's Python client, unmodified, against the development stack: every method that it has."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import knockapi
import pytest
from knockapi import Knock

from tests.sdk.calls import IN_SDKS, operations
from tests.sdk.python_client import (
    CHAT,
    FEED,
    GUIDES,
    PUSH,
    completed,
    connect,
    feed_messages,
    missing,
    once,
    unique,
)

WORKFLOW = "account-invite"
LATER = datetime(2040, 1, 1, tzinfo=UTC)
HALF_PAST_NINE: Any = [{"frequency": "weekly", "days": ["mon", "fri"], "hours": 9, "minutes": 30}]


def invitation(user: str) -> Any:
    return {"id": user, "email": f"{user}@example.com", "name": "Jane"}


# Recipients


def test_a_user_is_identified_changed_listed_and_deleted(knock: Knock) -> None:
    user = unique("Zoë K.@example.com")
    knock.users.update(user, name="Zoë", created_at=LATER, extra_body={"plan": {"name": "pro", "seats": 3}})
    changed = knock.users.update(user, locale="de-CH", extra_body={"plan": {"seats": 4}})
    assert changed.to_dict()["plan"] == {"name": "pro", "seats": 4}
    got = knock.users.get(user)
    assert (got.name, got.created_at) == ("Zoë", LATER)
    assert user in [each.id for each in knock.users.list(page_size=2, include=["preferences"])]
    knock.users.delete(user)
    missing(knock.users.get, user)


def test_users_are_identified_and_deleted_in_bulk(knock: Knock) -> None:
    users: Any = [{"id": unique("bulk"), "name": f"User {number}"} for number in range(25)]
    assert completed(knock, knock.users.bulk.identify(users=users)).success_count == 25
    assert knock.users.get(users[24]["id"]).name == "User 24"
    completed(knock, knock.users.bulk.delete(user_ids=[each["id"] for each in users]))
    missing(knock.users.get, users[24]["id"])


def test_users_are_merged(knock: Knock) -> None:
    user, other = unique("primary"), unique("secondary")
    knock.users.update(user, name="Ann")
    feed_messages(knock, other, 1)
    knock.users.update(other, name="Anne", email="anne@example.com")
    merged = knock.users.merge(user, from_user_id=other)
    assert (merged.name, merged.email) == ("Ann", "anne@example.com")
    missing(knock.users.get, other)
    assert [message.recipient for message in knock.users.list_messages(user)] == [user]


def test_an_object_is_set_listed_and_deleted_also_in_bulk(knock: Knock) -> None:
    collection = unique("projects")
    knock.objects.set(collection, "p1", name="Park", extra_body={"config": {"a": 1}})
    park = knock.objects.set(collection, "p1", extra_body={"config": {"b": 2}})
    assert park.properties == {"name": "Park", "config": {"a": 1, "b": 2}}
    assert knock.objects.get(collection, "p1").properties == park.properties
    more: Any = [{"id": "p2", "name": "Two"}, {"id": "p3"}]
    completed(knock, knock.objects.bulk.set(collection, objects=more))
    assert [each.id for each in knock.objects.list(collection, page_size=2)] == ["p1", "p2", "p3"]
    knock.objects.delete(collection, "p1")
    missing(knock.objects.get, collection, "p1")
    completed(knock, knock.objects.bulk.delete(collection, object_ids=["p2", "p3"]))
    assert list(knock.objects.list(collection)) == []


def test_a_tenant_is_set_found_and_deleted_also_in_bulk(knock: Knock) -> None:
    tenant, others = unique("acme"), [unique("t1"), unique("t2")]
    settings: Any = {"branding": {"primary_color": "#112233"}, "preference_set": {"channel_types": {"sms": False}}}
    knock.tenants.set(tenant, name=tenant, settings=settings)
    shown = knock.tenants.get(tenant).settings
    assert shown is not None
    assert shown.branding is not None
    assert shown.branding.primary_color == "#112233"
    assert [each.id for each in knock.tenants.list(name=tenant)] == [tenant]
    assert [each.id for each in knock.tenants.list(tenant_id=tenant)] == [tenant]
    completed(knock, knock.tenants.bulk.set(tenants=[{"id": others[0], "name": "T1"}, others[1]]))
    assert knock.tenants.get(others[0]).name == "T1"
    completed(knock, knock.tenants.bulk.delete(tenant_ids=others))
    missing(knock.tenants.get, others[1])
    knock.tenants.delete(tenant)
    missing(knock.tenants.get, tenant)


def test_channel_data_of_users_and_objects(knock: Knock) -> None:
    owner, tokens = unique("jane"), ["t1", "t2"]
    knock.users.set_channel_data(owner, PUSH, data={"tokens": tokens})
    shown: Any = knock.users.get_channel_data(owner, PUSH).data
    assert (shown.tokens, [each.token for each in shown.devices]) == (tokens, tokens)
    knock.users.unset_channel_data(owner, PUSH)
    missing(knock.users.get_channel_data, owner, PUSH)
    connections: Any = {"connections": [{"access_token": "xoxb-1", "channel_id": "C1"}]}
    knock.objects.set_channel_data("projects", owner, CHAT, data=connections)
    stored: Any = knock.objects.get_channel_data("projects", owner, CHAT).data
    assert stored.connections[0].channel_id == "C1"
    knock.objects.unset_channel_data("projects", owner, CHAT)
    with pytest.raises(knockapi.NotFoundError):
        knock.objects.get_channel_data("projects", owner, CHAT)


# Preferences


def test_a_user_who_wants_no_mail_of_a_workflow_gets_none_until_they_want_it_again(knock: Knock) -> None:
    user = unique("jane")

    def invited() -> int:
        run = knock.workflows.trigger(WORKFLOW, recipients=[invitation(user)], cancellation_key=user).workflow_run_id
        once(
            lambda: [
                each for each in knock.workflow_recipient_runs.list(recipient=user) if each.workflow_run_id == run
            ],
            lambda found: found and found[0].status == "paused",
            "the run waits",
        )
        return len(list(knock.messages.list(workflow_run_id=run)))

    assert knock.users.set_preferences(user, "default", workflows={WORKFLOW: False}).workflows == {WORKFLOW: False}
    assert invited() == 0
    knock.users.unset_preferences(user, "default")
    assert invited() == 1


def test_preference_sets_are_replaced_merged_listed_and_set_in_bulk(knock: Knock) -> None:
    user = unique("jane")
    knock.users.set_preferences(user, "default", channel_types={"email": False, "sms": True})
    knock.users.set_preferences(user, "default", channel_types={"sms": False}, _persistence_strategy="merge")
    assert shown(knock.users.get_preferences(user, "default").channel_types) == {"email": False, "sms": False}
    knock.users.set_preferences(user, "default", channel_types={"push": False}, _persistence_strategy="replace")
    assert shown(knock.users.get_preferences(user, "default").channel_types) == {"push": False}
    acme: Any = {"id": "acme", "categories": {"news": False}}
    completed(knock, knock.users.bulk.set_preferences(user_ids=[user], preferences=acme))
    assert sorted(each.id for each in knock.users.list_preferences(user)) == ["acme", "default"]
    assert knock.users.get_preferences(user, "acme", tenant="acme").categories == {"news": False}


def test_an_object_has_preference_sets_too(knock: Knock) -> None:
    collection = unique("projects")
    knock.objects.set_preferences(collection, "p1", "default", channel_types={"chat": False})
    assert shown(knock.objects.get_preferences(collection, "p1", "default").channel_types) == {"chat": False}
    assert len(knock.objects.list_preferences(collection, "p1")) == 1
    knock.objects.unset_preferences(collection, "p1", "default")
    assert shown(knock.objects.get_preferences(collection, "p1", "default").channel_types) == {}


def shown(part: Any) -> Any:
    return part.to_dict() if part else {}


def test_a_user_has_a_preference_centre(knock: Knock) -> None:
    user = unique("jane")
    knock.users.update(user, email="jane@example.com")
    assert knock.users.preference_center.get_config(user).user_email == "jane@example.com"
    signed = knock.users.preference_center.generate_signed_url(user)
    assert signed.url.endswith(signed.token)


# Subscriptions, audiences, schedules


def test_who_is_subscribed_to_an_object_is_told_when_it_is_triggered(knock: Knock) -> None:
    collection, ann, ben = unique("projects"), unique("ann"), unique("ben")
    added = knock.objects.add_subscriptions(
        collection, "p1", recipients=[invitation(ann), invitation(ben)], properties={"role": "admin"}
    )
    assert [each.properties for each in added] == [{"role": "admin"}] * 2
    run = knock.workflows.trigger(WORKFLOW, recipients=[{"collection": collection, "id": "p1"}], actor=ben)
    sent = once(lambda: list(knock.messages.list(workflow_run_id=run.workflow_run_id)), bool, "it is sent")
    assert [each.recipient for each in sent] == [ann]
    assert [each.object.id for each in knock.users.list_subscriptions(ann)] == ["p1"]
    assert len(list(knock.objects.list_subscriptions(collection, "p1"))) == 2
    knock.objects.delete_subscriptions(collection, "p1", recipients=[ann])
    assert list(knock.users.list_subscriptions(ann)) == []


def test_subscriptions_are_added_and_deleted_in_bulk(knock: Knock) -> None:
    collection, user = unique("projects"), unique("ann")
    subscriptions: Any = [{"id": each, "recipients": [user]} for each in ("p1", "p2")]
    completed(knock, knock.objects.bulk.add_subscriptions(collection, subscriptions=subscriptions))
    assert len(list(knock.users.list_subscriptions(user, include=["preferences"]))) == 2
    completed(knock, knock.objects.bulk.delete_subscriptions(collection, subscriptions=subscriptions))
    assert list(knock.users.list_subscriptions(user)) == []


def test_an_audience_has_members_until_they_are_removed(knock: Knock) -> None:
    key, user = unique("trial"), unique("ann")
    members: Any = [{"user": {"id": user, "name": "Ann"}, "tenant": "acme"}]
    knock.audiences.add_members(key, members=members, create_audience=True)
    (member,) = knock.audiences.list_members(key).entries
    assert (member.user_id, member.tenant, member.user.name) == (user, "acme", "Ann")
    knock.audiences.remove_members(key, members=members)
    assert knock.audiences.list_members(key).entries == []


def test_schedules_are_made_listed_from_every_side_changed_and_deleted(knock: Knock) -> None:
    user, collection = unique("jane"), unique("projects")
    recipients: Any = [user, {"collection": collection, "id": "p1"}]
    made = knock.schedules.create(workflow=WORKFLOW, recipients=recipients, repeats=HALF_PAST_NINE, tenant="acme")
    (mine,) = knock.users.list_schedules(user, workflow=WORKFLOW)
    assert mine.next_occurrence_at is not None
    assert mine.next_occurrence_at > datetime.now(UTC)
    assert len(list(knock.objects.list_schedules(collection, "p1"))) == 1
    assert len(list(knock.schedules.list(workflow=WORKFLOW, recipients=recipients, tenant="acme"))) == 2
    ids = [each.id for each in made]
    assert [each.data for each in knock.schedules.update(schedule_ids=ids, data={"n": 2})] == [{"n": 2}] * 2
    assert len(knock.schedules.delete(schedule_ids=ids)) == 2
    assert list(knock.users.list_schedules(user)) == []


def test_schedules_are_made_in_bulk_and_trigger_when_their_time_has_come(knock: Knock) -> None:
    user, later = unique("ann"), unique("ben")
    past = datetime.now(UTC) - timedelta(seconds=1)
    schedules: Any = [
        {"workflow": WORKFLOW, "recipient": invitation(user), "scheduled_at": past},
        {"workflow": WORKFLOW, "recipient": later, "scheduled_at": LATER},
    ]
    completed(knock, knock.schedules.bulk.create(schedules=schedules))
    (run,) = once(lambda: list(knock.workflow_recipient_runs.list(recipient=user)), bool, "the run is there")
    source: Any = run.trigger_source
    assert source.type == "schedule"
    assert [each.next_occurrence_at for each in knock.users.list_schedules(later)] == [LATER]


# Workflows and messages


def test_a_trigger_makes_a_run_and_a_message_of_which_everything_is_told(knock: Knock) -> None:
    user = unique("jane")
    data: Any = {"inviter": {"name": "Nora"}, "plan": "pro"}
    run = knock.workflows.trigger(WORKFLOW, recipients=[invitation(user)], data=data, tenant="acme", actor="nora")
    (message,) = once(
        lambda: list(knock.messages.list(workflow_run_id=run.workflow_run_id, tenant="acme", status=["sent"])),
        bool,
        "the message is sent",
    )
    assert knock.messages.get(message.id).source.key == WORKFLOW
    content: Any = knock.messages.get_content(message.id).data
    assert content.to == f"{user}@example.com"
    (batch,) = knock.messages.batch.get_content(message_ids=[message.id])
    assert batch.message_id == message.id
    assert [each.type for each in knock.messages.list_events(message.id)][-1] == "message.sent"
    (activity,) = knock.messages.list_activities(message.id, trigger_data=json.dumps({"plan": "pro"}))
    assert activity.data == data
    (log,) = knock.messages.list_delivery_logs(message.id)
    assert log.service_name == "smtp"
    assert list(knock.objects.list_messages("projects", user)) == []
    (listed,) = knock.workflow_recipient_runs.list(recipient=user, workflow=WORKFLOW, tenant="acme")
    assert knock.workflow_recipient_runs.get(listed.id).workflow_run_id == run.workflow_run_id


def test_a_cancellation_stops_what_waits(knock: Knock) -> None:
    user = unique("tom")
    knock.workflows.trigger(WORKFLOW, recipients=[invitation(user)], cancellation_key=user)

    def status() -> list[str]:
        return [each.status for each in knock.workflow_recipient_runs.list(recipient=user)]

    once(status, lambda found: found == ["paused"], "the run waits")
    knock.workflows.cancel(WORKFLOW, cancellation_key=user, recipients=[user])
    once(status, lambda found: found == ["cancelled"], "the run is cancelled")


def test_engagement_with_one_message(knock: Knock) -> None:
    ((message),) = feed_messages(knock, unique("jane"), 1)
    knock.messages.mark_as_seen(message.id)
    knock.messages.mark_as_read(message.id)
    knock.messages.mark_as_interacted(message.id, metadata={"button": "yes"})
    knock.messages.archive(message.id)
    assert set(knock.messages.get(message.id).engagement_statuses) == {"archived", "interacted", "read", "seen"}
    knock.messages.unarchive(message.id)
    knock.messages.mark_as_unread(message.id)
    assert knock.messages.mark_as_unseen(message.id).engagement_statuses == ["interacted"]


def test_engagement_with_several_messages_and_with_all_of_a_channel(knock: Knock) -> None:
    user = unique("jane")
    ids = [each.id for each in feed_messages(knock, user, 3)]
    batch = knock.messages.batch
    assert all(each.interacted_at for each in batch.mark_as_interacted(message_ids=ids, metadata={"a": 1}))
    assert all(each.seen_at for each in batch.mark_as_seen(message_ids=ids))
    assert all(each.read_at for each in batch.mark_as_read(message_ids=ids))
    assert all(each.archived_at for each in batch.archive(message_ids=ids))
    assert not any(each.archived_at for each in batch.unarchive(message_ids=ids))
    assert not any(each.read_at for each in batch.mark_as_unread(message_ids=ids))
    assert not any(each.seen_at for each in batch.mark_as_unseen(message_ids=ids))
    completed(knock, knock.channels.bulk.update_message_status(FEED, "read", recipient_ids=[user]))
    once(
        lambda: list(knock.users.list_messages(user, engagement_status=["read"])),
        lambda it: len(it) == 3,
        "all are read",
    )


def test_a_feed_shows_what_is_new(knock: Knock) -> None:
    user = unique("jane")
    first, _ = feed_messages(knock, user, 2)
    assert len(list(knock.users.feeds.list_items(user, FEED, page_size=1))) == 2
    knock.messages.mark_as_read(first.id)
    assert len(list(knock.users.feeds.list_items(user, FEED, status="unread"))) == 1
    (item,) = knock.users.feeds.list_items(user, FEED, trigger_data=json.dumps({"n": 1}))
    assert item.data == {"n": 1}
    assert knock.users.feeds.get_settings(user, FEED).features.branding_required is False


# Guides, providers, integrations


def test_a_user_sees_a_guide_uses_it_and_begins_anew(knock: Knock) -> None:
    user = unique("jane")
    knock.users.update(user, name="Jane")

    def steps() -> list[Any]:
        shown: Any = knock.users.guides.get_channel(user, GUIDES, data=json.dumps({"page": "home"}), type="banner")
        return [(each, step) for each in shown.entries if each.key == "banner" for step in each.steps]

    guide, step = steps()[0]
    assert step.content["title"] == "Hello Jane of home"
    mark = {"channel_id": GUIDES, "guide_id": guide.id, "guide_key": guide.key, "guide_step_ref": step.ref}
    guides = knock.users.guides
    guides.mark_message_as_seen(user, **mark, content=step.content)
    guides.mark_message_as_interacted(user, **mark, metadata={"button": "yes"})
    guides.mark_message_as_archived(user, **mark)
    message = steps()[0][1].message
    assert all([message.seen_at, message.interacted_at, message.archived_at])
    guides.unarchive_guide_message(user, guide_key=guide.key)
    assert steps()[0][1].message.archived_at is None
    guides.reset_guide_engagements(user, guide_key=guide.key)
    assert steps()[0][1].message.seen_at is None


def test_a_tenants_slack_is_asked_page_by_page_until_access_is_revoked(knock: Knock) -> None:
    acme = json.dumps({"collection": "$tenants", "object_id": connect(knock, unique("acme"))})
    assert knock.providers.slack.check_auth(CHAT, access_token_object=acme).connection.ok
    found = knock.providers.slack.list_channels(CHAT, access_token_object=acme, query_options={"limit": 2})
    assert [each.name for each in found] == ["general", "random", "support"]
    assert knock.providers.slack.revoke_access(CHAT, access_token_object=acme).ok == "ok"
    with pytest.raises(knockapi.PermissionDeniedError, match="Access token not set"):
        knock.providers.slack.check_auth(CHAT, access_token_object=acme)


def test_a_tenants_teams_are_asked_page_by_page_until_access_is_revoked(knock: Knock) -> None:
    acme = json.dumps({"collection": "$tenants", "object_id": connect(knock, unique("acme"))})
    teams = knock.providers.ms_teams
    assert teams.check_auth(CHAT, ms_teams_tenant_object=acme).connection.ok
    found = teams.list_teams(CHAT, ms_teams_tenant_object=acme, query_options={"top": 2})
    assert [each.id for each in found] == ["team-0", "team-1", "team-2"]
    channels = teams.list_channels(CHAT, ms_teams_tenant_object=acme, team_id="team-1").ms_teams_channels
    assert [each.display_name for each in channels] == ["General"]
    assert teams.revoke_access(CHAT, ms_teams_tenant_object=acme).ok == "ok"
    with pytest.raises(knockapi.PermissionDeniedError, match="tenant ID not set"):
        teams.check_auth(CHAT, ms_teams_tenant_object=acme)


def test_census_and_hightouch_ask_whether_they_are_connected(knock: Knock) -> None:
    call: Any = {"id": "1", "jsonrpc": "2.0", "method": "test_connection"}
    assert knock.integrations.census.custom_destination(**call).result
    assert knock.integrations.hightouch.embedded_destination(**call).result


def test_every_operation_was_called(knock: Knock, calls: list[str], request: pytest.FixtureRequest) -> None:
    tests = {name for name in globals() if name.startswith("test_")}
    if missed := tests - {item.name for item in request.session.items}:
        pytest.skip(f"{len(missed)} of the tests were not run")
    assert sorted(IN_SDKS - operations(calls)) == []
