"""What other terminals need to know of a running development stack: a file in `DOORBELL_HOME`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from notify_workers.settings import Settings, choose, settings


def _path(home: Path) -> Path:
    return home / "stack.json"


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
    if settings().development or settings().database_url or settings().redis_url or not path.exists():
        return
    facts = json.loads(path.read_text())
    choose(replace(settings(), database_url=facts["database_url"], redis_url=facts["redis_url"], port=facts["port"]))


def address(chosen: Settings) -> str:
    host = "127.0.0.1" if chosen.host in {"0.0.0.0", "::", ""} else chosen.host
    return f"http://{host}:{chosen.port}"
