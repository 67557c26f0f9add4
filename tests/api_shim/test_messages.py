"""Messages, and what belongs to one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from notify_workers import resources
from notify_workers.ids import channel_id, environment_id
from notify_workers.store.environments import set_channel
from notify_workers.store.session import transaction
from tests import channels
from tests.answers import PRODUCTION, code, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer

JANE = {"id": "jane", "email": "jane@example.com", "name": "Jane Doe"}
JOE = {"id": "joe", "email": "joe@example.com"}
EMAIL = channel_id("email")
TEXT = "x" * 300


@pytest.fixture
def three(api: CheckedClient, engine: Engine, mail: MailServer) -> list[str]:
    """Three messages: the ids of 1 (Jane's, of Acme, seen), 2 (Joe's, bounced) and 3 (Jane's digest, a day apart each)."""
    mail.answer_to_rcpt = lambda address: "550 no such user" if address == "joe@example.com" else "250 ok"
    engine.publish("welcome", [email_step()])
    engine.publish("digest", [email_step("weekly")], categories=["news", "weekly"])
    trigger(api, recipients=[JANE], tenant="acme", actor=JOE, data={"n": 1, "text": TEXT})
    engine.drain()
    trigger(api, recipients=[JOE], data={"n": 2, "flag": True, "nothing": None})
    engine.drain()
    trigger(api, "digest", ["jane"], data={"n": 3, "list": [1]})
    engine.drain()
    with transaction() as tx:
        tx.run(text("update messages set seen_at = inserted_at where tenant = 'acme'"))
        tx.run(
            text(
                "update messages m set inserted_at = timestamptz '2025-12-31T00:00:00Z' + (t.data ->> 'n') "
                "::int * interval '1 day' from triggers t where t.id = m.trigger_id"
            )
        )
    return [row.id for row in engine.rows("select id from messages order by inserted_at")]


def found(api: CheckedClient, query: str) -> list[int]:
    """The numbers of the messages that a query finds, in its order."""
    answer = api.get(f"/v1/messages?{query}")
    assert answer.status_code == 200, answer.text
    return [message["data"]["n"] for message in answer.json()["items"]]


FILTERS = {
    "": [3, 2, 1],
    "tenant=acme": [1],
    "tenant=other": [],
    f"channel_id={EMAIL}": [3, 2, 1],
    "channel_id=6f0d7c1e-5a0b-5a55-9c39-0d00bbe11000": [],
    "status[]=sent": [3, 1],
    "status=bounced": [2],
    "status[]=sent&status[]=bounced": [3, 2, 1],
    "status[]=queued": [],
    "engagement_status[]=seen": [1],
    "engagement_status[]=unseen": [3, 2],
    "engagement_status[]=seen&engagement_status[]=archived": [1],
    "engagement_status[]=unread&engagement_status[]=unarchived": [3, 2, 1],
    "engagement_status[]=interacted": [],
    "engagement_status[]=link_clicked": [],
    "workflow_categories[]=news": [3],
    "workflow_categories[]=weekly&workflow_categories[]=other": [3],
    "source=welcome": [2, 1],
    'trigger_data={"n":1}': [1],
    'trigger_data={"n":1.0}': [1],
    "trigger_data[n]=1": [1],
    'trigger_data={"n":2,"flag":true}': [2],
    'trigger_data={"n":2,"flag":false}': [],
    'trigger_data={"nothing":null}': [2],
    f'trigger_data={{"text":"{TEXT[:256]}"}}': [1],
    f'trigger_data={{"text":"{TEXT[:255]}"}}': [],
    "trigger_data={}": [3, 2, 1],
    "inserted_at.gte=2026-01-02T00:00:00Z": [3, 2],
    "inserted_at.gt=2026-01-02T00:00:00Z": [3],
    "inserted_at[lte]=2026-01-02T00:00:00Z": [2, 1],
    "inserted_at[lt]=2026-01-02": [1],
    "inserted_at.gt=2026-01-01T00:00:00Z&inserted_at[lt]=2026-01-03T00:00:00.000Z": [2],
    "inserted_at.gte=2026-01-02T01:00:00%2B01:00": [3, 2],
    "tenant=acme&source=digest": [],
    "unknown=1": [3, 2, 1],
}
WRONG = {
    "status[]=sent&status[]=lost": "status[1]",
    "engagement_status=ignored": "engagement_status[0]",
    "channel_id=email": "channel_id",
    "workflow_run_id=1": "workflow_run_id",
    "workflow_recipient_run_id=1": "workflow_recipient_run_id",
    "&".join(["message_ids[]=a"] * 51): "message_ids",
    'trigger_data={"a":{"b":1}}': "trigger_data",
    'trigger_data={"a":[1]}': "trigger_data",
    "trigger_data[a][b]=1": "trigger_data",
    "trigger_data[]=1": "trigger_data",
    "trigger_data=text": "trigger_data",
    "trigger_data=[1]": "trigger_data",
    'trigger_data={"a":NaN}': "trigger_data",
    'trigger_data={"a":1e999}': "trigger_data",
    r'trigger_data={"a":"\u0000"}': "trigger_data",
    r'trigger_data={"\u0000":1}': "trigger_data",
    "inserted_at.gte=soon": "inserted_at.gte",
    "inserted_at[lt]=2026-01-01T00:00:00%2B23:00": "inserted_at.lt",
    "inserted_at=2026-01-01": "inserted_at",
    "tenant[]=acme": "tenant",
    "source[a]=b": "source",
}


def test_each_filter_finds_what_it_is_for(api: CheckedClient, three: list[str]) -> None:
    assert {query: found(api, query) for query in FILTERS} == FILTERS


def test_each_wrong_filter_is_named(api: CheckedClient) -> None:
    assert {query: fields(api.get(f"/v1/messages?{query}"))[0] for query in WRONG} == WRONG


def test_messages_are_found_by_the_runs_that_made_them(api: CheckedClient, three: list[str]) -> None:
    source = api.get(f"/v1/messages/{three[1]}").json()["source"]
    assert found(api, f"workflow_run_id={source['workflow_run_id']}") == [2]
    assert found(api, f"workflow_recipient_run_id={source['workflow_recipient_run_id']}") == [2]
    assert found(api, f"workflow_run_id={uuid4()}&workflow_recipient_run_id={uuid4()}") == []


def test_messages_are_found_by_their_ids_within_the_other_filters(api: CheckedClient, three: list[str]) -> None:
    both = f"message_ids[]={three[0]}&message_ids[]={three[1]}&message_ids[]=nothing"
    assert found(api, both) == [2, 1]
    assert found(api, f"{both}&status=bounced") == [2]


def test_a_message_is_shown_whole(api: CheckedClient, engine: Engine, three: list[str]) -> None:
    shown = api.get(f"/v1/messages/{three[0]}").json()
    run = engine.one("select r.id, r.trigger_id, r.version_id from recipient_runs r where tenant = 'acme'")
    assert shown["source"] == {
        "__typename": "NotificationSource",
        "type": "workflow",
        "key": "welcome",
        "categories": [],
        "step_ref": "email_1",
        "version_id": str(run.version_id),
        "workflow_run_id": str(run.trigger_id),
        "workflow_recipient_run_id": str(run.id),
    }
    assert (shown["channel"]["id"], shown["channel"]["key"], shown["channel"]["type"]) == (str(EMAIL), "email", "email")
    assert (shown["recipient"], shown["actors"], shown["tenant"]) == ("jane", ["joe"], "acme")
    assert (shown["status"], shown["engagement_statuses"]) == ("sent", ["seen"])
    assert shown["data"] == {"n": 1, "text": TEXT}
    assert (len(shown["id"]), shown["workflow"], shown["read_at"]) == (27, "welcome", None)
    assert shown["recipient_snapshot"]["email"] == "jane@example.com"
    assert api.get("/v1/messages").json()["items"][-1] == shown


def test_a_browser_may_see_a_message(api: CheckedClient, three: list[str]) -> None:
    assert api.get(f"/v1/messages/{three[0]}", headers=PUBLIC).json()["id"] == three[0]


def test_an_object_is_a_recipient_like_any_other(api: CheckedClient, welcome: Engine) -> None:
    thing = {"id": "1", "collection": "projects", "email": "team@example.com"}
    trigger(api, recipients=[thing], actor={"id": "2", "collection": "projects"})
    welcome.drain()
    (message,) = api.get("/v1/messages").json()["items"]
    assert message["recipient"] == {"id": "1", "collection": "projects"}
    assert message["actors"] == [{"id": "2", "collection": "projects"}]
    (activity,) = api.get(f"/v1/messages/{message['id']}/activities").json()["items"]
    assert activity["recipient"]["properties"] == {"email": "team@example.com"}


PARTS = ["", "/content", "/events", "/activities", "/delivery_logs"]


def test_an_unknown_message_and_all_its_parts_are_missing(api: CheckedClient) -> None:
    answers = [api.get(f"/v1/messages/{identifier}{part}") for part in PARTS for identifier in ("nothing", "x" * 5000)]
    assert {(answer.status_code, code(answer)) for answer in answers} == {(404, "resource_missing")}


def test_messages_stay_in_their_environment(api: CheckedClient, three: list[str]) -> None:
    assert api.get("/v1/messages", headers=PRODUCTION).json()["items"] == []
    answers = [api.get(f"/v1/messages/{three[0]}{part}", headers=PRODUCTION) for part in PARTS]
    assert {answer.status_code for answer in answers} == {404}


def walk(api: CheckedClient, path: str, size: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """The pages of a list walked forward, and walked back from the last one."""
    forward = [api.get(path, params={"page_size": size}).json()]
    while after := forward[-1]["page_info"]["after"]:
        forward.append(api.get(path, params={"page_size": size, "after": after}).json())
    back = [forward[-1]]
    while before := back[-1]["page_info"]["before"]:
        back.append(api.get(path, params={"page_size": size, "before": before}).json())
    return [page["items"] for page in forward], [page["items"] for page in reversed(back)]


def test_pages_can_be_walked_both_ways(api: CheckedClient, welcome: Engine) -> None:
    trigger(api, recipients=[{"id": f"u{n}", "email": "a@example.com"} for n in range(8)])
    welcome.drain()
    everyone = [f"u{n}" for n in range(8)]
    for size, lengths in ((3, [3, 3, 2]), (4, [4, 4]), (50, [8])):
        forward, back = walk(api, "/v1/messages", size)
        assert [len(page) for page in forward] == lengths
        assert back == forward
        assert sorted(message["recipient"] for page in forward for message in page) == everyone


def test_messages_that_come_meanwhile_move_no_page(api: CheckedClient, welcome: Engine) -> None:
    trigger(api, recipients=[{"id": f"u{n}", "email": "a@example.com"} for n in range(4)])
    welcome.drain()
    first = api.get("/v1/messages?page_size=2").json()
    second = api.get(f"/v1/messages?page_size=2&after={first['page_info']['after']}").json()
    trigger(api, recipients=[JANE])
    welcome.drain()
    assert api.get(f"/v1/messages?page_size=2&after={first['page_info']['after']}").json() == second
    assert api.get(f"/v1/messages?page_size=2&before={second['page_info']['before']}").json()["items"] == first["items"]


def test_the_content_is_what_was_sent(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    template = {"html_body": "<p>Hello {{ recipient.name }}</p>", "subject": "Für {{ recipient.name }}"}
    engine.publish("welcome", [email_step(**template)])
    trigger(api, recipients=[JANE])
    engine.drain()
    (message,) = api.get("/v1/messages").json()["items"]
    content = api.get(f"/v1/messages/{message['id']}/content").json()
    sent = mail.messages[0]
    assert (content["__typename"], content["message_id"]) == ("MessageContent", message["id"])
    assert content["data"]["__typename"] == "MessageEmailContent"
    assert content["data"]["subject_line"] == "Für Jane Doe" == sent["Subject"]
    assert (content["data"]["to"], content["data"]["from"]) == (sent["To"], sent["From"])
    assert "<p>Hello Jane Doe</p>" in content["data"]["html_body"]
    assert content["data"]["text_body"].strip() == "Hello Jane Doe"
    assert (content["data"]["cc"], content["data"]["bcc"], content["data"]["reply_to"]) == (None, None, None)


CONTENTS: dict[str, dict[str, Any]] = {
    "sms": {"__typename": "MessageSmsContent", "to": "+15550001", "body": "Hello Jane"},
    "push": {
        "__typename": "MessagePushContent",
        "token": "token-1",
        "title": "Hello",
        "body": "Jane",
        "data": {"sound": "ding"},
    },
    "chat": {
        "__typename": "MessageChatContent",
        "connection": {"channel_id": "C1"},
        "template": {
            "blocks": [{"type": "markdown", "name": "body", "content": "**Hello** Jane"}],
            "json_content": None,
            "summary": "A greeting",
        },
        "metadata": None,
    },
    "in_app_feed": {
        "__typename": "MessageInAppFeedContent",
        "blocks": [
            {
                "name": "body",
                "type": "markdown",
                "content": "**Hello** {{ recipient.name }}",
                "rendered": "<p><strong>Hello</strong> Jane</p>",
            },
            {"name": "action_url", "type": "text", "content": "/hello", "rendered": "/hello"},
        ],
    },
    "http": {
        "__typename": "MessageWebhookContent",
        "method": "POST",
        "url": "https://api.test/jane",
        "headers": {"Authorization": "•••", "X-A": "•••"},
        "query_params": [{"key": "key", "value": "v&"}],
        "body": '{"name": "Jane"}',
    },
}


@pytest.fixture
def every_channel(api: CheckedClient, engine: Engine) -> dict[str, str]:
    """A message on every channel besides e-mail: ids by channel type."""
    engine.publish("welcome", [channels.step(each) for each in CONTENTS])
    trigger(api, recipients=[channels.REACHABLE])
    engine.drain()
    return {each.channel_type: each.id for each in engine.rows("select channel_type, id from messages")}


def test_each_channel_type_has_a_content_of_its_own_shape(api: CheckedClient, every_channel: dict[str, str]) -> None:
    assert {
        channel_type: api.get(f"/v1/messages/{message}/content").json()["data"]
        for channel_type, message in every_channel.items()
    } == CONTENTS


def test_json_stands_in_a_chats_content_instead_of_blocks(api: CheckedClient, engine: Engine) -> None:
    engine.publish("welcome", [channels.step("chat", json_body='{"text": "hi"}', summary="")])
    trigger(api, recipients=[channels.REACHABLE])
    engine.drain()
    (message,) = api.get("/v1/messages").json()["items"]
    shown = api.get(f"/v1/messages/{message['id']}/content").json()["data"]["template"]
    assert shown == {"blocks": None, "json_content": {"text": "hi"}, "summary": None}


def test_lists_show_the_channel_of_each_message(api: CheckedClient, every_channel: dict[str, str]) -> None:
    shown = {each["channel"]["type"]: each["channel"]["key"] for each in api.get("/v1/messages").json()["items"]}
    assert shown == channels.KEYS
    for channel_type, message in every_channel.items():
        (found,) = api.get(f"/v1/messages?channel_id={channel_id(channels.KEYS[channel_type])}").json()["items"]
        assert found["id"] == message


def test_delivery_logs_of_every_channel_hold_no_secret(api: CheckedClient, every_channel: dict[str, str]) -> None:
    logs = {each: api.get(f"/v1/messages/{every_channel[each]}/delivery_logs") for each in CONTENTS}
    assert not any("hunter2" in log.text or "v&" in log.text for log in logs.values())
    services = {each: [entry["service_name"] for entry in log.json()["items"]] for each, log in logs.items()}
    assert services == {
        "sms": ["sandbox_sms"],
        "push": ["sandbox_push"],
        "chat": ["sandbox_chat"],
        "in_app_feed": ["in_app"],
        "http": ["sandbox_webhook"],
    }


def test_events_stand_in_the_order_in_which_they_happened(api: CheckedClient, three: list[str]) -> None:
    path = f"/v1/messages/{three[1]}/events"
    events = api.get(path).json()["items"]
    assert [event["type"] for event in events] == ["message.created", "message.queued", "message.bounced"]
    assert {event["recipient"] for event in events} == {"joe"}
    assert "550 no such user" in str(events[2]["data"])
    assert walk(api, path, 1) == ([[event] for event in events], [[event] for event in events])


def test_an_activity_is_the_trigger_that_a_message_tells_of(api: CheckedClient, three: list[str]) -> None:
    path = f"/v1/messages/{three[0]}/activities"
    (activity,) = api.get(path).json()["items"]
    assert (len(activity["id"]), activity["data"]) == (27, {"n": 1, "text": TEXT})
    assert (activity["recipient"]["name"], activity["actor"]["email"]) == ("Jane Doe", "joe@example.com")


def test_activities_are_filtered_by_the_same_rule_as_messages(api: CheckedClient, three: list[str]) -> None:
    asked = [query for query in FILTERS if query.startswith("trigger_data")]
    counts = {
        query: [len(api.get(f"/v1/messages/{each}/activities?{query}").json()["items"]) for each in three]
        for query in asked
    }
    assert counts == {query: [int(n in FILTERS[query]) for n in (1, 2, 3)] for query in asked}
    wrong = [query for query in WRONG if query.startswith("trigger_data")]
    assert {fields(api.get(f"/v1/messages/{three[0]}/activities?{query}"))[0] for query in wrong} == {"trigger_data"}


def test_the_activity_of_a_recipient_who_is_gone_still_names_them(api: CheckedClient, three: list[str]) -> None:
    for user in ("jane", "joe"):
        api.delete(f"/v1/users/{user}")
    (activity,) = api.get(f"/v1/messages/{three[0]}/activities").json()["items"]
    assert (activity["recipient"]["id"], activity["recipient"]["name"], activity["actor"]) == ("jane", None, None)


def test_delivery_logs_show_each_exchange_with_the_provider(
    api: CheckedClient, welcome: Engine, mail: MailServer
) -> None:
    mail.answer_to_rcpt = lambda address: "451 later"
    trigger(api, recipients=[JANE])
    welcome.drain()
    mail.reset()
    welcome.advance(minutes=10)
    (message,) = api.get("/v1/messages").json()["items"]
    path = f"/v1/messages/{message['id']}/delivery_logs"
    logs = api.get(path).json()["items"]
    assert [(log["attempt"], log["outcome"], log["response"]["status"]) for log in logs] == [
        (1, "retry", 451),
        (2, "sent", 250),
    ]
    assert {(log["environment_id"], log["service_name"]) for log in logs} == {(str(DEVELOPMENT), "smtp")}
    assert walk(api, path, 1) == ([[log] for log in logs], [[log] for log in logs])


def test_delivery_logs_hold_no_secret(api: CheckedClient, welcome: Engine, mail: MailServer) -> None:
    settings = {"host": "127.0.0.1", "port": mail.port, "security": "none", "from_address": "a@doorbell.test"}
    secret = {"username": "the-user", "password": "hunter2"}
    with resources.configuration() as tx:
        set_channel(
            tx, DEVELOPMENT, "email", name="Mail", type="email", provider="smtp", settings={**settings, **secret}
        )
    trigger(api, recipients=[JANE])
    welcome.drain()
    (message,) = api.get("/v1/messages").json()["items"]
    answers = [api.get(f"/v1/messages/{message['id']}{part}").text for part in PARTS]
    assert "delivery" in answers[2]
    assert not any("hunter2" in answer for answer in answers)


def test_an_attempt_whose_exchange_was_lost_is_an_empty_log(api: CheckedClient, three: list[str]) -> None:
    with transaction() as tx:
        tx.run(text("update delivery_attempts set exchanges = '[]', provider = ''"))
    (log,) = api.get(f"/v1/messages/{three[0]}/delivery_logs").json()["items"]
    assert (log["service_name"], log["request"], log["response"]) == ("unknown", {}, {})


def test_a_message_outlives_its_channel(api: CheckedClient, three: list[str]) -> None:
    api.app.app.state.directory.snapshot.channels.clear()  # type: ignore[attr-defined]
    shown = api.get(f"/v1/messages/{three[0]}").json()
    assert (shown["channel_id"], "channel" in shown) == (str(EMAIL), False)


def test_production_has_messages_of_its_own(api: CheckedClient, engine: Engine, three: list[str]) -> None:
    with transaction() as tx:
        production = environment_id("production")
        tx.run(
            text("update messages set environment_id = :production where id = :id"), production=production, id=three[2]
        )
    assert [each["id"] for each in api.get("/v1/messages", headers=PRODUCTION).json()["items"]] == [three[2]]
    assert found(api, "") == [2, 1]
