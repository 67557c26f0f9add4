"""What the tests of pages need: a development stack, the feed example as plain files on a server, and Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.stack import Stack

FOLDER = Path(__file__).parent
EXAMPLE = FOLDER.parents[1] / "examples" / "feed"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Its path. `make test` installs it where it can be had; where it cannot, the tests are skipped, but never in CI."""
    missing = _missing_for_node()
    if missing is None:
        found = subprocess.run(["node", FOLDER / "chromium.mjs"], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
        missing = "there is no Chromium"
    if os.environ.get("CI"):
        pytest.fail(f"the feed was not tried in a browser: {missing}")
    pytest.skip(f"THE FEED WAS NOT TRIED IN A BROWSER: {missing} (`make test` installs what is missing)")


def _missing_for_node() -> str | None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no Node"
    folders = [each for each in (FOLDER, FOLDER.parent / "sdk", EXAMPLE) if not (each / "node_modules").is_dir()]
    return f"the packages of {folders[0].name} are not installed" if folders else None


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the pages are kept: a folder that `DOORBELL_TEST_SCREENSHOTS` names, without those of the last run."""
    folder = Path(os.environ.get("DOORBELL_TEST_SCREENSHOTS", FOLDER / "screenshots")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    return folder


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("browser") / "home").start()
    yield running
    running.stop()


class _Files(SimpleHTTPRequestHandler):
    """A single-page application's files: an unknown path is the page, which shows what belongs there."""

    def translate_path(self, path: str) -> str:
        found = super().translate_path(path)
        return found if Path(found).is_file() else super().translate_path("/index.html")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def pages(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the example, built as an application builds it."""
    built = tmp_path_factory.mktemp("pages")
    command = ["npm", "run", "build", "--", "--outDir", str(built), "--emptyOutDir", "--logLevel", "warn"]
    done = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(built))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
