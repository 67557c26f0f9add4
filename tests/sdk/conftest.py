"""One development stack for all of Knock's clients, and the one for Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from knockapi import Knock

from tests.guides import guide, guide_step
from tests.sdk.python_client import client
from tests.sdk.vendors import vendors
from tests.stack import Stack

GUIDES: dict[str, Any] = {
    "banner": guide(
        guide_step(title="Hello {{ recipient.name }} of {{ data.page }}"), guide_step("step_2", title="Bye")
    ),
    "banner-members": guide(guide_step(title="For you"), target_audience_key="members"),
    "banner-live": guide(guide_step(title="Now"), target_audience_key="live"),
}
"""`banner` is for everybody, the others for audiences that tests join; `banner-live` is switched on and off."""

SECOND_FEED = {
    "name": "Second feed",
    "steps": [
        {
            "ref": "in_app_feed_1",
            "type": "channel",
            "channel_key": "second-feed",
            "template": {"markdown_body": "Message {{ n }}", "action_url": "/"},
        }
    ],
}
"""A workflow that delivers into a feed beside the one that is there from the start."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    tree = tmp_path_factory.mktemp("sdk")
    with vendors() as settings:
        running = Stack(tree / "home", **settings).start()
        running.doorbell("channels", "set", "second-feed", "--provider", "in_app")
        for key, document in GUIDES.items():
            _write(tree / "resources" / "guides" / key / "guide.json", document)
        _write(tree / "resources" / "workflows" / "second-feed" / "workflow.json", SECOND_FEED)
        running.doorbell("push", str(tree / "resources"))
        yield running
        running.stop()


def _write(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(document))


@pytest.fixture(scope="session")
def calls() -> list[str]:
    """What the Python client has called, such as `GET /v1/users/jane`."""
    return []


@pytest.fixture(scope="session")
def knock(stack: Stack, calls: list[str]) -> Iterator[Knock]:
    with client(stack.address, calls) as made:
        yield made
