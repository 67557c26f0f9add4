"""Lines of the run log, as they are stored: `{id, event, status, data, at}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notify_workers.ids import ksuid


def entry(at: datetime, event: str, data: Mapping[str, Any] | None = None, *, error: bool = False) -> dict[str, Any]:
    """One thing that happened in an execution of a step. `event` is a snake_case verb phrase."""
    return {
        "id": ksuid(at.timestamp()),
        "event": event,
        "status": "error" if error else "ok",
        "data": dict(data or {}),
        "at": at.isoformat(),
    }
