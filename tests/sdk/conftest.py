"""One development stack for all of Knock's clients, and the one for Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    tree = tmp_path_factory.mktemp("sdk")
    with vendors() as settings:
        running = Stack(tree / "home", **settings).start()
        for key, document in GUIDES.items():
            folder = tree / "resources" / "guides" / key
            folder.mkdir(parents=True)
            (folder / "guide.json").write_text(json.dumps(document))
        running.doorbell("push", str(tree / "resources"))
        yield running
        running.stop()


@pytest.fixture(scope="session")
def calls() -> list[str]:
    """What the Python client has called, such as `GET /v1/users/jane`."""
    return []


@pytest.fixture(scope="session")
def knock(stack: Stack, calls: list[str]) -> Iterator[Knock]:
    with client(stack.address, calls) as made:
        yield made
