"""The feed in a real browser: each `.test.mjs` beside this file, with the development stack and the feed example."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from notify_workers.ids import channel_id
from tests.stack import Stack

pytestmark = pytest.mark.timeout(600)

FOLDER = Path(__file__).parent
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))


@pytest.mark.parametrize("name", FILES)
def test_pages(name: str, chromium: str, pages: str, screenshots: Path, stack: Stack) -> None:
    environment = {
        **stack.environment,
        "KNOCK_BASE_URL": stack.address,
        "DOORBELL_TEST_CHANNELS": json.dumps({"in-app-feed": str(channel_id("in-app-feed"))}),
        "DOORBELL_TEST_CHROMIUM": chromium,
        "DOORBELL_TEST_PAGES": pages,
        "DOORBELL_TEST_PYTHON": sys.executable,
        "DOORBELL_TEST_SCREENSHOTS": str(screenshots),
    }
    command = ["node", "--test-reporter=spec", str(FOLDER / name)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
