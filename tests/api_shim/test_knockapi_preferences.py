"""Knock's own Python SDK: preferences, channel data and the preference centre, judged by what they bring about."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2
import knockapi
import pytest
from knockapi import Knock

from notify_workers.ids import channel_id
from tests.channels import TEMPLATES
from tests.engine import Engine, email_step
from tests.mail_server import MailServer

JANE: Any = {"id": "jane", "email": "jane@example.com"}
PUSH = str(channel_id("push"))


def test_a_user_mutes_a_category_and_unmutes_it(knock: Knock, engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()], categories=["news"])
    knock.users.set_preferences("jane", "default", categories={"news": {"channel_types": {"email": False}}})
    knock.workflows.trigger("welcome", recipients=[JANE])
    engine.drain()
    assert mail.subjects() == []
    knock.users.set_preferences("jane", "default", _persistence_strategy="merge", categories={"news": True})
    shown = knock.users.get_preferences("jane", "default", tenant="acme")
    assert (shown.categories, shown.workflows) == ({"news": True}, None)
    knock.workflows.trigger("welcome", recipients=[JANE])
    engine.drain()
    assert mail.subjects() == ["Subject of email_1"]


def test_sets_of_users_and_objects_are_listed_and_unset(knock: Knock) -> None:
    thing = ("projects", "1")
    knock.users.set_preferences("jane", "acme", channel_types={"email": False})
    knock.objects.set_preferences(*thing, "acme", workflows={"a": False})
    assert [each.id for each in knock.users.list_preferences("jane")] == ["default", "acme"]
    (_, of_object) = knock.objects.list_preferences(*thing)
    assert of_object == knock.objects.get_preferences(*thing, "acme")
    knock.users.unset_preferences("jane", "acme")
    knock.objects.unset_preferences(*thing, "acme")
    assert len(knock.users.list_preferences("jane")) == len(knock.objects.list_preferences(*thing))


def test_the_sets_of_many_users_are_replaced(knock: Knock, engine: Engine) -> None:
    users = [f"u{number}" for number in range(250)]
    operation = knock.users.bulk.set_preferences(preferences={"categories": {"news": False}}, user_ids=users)
    engine.drain()
    assert knock.bulk_operations.get(operation.id).success_count == 250
    assert knock.users.get_preferences("u249", "default").categories == {"news": False}


def test_each_device_gets_a_push(knock: Knock, engine: Engine) -> None:
    push = {"ref": "push_1", "type": "channel", "channel_key": "push", "channel_type": "push"}
    engine.publish("hello", [{**push, "template": TEMPLATES["push"]}])
    told = knock.users.set_channel_data("jane", PUSH, data={"tokens": ["a", "b"]})
    assert told == knock.users.get_channel_data("jane", PUSH)
    knock.workflows.trigger("hello", recipients=["jane"])
    engine.drain()
    assert sorted(row.payload["token"] for row in engine.rows("select payload from outbox")) == ["a", "b"]
    knock.users.unset_channel_data("jane", PUSH)
    with pytest.raises(knockapi.NotFoundError):
        knock.users.get_channel_data("jane", PUSH)


def test_objects_have_connections(knock: Knock) -> None:
    chat, thing = str(channel_id("chat")), ("projects", "1")
    connections: Any = {"connections": [{"incoming_webhook": {"url": "https://hooks.test/x"}}]}
    knock.objects.set_channel_data(*thing, chat, data=connections)
    assert knock.objects.get_channel_data(*thing, chat).data.to_dict() == connections
    knock.objects.unset_channel_data(*thing, chat)
    with pytest.raises(knockapi.UnprocessableEntityError, match="There is no channel"):
        knock.objects.set_channel_data(*thing, "123e4567-e89b-12d3-a456-426614174000", data=connections)


def test_a_link_opens_the_preference_centre(knock: Knock, engine: Engine, address: str) -> None:
    engine.publish("welcome", [email_step()], categories=["news"])
    config = knock.users.preference_center.get_config("jane")
    assert [row.type for row in config.config.rows] == ["category", "channel_types"]
    url = knock.users.preference_center.generate_signed_url("jane").url
    page = f"{address}{urlsplit(url).path}"
    assert httpx2.get(page).status_code == 200
    httpx2.post(page, data={"was_on": '["categories","news"]'})
    assert knock.users.get_preferences("jane", "default").categories == {"news": False}
