"""Every filter of Knock's Python client: each one alone takes away what all together leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from knockapi import Knock

from tests.sdk.python_client import CHAT, FEED, completed, feed_messages, once, unique

WORKFLOW = "account-invite-accepted"
HOUR = timedelta(hours=1)


def holds(ask: Callable[..., Iterable[Any]], right: dict[str, Any], wrong: dict[str, Any]) -> None:
    """Fails unless the right filters together leave one thing, and each wrong one none."""
    assert len(list(ask(**right))) == 1
    left = {name: list(ask(**{**right, name: value})) for name, value in wrong.items()}
    assert left == {name: [] for name in wrong}


def around_now() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"gt": (now - HOUR).isoformat(), "lte": (now + HOUR).isoformat()}


def since(after: timedelta) -> dict[str, Any]:
    return {"gt": (datetime.now(UTC) + after).isoformat()}


def test_messages_are_filtered(knock: Knock) -> None:
    user = unique("jane")
    run = knock.workflows.trigger(WORKFLOW, recipients=[user], tenant="acme", data={"plan": "pro", "seats": 3})
    asked: dict[str, Any] = {"workflow_run_id": run.workflow_run_id}
    (message,) = once(lambda: list(knock.messages.list(**asked, status=["delivered"])), bool, "it is delivered")
    (recipient_run,) = knock.workflow_recipient_runs.list(recipient=user)
    knock.messages.mark_as_seen(message.id)
    right = {
        **asked,
        "workflow_recipient_run_id": recipient_run.id,
        "message_ids": [message.id],
        "channel_id": FEED,
        "source": WORKFLOW,
        "status": ["delivered", "queued"],
        "engagement_status": ["seen"],
        "tenant": "acme",
        "trigger_data": json.dumps({"plan": "pro", "seats": 3}),
        "workflow_categories": ["account"],
        "inserted_at": around_now(),
        "page_size": 1,
    }
    wrong = {
        "workflow_run_id": str(uuid4()),
        "workflow_recipient_run_id": str(uuid4()),
        "message_ids": [unique("none")],
        "channel_id": CHAT,
        "source": "digest",
        "status": ["undelivered"],
        "engagement_status": ["read"],
        "tenant": "other",
        "trigger_data": json.dumps({"plan": "free"}),
        "workflow_categories": ["none-has-it"],
        "inserted_at": since(HOUR),
    }
    holds(knock.messages.list, right, wrong)
    holds(lambda **query: knock.users.list_messages(user, **query), right, wrong)


def test_runs_are_filtered(knock: Knock) -> None:
    user, now = unique("jane"), datetime.now(UTC)
    knock.workflows.trigger("account-invite", recipients=[user], tenant="acme")

    def runs(**query: Any) -> Iterable[Any]:
        return knock.workflow_recipient_runs.list(recipient=user, **query)

    once(lambda: list(runs(status=["paused"])), bool, "the run waits")
    right = {
        "status": ["paused", "processing"],
        "workflow": "account-invite",
        "tenant": "acme",
        "starting_at": now - HOUR,
        "ending_at": now + HOUR,
    }
    wrong = {
        "status": ["cancelled"],
        "workflow": "digest",
        "tenant": "other",
        "starting_at": now + HOUR,
        "ending_at": now - HOUR,
        "has_errors": True,
    }
    holds(runs, right, wrong)


def test_a_feed_is_filtered(knock: Knock) -> None:
    user = unique("jane")
    feed_messages(knock, user, 2)
    right = {
        "source": WORKFLOW,
        "status": "unseen",
        "archived": "exclude",
        "has_tenant": False,
        "trigger_data": json.dumps({"n": 1}),
        "workflow_categories": ["account"],
        "inserted_at": around_now(),
        "mode": "rich",
        "exclude": "activities",
        "locale": "de",
        "page_size": 1,
    }
    wrong = {
        "source": "digest",
        "status": "seen",
        "archived": "only",
        "has_tenant": True,
        "trigger_data": json.dumps({"n": "x"}),
        "workflow_categories": ["none-has-it"],
        "inserted_at": since(HOUR),
    }
    holds(lambda **query: knock.users.feeds.list_items(user, FEED, **query), right, wrong)


def test_subscriptions_are_filtered(knock: Knock) -> None:
    collection, user = unique("projects"), unique("jane")
    one: Any = {"collection": collection, "id": "p1"}
    other: Any = {"collection": collection, "id": "p2"}
    knock.objects.add_subscriptions(collection, "p1", recipients=[user])
    holds(lambda **query: knock.users.list_subscriptions(user, **query), {"objects": [one]}, {"objects": [other]})
    below = {"recipients": [user, other], "include": ["preferences"]}
    holds(lambda **query: knock.objects.list_subscriptions(collection, "p1", **query), below, {"recipients": [other]})
    knock.objects.add_subscriptions(collection, "p1", recipients=[other])
    above: dict[str, Any] = {"mode": "recipient", "objects": [one]}
    holds(lambda **query: knock.objects.list_subscriptions(collection, "p2", **query), above, {"objects": [other]})


def test_a_bulk_operation_marks_what_its_filters_leave(knock: Knock) -> None:
    user, now = unique("jane"), datetime.now(UTC)
    feed_messages(knock, user, 2)
    done = knock.channels.bulk.update_message_status(
        FEED,
        "seen",
        recipient_ids=[user],
        archived="exclude",
        delivery_status="delivered",
        engagement_status="unseen",
        has_tenant=False,
        newer_than=now - HOUR,
        older_than=now + HOUR,
        trigger_data=json.dumps({"n": 0}),
        workflows=[WORKFLOW],
    )
    completed(knock, done)
    seen = {json.dumps(each.data): each.seen_at is not None for each in knock.users.list_messages(user)}
    assert seen == {'{"n": 0}': True, '{"n": 1}': False}
