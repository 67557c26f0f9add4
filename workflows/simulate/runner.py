"""One step of one run in a simulated world: may it run, its handler, its outcome, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from workflows.effects import OUTWARD, AskModel, HttpCall
from workflows.errors import WorkflowError
from workflows.model import BatchStep, WaitForEventStep
from workflows.outcomes import Continue, Pause, StepOutcome, told
from workflows.run import Finish, Go, Wait, advance, drive
from workflows.simulate import batches, deliveries, waits
from workflows.simulate.contexts import step_context
from workflows.simulate.environment import Version
from workflows.simulate.execution import Execution
from workflows.simulate.recipients import stored
from workflows.simulate.world import Run, World
from workflows.steps import execute

Answer = Callable[[HttpCall | AskModel], Any]


@dataclass(frozen=True, slots=True)
class Move:
    """Where a run goes from here. `step` None ends it; `wait` is the time of its next step, None for now."""

    step: str | None
    wait: datetime | None = None
    changes: Mapping[str, Any] | None = None


def run_step(world: World, run: Run, ask: Answer) -> None:
    """Executes the step that a run owes. `ask` answers calls to other machines."""
    if not world.environment.is_active(run.trigger.workflow_key):
        _stop(world, run, f"workflow {run.trigger.workflow_key} is not active any more")
        return
    world.begin()
    execution = Execution(world, run)
    execution.log("step_started" if run.paused_until is None else "step_resumed")
    try:
        move = _move(execution, _outcome(execution, ask))
    except Exception as error:  # As in the engine: whatever a step raises is tried again, then ends its run.
        execution.undo()
        move = _failed(execution, error)
    _settle(execution, move)
    world.commit()


def _outcome(execution: Execution, ask: Answer) -> StepOutcome:
    world, run = execution.world, execution.run
    steps = execute(run.version.program.workflow.step(str(run.step)), step_context(world, run))
    result = drive(steps, execution.answer)
    while isinstance(result, OUTWARD):
        result = drive(steps, execution.answer, ask(result))
    return result


def _move(execution: Execution, outcome: StepOutcome) -> Move:
    execution.log(*told(outcome))
    run, version = execution.run, execution.run.version
    if isinstance(outcome, Continue) and outcome.on_latest:
        version = _newest(execution)
    changes: dict[str, Any] = {"version": version}
    if run.carries_batch:
        changes["window_id"] = (run.memory or {})["window_id"]
    if isinstance(outcome, Continue) and outcome.data is not None:
        changes["data"] = stored(outcome.data)
    if isinstance(outcome, Continue) and outcome.output is not None:
        changes["outputs"] = stored({**run.outputs, str(run.step): outcome.output})
    following = advance(version.program.workflow, str(run.step), outcome)
    match following:
        case Go(ref):
            return Move(ref, None, {**changes, "status": "processing"})
        case Wait(ref, until):
            memory = outcome.memory if isinstance(outcome, Pause) else None
            paused = {"status": "paused", "paused_until": until, "memory": memory, "attempt": run.attempt}
            return Move(ref, until, paused)
        case Finish(reason):
            execution.log("run_completed", {"reason": reason} if reason else None)
            return Move(None, None, {**changes, "status": "completed"})
        case _:
            assert_never(following)


def _newest(execution: Execution) -> Version:
    """The newest version that still has the batch step, in latest mode; the run's own when no newer one has."""
    own, ref = execution.run.version, str(execution.run.step)
    for version in execution.world.environment.newer(own):
        workflow = version.program.workflow
        if ref in workflow and isinstance(step := workflow.step(ref), BatchStep) and step.is_latest:
            execution.log("version_changed", {"version": str(version.id)})
            return version
    return own


def _failed(execution: Execution, error: Exception) -> Move:
    """A step that raised is tried again, then its run is halted (contract: semantics §3)."""
    world, run = execution.world, execution.run
    settings = world.environment.settings
    lines = str(error).splitlines() or [""]
    said = "\n".join(lines) if isinstance(error, WorkflowError) else lines[0]
    detail = {"code": getattr(error, "code", type(error).__name__), "message": said, "attempt": run.attempt}
    if run.attempt < settings.step_attempts:
        execution.log("step_attempt_failed", detail, error=True)
        wait = world.now + timedelta(seconds=settings.step_retry_delay * 2 ** (run.attempt - 1))
        status = "queued" if run.status == "queued" else "processing"
        again = {"status": status, "attempt": run.attempt + 1, "paused_until": run.paused_until, "memory": run.memory}
        return Move(run.step, wait, again)
    execution.log("step_failed", detail, error=True)
    execution.log("run_halted", {"reason": f"step {run.step} failed {run.attempt} times"})
    return Move(None, None, {"status": "completed"})


def _settle(execution: Execution, move: Move) -> None:
    """Everything that the step's outcome changes. What the move does not name is as at the start of a step."""
    world, run, step = execution.world, execution.run, str(execution.run.step)
    if isinstance(run.version.program.workflow.step(step), WaitForEventStep) and move.step != step:
        waits.forget(world, run)
    for event, detail, _ in execution.lines:
        world.tell(run, step, event, detail)
    fresh: dict[str, Any] = {"attempt": 1, "memory": None, "paused_until": None, **(move.changes or {})}
    changed = world.change(run, step=move.step, executed=run.executed | {step}, **fresh)
    if move.step is None:
        world.drop(world.due_steps, run.id)
        batches.abandon(world, run)
        waits.signal_run(world, changed, "completed")
    else:
        world.owe_step(changed, move.wait or world.now)
    for message in execution.messages:
        deliveries.create(world, changed, message)


def _stop(world: World, run: Run, reason: str) -> None:
    """The run does not go on."""
    world.drop(world.due_steps, run.id)
    world.tell(run, run.step, "run_cancelled", {"reason": reason})
    world.change(run, status="cancelled", paused_until=None, memory=None, executed=run.executed | {str(run.step)})
    batches.abandon(world, run)
