"""Steps that wait for an event, and the events that they wait for."""

from __future__ import annotations

from typing import Any

from notify_workers.store import audiences
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.language import function_step
from workflows.recipients import USERS, Reference

ANY = {"operator": "and", "conditions": [{"variable": "event.recipient", "operator": "exists", "argument": None}]}

EVENTS: dict[str, dict[str, Any]] = {
    "seen": {"event_type": "message", "event_key": "seen", "source_type": "workflow", "source_key": "news"},
    "completed": {"event_type": "workflow", "event_key": "completed", "source_key": "news"},
    "started": {"event_type": "workflow", "event_key": "started", "source_key": "news"},
    "updated": {"event_type": "recipient", "event_key": "updated"},
    "enter": {"event_type": "audience", "event_key": "enter", "audience_key": "beta"},
    "exit": {"event_type": "audience", "event_key": "exit", "audience_key": "beta"},
}


def wait_step(event: str, *conditions: dict[str, Any], minutes: int = 60, **settings: Any) -> dict[str, Any]:
    matches = [{"operator": "and", "conditions": list(conditions)}] if conditions else [ANY]
    return function_step(
        "wait_for_event",
        "wait_1",
        event=EVENTS[event],
        match_conditions=matches,
        expires_after={"unit": "minutes", "value": minutes},
        **settings,
    )


def when(variable: str, argument: str, operator: str = "equal_to") -> dict[str, Any]:
    return {"variable": variable, "operator": operator, "argument": argument}


def happen(engine: Engine) -> None:
    """The timer process looks, and everything follows."""
    engine.tick()
    engine.release()


def change_audience(adds: bool, key: str = "beta", user: str = "jane") -> None:
    with transaction() as tx:
        audiences.change(tx, DEVELOPMENT, key, Reference(USERS, user), None, adds=adds)


def left_behind(engine: Engine) -> tuple[int, int]:
    return engine.count("waits"), engine.count("signals")
