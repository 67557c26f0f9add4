from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from notify_workers.ids import channel_id, environment_id
from notify_workers.store.activities import Activity, page_of_activities
from notify_workers.store.messages import (
    MessageFilter,
    get_contents,
    get_message,
    page_of_events,
    page_of_messages,
)
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step

PRODUCTION = environment_id("production")


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Three messages, oldest first: for a, b and c, each with data of its own."""
    engine.publish("hello", [email_step()], categories=["news", "product"])
    engine.publish("bye", [email_step()])
    for name, workflow, data in (
        ("a", "hello", {"n": 1, "text": "x" * 300}),
        ("b", "hello", {"n": 2, "flag": True}),
        ("c", "bye", {"n": 1, "flag": False, "who": None}),
    ):
        trigger(engine, workflow, name, data=data, tenant="acme" if name == "b" else None)
    return engine


def trigger(engine: Engine, workflow: str, name: str, **request: Any) -> None:
    engine.trigger(workflow, [{"id": name, "email": f"{name}@example.com"}], **request)
    engine.drain()


def found(**narrowed: Any) -> str:
    """Of whom the messages are, newest first."""
    with transaction() as tx:
        page = page_of_messages(tx, DEVELOPMENT, MessageFilter(**narrowed), after=None, before=None, limit=50)
    return "".join(each.recipient.id for each in page)


def ids() -> list[str]:
    with transaction() as tx:
        page = page_of_messages(tx, DEVELOPMENT, MessageFilter(), after=None, before=None, limit=50)
    return [each.id for each in page]


def test_messages_are_listed_newest_first_a_page_at_a_time_both_ways(told: Engine) -> None:
    def page(**place: Any) -> list[str]:
        with transaction() as tx:
            options = {"after": None, "before": None, "limit": 2, **place}
            return [each.recipient.id for each in page_of_messages(tx, DEVELOPMENT, MessageFilter(), **options)]

    c, b, a = ids()
    assert page() == ["c", "b"]
    assert page(after=b) == ["a"]
    assert page(before=a) == ["c", "b"]
    assert page(before=b) == ["c"]
    assert page(before=c) == page(after=a) == []


def test_a_list_is_narrowed(told: Engine) -> None:
    assert found(tenant="acme") == "b"
    assert found(workflow="hello") == "ba"
    assert found(workflow_categories=["product", "other"]) == "ba"
    assert found(workflow_categories=["other"]) == ""
    assert found(statuses=["sent", "queued"]) == "cba"
    assert found(statuses=["queued"]) == ""
    assert found(channel_id=channel_id("email")) == "cba"
    assert found(channel_id=channel_id("sms")) == ""
    assert found(engagement_statuses=["unread"]) == "cba"
    assert found(engagement_statuses=["read"]) == ""
    assert found(trigger_id=uuid4()) == ""


def test_a_list_is_narrowed_to_data_that_messages_carry(told: Engine) -> None:
    assert found(trigger_data={}) == "cba"
    assert found(trigger_data={"n": 1}) == "ca"
    assert found(trigger_data={"n": 1, "flag": False}) == "c"
    assert found(trigger_data={"flag": True}) == "b"
    assert found(trigger_data={"who": None}) == "c"
    assert found(trigger_data={"text": "x" * 256}) == found(trigger_data={"text": "x" * 999}) == "a"
    assert found(trigger_data={"text": "x" * 255}) == ""


def test_a_list_is_narrowed_to_times(told: Engine) -> None:
    at: datetime = told.one("select inserted_at from messages where recipient_id = 'b'").inserted_at
    assert found(inserted_gt=at) == "c"
    assert found(inserted_gte=at) == "cb"
    assert found(inserted_lt=at) == "a"
    assert found(inserted_lte=at) == "ba"
    assert found(inserted_gt=at, inserted_lte=at + timedelta(days=1)) == "c"


def test_a_list_is_narrowed_to_ids_a_run_and_a_trigger(told: Engine) -> None:
    row = told.one("select id, run_id, trigger_id from messages where recipient_id = 'b'")
    assert found(message_ids=[row.id, "unknown"]) == "b"
    assert found(run_id=row.run_id) == found(trigger_id=row.trigger_id) == "b"


def test_engagement_is_a_set_of_times(told: Engine) -> None:
    told.rows("update messages set read_at = now(), archived_at = now() where recipient_id = 'a' returning id")
    assert found(engagement_statuses=["read"]) == "a"
    assert found(engagement_statuses=["unread"]) == "cb"
    assert found(engagement_statuses=["read", "unseen"]) == "cba"
    with transaction() as tx:
        message = get_message(tx, ids()[-1])
    assert message is not None
    assert message.engagement_statuses == ["read", "archived"]


def test_a_message_and_its_content_belong_to_one_environment(told: Engine) -> None:
    with transaction() as tx:
        (newest, *_) = ids()
        content = get_contents(tx, [newest, "unknown"], DEVELOPMENT)[newest]
        assert get_message(tx, newest, DEVELOPMENT) is not None
        assert get_message(tx, newest, PRODUCTION) is None
        assert get_contents(tx, [newest], PRODUCTION) == {}
        assert get_message(tx, "unknown") is None
    assert (content.channel_type, content.content["to"]) == ("email", "c@example.com")


def test_the_data_of_a_message_is_its_recipients_own(told: Engine) -> None:
    special = {"id": "d", "email": "d@example.com", "$trigger_data": {"n": 9}}
    told.trigger("hello", [special], data={"n": 1, "m": 2})
    told.drain()
    assert found(trigger_data={"n": 9, "m": 2}) == "d"
    assert found(trigger_data={"n": 1}) == "ca"


def test_events_come_in_the_order_they_happened(told: Engine) -> None:
    with transaction() as tx:
        events = page_of_events(tx, ids()[0])
        assert page_of_events(tx, "unknown") == []
    assert [each.type for each in events] == ["message.created", "message.queued", "message.sent"]
    assert [each.number for each in events] == sorted(each.number for each in events)


def test_a_message_tells_of_its_trigger(told: Engine) -> None:
    told.trigger("hello", [{"id": "d", "email": "d@example.com"}], actor={"id": "boss", "name": "Boss"}, data={"n": 5})
    told.drain()
    with transaction() as tx:
        (activity,) = page_of_activities(tx, ids()[0])
        assert page_of_activities(tx, "unknown") == []
    assert isinstance(activity, Activity)
    assert activity.actor is not None
    assert activity.recipient is not None
    assert (activity.data, activity.actor.properties, activity.recipient.reference.id) == (
        {"n": 5},
        {"name": "Boss"},
        "d",
    )
    assert isinstance(activity.trigger_id, UUID)
