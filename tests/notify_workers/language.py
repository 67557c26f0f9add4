"""What the tests of single step types share: a recipient, steps, and what a run has left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.engine import Engine

JANE = {"id": "jane", "name": "Jane", "email": "jane@example.com"}


def function_step(kind: str, ref: str | None = None, **settings: Any) -> dict[str, Any]:
    """A function step of that type; `conditions` stand beside its settings."""
    conditions = {"conditions": settings.pop("conditions")} if "conditions" in settings else {}
    return {"ref": ref or f"{kind}_1", "type": kind, "settings": settings, **conditions}


def equals(variable: str, argument: str) -> dict[str, Any]:
    return {"all": [{"variable": variable, "operator": "equal_to", "argument": argument}]}


def send(engine: Engine, workflow: str, *recipients: Any, **request: Any) -> None:
    """A trigger, and everything that follows at once."""
    engine.trigger(workflow, recipients or [JANE], **request)
    engine.drain()


def logged(engine: Engine) -> list[tuple[str, Mapping[str, Any]]]:
    """Every event of every run's log, in the order in which they were written."""
    found = engine.rows("select entries from run_log order by number")
    return [(entry["event"], entry["data"]) for row in found for entry in row.entries]


def details(engine: Engine, event: str) -> list[Mapping[str, Any]]:
    return [detail for name, detail in logged(engine) if name == event]


def data_of(engine: Engine) -> Any:
    """The data of the only run."""
    return engine.one(
        "select coalesce(r.data, t.data) as data from recipient_runs r join triggers t on t.id = r.trigger_id"
    ).data
