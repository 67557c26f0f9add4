"""Knock's Python client as an application makes it, and what tests do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import knockapi
import pytest
from knockapi import DefaultHttpxClient, Knock
from knockapi.types import BulkOperation, Message

from notify_workers.ids import channel_id
from tests.stack import eventually

FEED, GUIDES, PUSH, CHAT = (str(channel_id(key)) for key in ("in-app-feed", "in-app-guide", "push", "chat"))

Answer = TypeVar("Answer")


@contextmanager
def client(address: str, calls: list[str]) -> Iterator[Knock]:
    """The client, which raises when an answer is not exactly what it expects. Each call is noted."""

    def note(request: httpx.Request) -> None:
        calls.append(f"{request.method} {request.url.path}")

    with (
        DefaultHttpxClient(event_hooks={"request": [note]}, trust_env=False) as http,
        Knock(
            api_key="sk_test_doorbell",
            base_url=address,
            http_client=http,
            _strict_response_validation=True,
            max_retries=0,
        ) as knock,
    ):
        yield knock


def unique(name: str) -> str:
    """A name that no other test has."""
    return f"{name}-{uuid4().hex[:8]}"


def once(ask: Callable[[], Answer], holds: Callable[[Answer], object], what: str) -> Answer:
    """The first answer that holds. Fails with what was waited for."""
    answers: list[Answer] = []

    def asked() -> bool:
        answers[:] = [ask()]
        return bool(holds(answers[0]))

    eventually(asked, what)
    return answers[0]


def completed(knock: Knock, operation: BulkOperation) -> BulkOperation:
    """A bulk operation's end."""
    return once(lambda: knock.bulk_operations.get(operation.id), lambda it: it.status == "completed", "it is completed")


def missing(ask: Callable[..., object], *arguments: Any) -> None:
    """Fails unless what is asked for is not there."""
    with pytest.raises(knockapi.NotFoundError):
        ask(*arguments)


def feed_messages(knock: Knock, user: str, count: int) -> list[Message]:
    """So many messages in a user's feed, newest first."""
    for number in range(count):
        knock.workflows.trigger("account-invite-accepted", recipients=[user], data={"n": number})
    return once(
        lambda: list(knock.users.list_messages(user, channel_id=FEED)),
        lambda found: len(found) == count and all(each.status == "delivered" for each in found),
        "the feed has its messages",
    )


def connect(knock: Knock, tenant: str) -> str:
    """A tenant that has connected its Slack and its Microsoft Teams. Its id."""
    data: Any = {"connections": [], "token": {"access_token": "xoxb-1"}, "ms_teams_tenant_id": str(uuid4())}
    knock.objects.set_channel_data("$tenants", tenant, CHAT, data=data)
    return tenant
