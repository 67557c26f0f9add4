"""What other terminals need to know of a running development stack: a file in `DOORBELL_HOME`.

The stack holds a lock beside that file for as long as it runs, which the kernel drops with it. So a file that a killed
stack left behind misleads nobody, and a home has one stack at most.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from doorbell.child_server import lock
from notify_workers.settings import Settings, choose, settings


def _path(home: Path) -> Path:
    return home / "stack.json"


def claim(home: Path, patience: float = 0) -> int | None:
    """The right to run the stack of a home, held while the descriptor is open; None when somebody else has it."""
    return lock(home / "stack.lock", patience)


def is_running(home: Path) -> bool:
    claimed = claim(home)
    if claimed is not None:
        os.close(claimed)
    return claimed is None


def tell(chosen: Settings, processes: Mapping[str, int | None]) -> None:
    """Writes the file anew; readable for the owner only, because addresses may hold passwords."""
    facts = {
        "address": address(chosen),
        "port": chosen.port,
        "database_url": chosen.database_url,
        "redis_url": chosen.redis_url,
        "supervisor": os.getpid(),
        "processes": dict(processes),
    }
    aside = _path(chosen.home).with_suffix(".new")
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(facts, indent=2))
    aside.replace(_path(chosen.home))


def forget(chosen: Settings) -> None:
    _path(chosen.home).unlink(missing_ok=True)


def attach() -> None:
    """Uses the running stack's stores and port, where the settings name no stores of their own."""
    path = _path(settings().home)
    if settings().development or settings().database_url or settings().redis_url:
        return
    if not path.exists() or not is_running(settings().home):
        return
    facts = json.loads(path.read_text())
    choose(replace(settings(), database_url=facts["database_url"], redis_url=facts["redis_url"], port=facts["port"]))


def address(chosen: Settings) -> str:
    host = "127.0.0.1" if chosen.host in {"0.0.0.0", "::", ""} else chosen.host
    return f"http://{host}:{chosen.port}"
