"""One development stack for all examples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """As everybody has it: no setting but the home and the port."""
    running = Stack(tmp_path_factory.mktemp("examples") / "home").start()
    yield running
    running.stop()
