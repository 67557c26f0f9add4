"""Knock's own Python SDK, against a server as it is served in production."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import knockapi
import pytest
from knockapi import Knock

from notify_workers.ids import channel_id
from tests import channels
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer

NOBODY: Any = {"name": "Joe"}
JANE: Any = {"id": "jane", "email": "jane@example.com", "name": "Jane"}


@pytest.fixture
def messages(knock: Knock, engine: Engine, mail: MailServer) -> list[str]:
    """The ids of five messages that were sent."""
    engine.publish("welcome", [email_step()], categories=["news"])
    everybody: Any = [{**JANE, "id": f"u{n}"} for n in range(5)]
    knock.workflows.trigger("welcome", recipients=everybody, actor=JANE, tenant="acme")
    engine.drain()
    return [message.id for message in knock.messages.list()]


IDS = ["jane", "jane@example.com", "Zoë K.", "a+b=c&d?e%25", "%", "日本語"]


def test_users_are_updated_got_and_deleted(knock: Knock) -> None:
    born = datetime(2020, 1, 31, tzinfo=UTC)
    updated = knock.users.update("jane", name="Jane", created_at=born, extra_body={"plan": {"seats": 5}})
    got = knock.users.get("jane")
    assert (got.name, got.created_at, got.to_dict()["plan"]) == ("Jane", born, {"seats": 5})
    assert got == updated
    knock.users.delete("jane")
    knock.users.delete("jane")
    with pytest.raises(knockapi.NotFoundError, match="There is no user `jane`"):
        knock.users.get("jane")


def test_users_may_have_odd_ids(knock: Knock) -> None:
    assert [knock.users.update(each).id for each in IDS] == IDS
    assert {user.id for user in knock.users.list()} == set(IDS)


def test_all_users_are_listed_page_by_page(knock: Knock, engine: Engine) -> None:
    for number in range(7):
        engine.identify(f"u{number}")
    assert [user.id for user in knock.users.list(page_size=3)] == [f"u{number}" for number in range(7)]


def test_a_workflow_is_triggered_and_cancelled(knock: Knock, engine: Engine, mail: MailServer) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    project: Any = {"id": "1", "collection": "projects", "email": "team@example.com"}
    said: Any = {"actor": "joe", "tenant": {"id": "acme"}, "data": {"n": 1}, "cancellation_key": "k"}
    triggered = knock.workflows.trigger("invite", recipients=["joe", JANE, project], **said)
    engine.drain()
    runs = list(knock.workflow_recipient_runs.list(status=["paused"], page_size=2))
    assert [run.workflow_run_id for run in runs] == [triggered.workflow_run_id] * 3
    knock.workflows.cancel("invite", cancellation_key="k", recipients=["joe", {"id": "1", "collection": "projects"}])
    engine.advance(days=4)
    assert mail.subjects() == ["Subject of email_1"]


def test_a_call_that_is_sent_again_makes_one_run(knock: Knock, engine: Engine) -> None:
    engine.publish("welcome", [email_step()])
    first = knock.workflows.trigger("welcome", recipients=["joe"], idempotency_key="once")
    again = knock.workflows.trigger("welcome", recipients=["joe"], idempotency_key="once")
    assert first == again
    assert first != knock.workflows.trigger("welcome", recipients=["joe"])


def test_messages_are_listed_with_every_filter(knock: Knock, messages: list[str]) -> None:
    assert [message.id for message in knock.messages.list(page_size=2)] == messages
    source: Any = knock.messages.get(messages[0]).source
    wanted: Any = {
        "status": ["sent", "delivered"],
        "engagement_status": ["unseen"],
        "workflow_categories": ["news"],
        "tenant": "acme",
        "source": "welcome",
        "trigger_data": "{}",
        "message_ids": messages[:3],
        "inserted_at": {"gte": "2020-01-01T00:00:00Z", "lt": "2200-01-01T00:00:00Z"},
        "workflow_run_id": source.workflow_run_id,
    }
    assert [message.id for message in knock.messages.list(**wanted)] == messages[:3]
    only = knock.messages.list(workflow_recipient_run_id=source.workflow_recipient_run_id)
    assert [message.id for message in only] == messages[:1]


def test_a_message_and_all_its_parts_are_read(knock: Knock, messages: list[str]) -> None:
    message = knock.messages.get(messages[0])
    assert (message.status, message.workflow, message.tenant) == ("sent", "welcome", "acme")
    content: Any = knock.messages.get_content(message.id).data
    assert (content.api_typename, content.subject_line) == ("MessageEmailContent", "Subject of email_1")
    events = [event.type for event in knock.messages.list_events(message.id, page_size=1)]
    assert events == ["message.created", "message.queued", "message.sent"]
    (activity,) = knock.messages.list_activities(message.id)
    assert activity.actor
    assert activity.actor.id == "jane"
    (log,) = knock.messages.list_delivery_logs(message.id)
    assert (log.service_name, log.response.status) == ("smtp", 250)


def test_messages_are_marked_and_their_marks_taken_back(knock: Knock, messages: list[str]) -> None:
    marked = knock.messages.mark_as_interacted(messages[0], metadata={"button": "a"})
    assert set(marked.engagement_statuses) == {"seen", "read", "interacted"}
    assert (marked.read_at, knock.messages.mark_as_unread(messages[0]).read_at) == (marked.seen_at, None)
    assert knock.messages.mark_as_unseen(messages[0]).seen_at is None
    assert knock.messages.archive(messages[0]).archived_at is not None
    assert knock.messages.unarchive(messages[0]).archived_at is None
    assert [each.id for each in knock.messages.batch.mark_as_read(message_ids=messages[:2])] == messages[:2]
    assert all(each.read_at is None for each in knock.messages.batch.mark_as_unread(message_ids=messages))
    assert all(each.archived_at for each in knock.messages.batch.archive(message_ids=messages[2:]))
    contents: Any = knock.messages.batch.get_content(message_ids=messages[:2])
    assert [each.data.subject_line for each in contents] == ["Subject of email_1"] * 2
    assert [each.id for each in knock.users.list_messages("u1")] == [messages[3]]
    assert list(knock.objects.list_messages("projects", "u1")) == []


def test_all_of_a_channel_is_marked_and_shown_in_a_feed(knock: Knock, engine: Engine) -> None:
    engine.publish("news", [channels.step("in_app_feed")])
    for n in range(3):
        knock.workflows.trigger("news", recipients=["jane"], data={"n": n}, actor=JANE)
    engine.drain()
    feed = str(channel_id("in-app-feed"))
    found = knock.users.feeds.list_items(
        "jane", feed, page_size=2, trigger_data="{}", inserted_at={"gte": "2020-01-01"}
    )
    assert [item.data for item in found.entries] == [{"n": 2}, {"n": 1}]
    assert [item.id for item in found] == [item.id for item in knock.users.list_messages("jane")]
    bulk: Any = {"recipient_ids": ["jane"], "trigger_data": '{"n": 1}'}
    done = knock.channels.bulk.update_message_status(feed, "read", **bulk)
    assert (done.status, done.success_count) == ("completed", 1)
    page: Any = knock.users.feeds.list_items("jane", feed, status="unread")
    assert [page.meta[f"{each}_count"] for each in ("total", "unread", "unseen")] == [3, 2, 2]
    assert knock.users.feeds.get_settings("jane", feed).features.branding_required is False


def test_a_run_is_read_with_its_events(knock: Knock, messages: list[str]) -> None:
    (run,) = knock.workflow_recipient_runs.list(recipient="u1", workflow="welcome", has_errors=False)
    detail = knock.workflow_recipient_runs.get(run.id)
    assert (detail.id, detail.recipient, detail.actor, detail.status) == (run.id, "u1", "jane", "completed")
    assert "message_enqueued" in [event.event for event in detail.events]
    reference: Any = {"id": "u1", "collection": "projects"}
    assert list(knock.workflow_recipient_runs.list(recipient=reference)) == []


def test_what_is_refused_is_raised_with_its_message(knock: Knock, address: str) -> None:
    with pytest.raises(knockapi.NotFoundError, match="There is no workflow `nothing`") as missing:
        knock.workflows.trigger("nothing", recipients=["joe"])
    assert missing.value.response.headers["x-request-id"]
    with pytest.raises(knockapi.UnprocessableEntityError) as invalid:
        knock.workflows.trigger("nothing", recipients=[NOBODY])
    error: Any = invalid.value.body
    assert error["errors"][0]["field"] == "recipients[0].id"
    with pytest.raises(knockapi.AuthenticationError):
        Knock(api_key="sk_wrong", base_url=address).users.get("jane")
    with pytest.raises(knockapi.PermissionDeniedError):
        Knock(api_key="pk_test_doorbell", base_url=address).users.delete("jane")
