"""Knock's asynchronous Python client: the same requests, awaited."""

from __future__ import annotations

import asyncio
from typing import Any

from knockapi import AsyncKnock

from tests.sdk.python_client import once, unique
from tests.stack import Stack


def test_it_triggers_and_walks_through_pages(stack: Stack) -> None:
    users = sorted(unique("async") for _ in range(3))
    options: Any = {"api_key": "sk_test_doorbell", "base_url": stack.address, "_strict_response_validation": True}

    async def triggered() -> str:
        async with AsyncKnock(**options) as knock:
            return (await knock.workflows.trigger("account-invite-accepted", recipients=users)).workflow_run_id

    async def recipients(run: str) -> list[str]:
        async with AsyncKnock(**options) as knock:
            return sorted([str(each.recipient) async for each in knock.messages.list(workflow_run_id=run, page_size=1)])

    run = asyncio.run(triggered())
    once(lambda: asyncio.run(recipients(run)), lambda found: found == users, "everybody has a message")
