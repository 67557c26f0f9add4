"""Knock's own Python SDK: subscriptions, audiences and bulk operations, judged by what they bring about."""

from __future__ import annotations

from typing import Any

import knockapi
import pytest
from knockapi import Knock

from tests.engine import Engine, email_step
from tests.mail_server import MailServer

JANE: Any = {"id": "jane", "email": "jane@example.com", "name": "Jane"}
JOE: Any = {"id": "joe", "email": "joe@example.com"}
TEAM: Any = {"id": "t1", "collection": "teams"}


def test_subscribers_are_reached_and_no_longer_when_they_have_left(
    knock: Knock, engine: Engine, mail: MailServer
) -> None:
    engine.publish("hello", [email_step(subject="{{ recipient.subscription.role }}")])
    added = knock.objects.add_subscriptions(
        "projects", "p1", recipients=[JANE, JOE, TEAM], properties={"role": "member"}
    )
    assert [each.recipient.id for each in added] == ["jane", "joe", "t1"]
    (ended,) = knock.objects.delete_subscriptions("projects", "p1", recipients=["joe"])
    assert ended.recipient.id == "joe"
    knock.workflows.trigger("hello", recipients=[{"id": "p1", "collection": "projects"}])
    engine.drain()
    assert [message["Subject"] for message in mail.messages] == ["member"]


def test_subscriptions_are_listed_from_both_sides(knock: Knock) -> None:
    for project in ("p1", "p2", "p3"):
        knock.objects.add_subscriptions("projects", project, recipients=[JANE, TEAM])
    of_p1 = list(knock.objects.list_subscriptions("projects", "p1", page_size=1))
    assert [each.recipient.id for each in of_p1] == ["jane", "t1"]
    only = knock.objects.list_subscriptions("projects", "p1", recipients=[TEAM, "nobody"], include=["preferences"])
    assert [each.recipient.id for each in only] == ["t1"]
    of_team = knock.objects.list_subscriptions(
        "teams", "t1", mode="recipient", objects=[{"id": "p2", "collection": "projects"}]
    )
    assert [each.object.id for each in of_team] == ["p2"]
    of_jane = knock.users.list_subscriptions("jane", objects=[{"id": "p3", "collection": "projects"}])
    assert [each.object.id for each in of_jane] == ["p3"]
    assert [each.object.id for each in knock.users.list_subscriptions("jane")] == ["p1", "p2", "p3"]


def test_bulk_operations_can_be_followed(knock: Knock, engine: Engine) -> None:
    wanted: Any = [{"id": f"p{number}", "recipients": [JANE]} for number in range(3)]
    operation = knock.objects.bulk.add_subscriptions("projects", subscriptions=wanted)
    engine.drain()
    done = knock.bulk_operations.get(operation.id)
    assert (done.status, done.processed_rows, done.success_count) == ("completed", 3, 3)
    assert len(list(knock.users.list_subscriptions("jane"))) == 3
    knock.objects.bulk.delete_subscriptions("projects", subscriptions=[{"id": "p0", "recipients": ["jane"]}])
    engine.drain()
    assert len(list(knock.users.list_subscriptions("jane"))) == 2


def test_audiences_take_and_lose_members(knock: Knock, engine: Engine, mail: MailServer) -> None:
    only = {"all": [{"variable": "recipient", "operator": "is_audience_member", "argument": "beta"}]}
    engine.publish("hello", [{**email_step(), "conditions": only}])
    with pytest.raises(knockapi.NotFoundError):
        knock.audiences.add_members("beta", members=[{"user": JANE}])
    knock.audiences.add_members("beta", members=[{"user": JANE}, {"user": JOE, "tenant": "acme"}], create_audience=True)
    listed = knock.audiences.list_members("beta").entries
    assert [(each.user_id, each.tenant, each.user.email) for each in listed] == [
        ("jane", None, "jane@example.com"),
        ("joe", "acme", "joe@example.com"),
    ]
    knock.workflows.trigger("hello", recipients=["jane", "joe"])
    engine.drain()
    assert len(mail.messages) == 1
    knock.audiences.remove_members("beta", members=[{"user": {"id": "jane"}}])
    assert [each.user_id for each in knock.audiences.list_members("beta").entries] == ["joe"]
