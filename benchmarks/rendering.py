"""Rendering the tutorial's e-mail: a batch of updates as a list, in the default layout."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.stack import median
from benchmarks.tables import Table
from notify_workers.installation import LIBRARY
from workflows.files import Library, read_library
from workflows.model import ChannelStep
from workflows.parse import parse_layout, parse_workflow
from workflows.program import Program
from workflows.scope import ChannelView, Scope, StepContext
from workflows.templates import Resources

ROUNDS = 5
RENDERINGS = 200
CHANNEL = ChannelView("mail", "email", "email", "smtp", "Doorbell <hello@doorbell.test>")


def measure() -> Table:
    library = read_library(LIBRARY)
    program = _program(library)
    step = program.workflow.step("email_3")
    assert isinstance(step, ChannelStep)
    email = program.content(step)
    rows = [("compile it (parse, templates, layout)", _rate(lambda: _program(library).content(step), 10))]
    for activities in (1, 3, 10):
        context = _context(program, activities)

        def render(context: StepContext = context) -> object:
            return email.render(context, CHANNEL, "jane@example.com")

        rows.append((f"render it with {activities} of its activities, compiled", _rate(render, RENDERINGS)))
    table = Table(
        "Rendering: the tutorial's e-mail",
        ["", "a second (median)", "ms each"],
        notes=[
            "`invoice-updated` in the default layout: subject, HTML with the list of updates, text part made from it. One thread.",
            f"Medians of {ROUNDS} rounds. A version is compiled once in each process; nothing is parsed while rendering.",
        ],
    )
    table.rows += [[what, f"{rate:,.0f}", f"{1000 / rate:.2f}"] for what, rate in rows]
    return table


def _program(library: Library) -> Program:
    layouts = {key: parse_layout(key, document) for key, document in library.layouts.items()}
    workflow = parse_workflow("invoice-updated", library.workflows["invoice-updated"])
    return Program(workflow, Resources(layouts=layouts))


def _context(program: Program, activities: int) -> StepContext:
    data = {"name": "Jane", "value": "1,200", "status": "sent", "url": "https://app.example.com/invoices/7"}
    scope = Scope(
        data=data,
        recipient={"id": "jane", "email": "jane@example.com", "name": "Jane Doe"},
        activities=tuple({**data, "id": str(number)} for number in range(activities)),
        total_activities=activities,
    )
    return StepContext(scope, datetime.now(UTC), {"email": CHANNEL}, program)


def _rate(work: Callable[[], object], times: int) -> float:
    def once() -> float:
        started = time.perf_counter()
        for _ in range(times):
            work()
        return times / (time.perf_counter() - started)

    once()
    return median([once() for _ in range(ROUNDS)])
