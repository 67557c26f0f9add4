"""One step of one run: claim, token, handler, outcome, commit (hop 4).

Everything that a step does is written by the transaction that holds its row. A crash before the commit leaves the row, and
it is rung again; a bell that comes twice finds no row, or somebody else's hand on it. A step that asks another machine
keeps its row by a lease while it does, and commits in a second transaction.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy.exc import SQLAlchemyError

from notify_workers import batches, calls, cancellations
from notify_workers.catalog import catalog
from notify_workers.contexts import step_context
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.events import entry
from notify_workers.execution import Execution
from notify_workers.queue import DELIVERIES, STEPS, Bell
from notify_workers.settings import settings
from notify_workers.store import due, resources, runs, waits
from notify_workers.store.runs import Move, StepClaim
from notify_workers.store.session import Transaction, transaction
from workflows.effects import OUTWARD, AskModel, HttpCall
from workflows.errors import WorkflowError
from workflows.model import BatchStep, WaitForEventStep
from workflows.outcomes import Continue, Pause, StepOutcome, Steps, told
from workflows.run import Finish, Go, Next, Wait, advance, drive
from workflows.steps import execute

log = logging.getLogger(__name__)

EARLY = 0.05
"""Seconds before its time at which a step may start."""


@dataclass
class Calling:
    """A step that waits for another machine's answer, its row kept by a lease."""

    execution: Execution
    steps: Steps
    call: HttpCall | AskModel
    lease: datetime


def run_step(due_id: int) -> list[Bell]:
    """Executes the step that a row owes. Does nothing when it is done or in hand; re-arms it when it is early.

    Rings for the run's next step. The bells for the deliveries that the step owes are left to the caller.
    """
    claim: StepClaim | None = None
    lease: datetime | None = None
    try:
        with transaction() as tx:
            claim = runs.claim_step(tx, due_id)
            done: list[Bell] | Calling = _run(tx, claim) if claim is not None else []
        while isinstance(done, Calling):
            lease = done.lease
            reply = calls.perform(done.call)
            with transaction() as tx:
                done = _go_on(tx, done, reply)
    except StoreUnavailable:
        raise
    except Exception as error:
        if claim is None:
            raise
        _fail(claim, error, lease)
        return []
    return done


def _run(tx: Transaction, claim: StepClaim) -> list[Bell] | Calling:
    if claim.seconds_early > EARLY and not batches.closes_sooner(tx, claim):
        due.rearm(tx, claim.due_id)
    elif stopped := _stopped(claim):
        runs.stop(tx, claim, [entry(claim.now, "run_cancelled", stopped)])
    else:
        return _execute(tx, claim)
    return []


def _go_on(tx: Transaction, calling: Calling, reply: Any) -> list[Bell] | Calling:
    """The answer is there: the step goes on in a new transaction, unless somebody has taken it over or stopped its run."""
    execution = calling.execution
    claim = runs.claim_step(tx, execution.claim.due_id, calling.lease)
    if claim is None or claim.place != execution.claim.place:
        return []
    if stopped := _stopped(claim):
        runs.stop(tx, claim, [*execution.entries, entry(claim.now, "run_cancelled", stopped)])
        return []
    execution.tx, execution.claim = tx, claim
    return _drive(execution, calling.steps, reply)


def _fail(failed: StepClaim, error: Exception, lease: datetime | None) -> None:
    """Counts an attempt that never came to its handler, or whose outcome the database refuses."""
    with transaction() as tx:
        claim = runs.claim_step(tx, failed.due_id, lease)
        if claim is not None and claim.place == failed.place:
            move, entries = _failure(claim, error)
            tx.ring(*runs.move(tx, claim, None, move, entries, []) or ())


def _stopped(claim: StepClaim) -> dict[str, Any] | None:
    """Why the run may not go on, None when it may. The token is asked last, right before the step starts.

    A run that carries a batch is not stopped by a cancellation of its own activity: others are in the batch.
    """
    if claim.cancelled:
        return {"reason": "the run was cancelled", "cancellation_key": claim.cancellation_key}
    if not claim.active:
        return {"reason": f"workflow {claim.workflow_key} is not active any more"}
    key = cancellations.key_of(claim)
    if key is None or claim.carries_batch:
        return None
    sequence = cancellations.revoked(key, claim.recipient, claim.sequence)
    return {"cancellation_key": key.key, "sequence": sequence} if sequence else None


def _execute(tx: Transaction, claim: StepClaim) -> list[Bell] | Calling:
    compiled = catalog(claim.catalog_number)
    environment = compiled.environment(tx, claim.environment_id)
    program = compiled.program(tx, claim.environment_id, claim.version_id)
    execution = Execution(tx, claim, environment, program)
    execution.log("step_started" if claim.paused_until is None else "step_resumed")
    try:
        steps = execute(program.workflow.step(claim.step), step_context(tx, claim, environment, program))
    except WorkflowError as error:
        return _settle(execution, _undone(execution, error))
    return _drive(execution, steps, None)


def _drive(execution: Execution, steps: Steps, reply: Any) -> list[Bell] | Calling:
    try:
        outcome = drive(steps, execution.answer, reply)
        if isinstance(outcome, OUTWARD):
            assert not execution.has_written, "a step asks other machines before it changes rows"
            lease = runs.lease_step(execution.tx, execution.claim.due_id, settings().call_lease)
            return Calling(execution, steps, outcome, lease)
        move = _move(execution, outcome)
    except (StoreUnavailable, SQLAlchemyError):
        raise  # the transaction is of no more use; whether that counts as an attempt is decided outside of it
    except Exception as error:
        move = _undone(execution, error)
    return _settle(execution, move)


def _undone(execution: Execution, error: Exception) -> Move:
    move, failure = _failure(execution.claim, error)
    execution.undo()
    execution.entries += failure
    return move


def _settle(execution: Execution, move: Move) -> list[Bell]:
    tx, claim = execution.tx, execution.claim
    step = execution.program.workflow.step(claim.step)
    if isinstance(step, WaitForEventStep) and move.step != claim.step:
        waits.forget(tx, claim.run_id)
    bells = runs.move(tx, claim, step.type, move, execution.entries, execution.messages)
    if bells is None:
        execution.undo()
        runs.stop(tx, claim, [entry(claim.now, "run_cancelled", {"reason": "cancelled while the step was executing"})])
        return []
    tx.ring(*(bell for bell in bells if bell.queue == STEPS))
    return [bell for bell in bells if bell.queue == DELIVERIES]


def _move(execution: Execution, outcome: StepOutcome) -> Move:
    execution.log(*told(outcome))
    claim, version, workflow = execution.claim, None, execution.program.workflow
    if isinstance(outcome, Continue) and outcome.on_latest:
        version, workflow = _newest(execution)
    return _where(execution, advance(workflow, claim.step, outcome), outcome, version)


def _where(execution: Execution, next: Next, outcome: StepOutcome, version: Any) -> Move:
    claim = execution.claim
    data = outcome.data if isinstance(outcome, Continue) else None
    output = outcome.output if isinstance(outcome, Continue) else None
    changed: dict[str, Any] = {
        "data": data,
        "outputs": {claim.step: output} if output is not None else None,
        "window_id": (claim.memory or {}).get("window_id") if claim.carries_batch else None,
        "version_id": version,
    }
    match next:
        case Go(ref):
            return Move("processing", ref, errors=execution.errors, **changed)
        case Wait(ref, until):
            memory = outcome.memory if isinstance(outcome, Pause) else None
            return Move("paused", ref, claim.attempt, until, until, memory=memory, errors=execution.errors)
        case Finish(reason):
            execution.log("run_completed", {"reason": reason} if reason else None)
            return Move("completed", None, errors=execution.errors, **changed)
        case _:
            assert_never(next)


def _newest(execution: Execution) -> tuple[Any, Any]:
    """The newest version that still has the batch step, in latest mode; the run's own when no newer one has."""
    claim, own = execution.claim, execution.program.workflow
    compiled = catalog(claim.catalog_number)
    for version_id in resources.versions_since(execution.tx, claim.version_id):
        newer = compiled.program(execution.tx, claim.environment_id, version_id).workflow
        if claim.step in newer and isinstance(step := newer.step(claim.step), BatchStep) and step.is_latest:
            execution.log("version_changed", {"version": str(version_id)})
            return version_id, newer
    return None, own


def _failure(claim: StepClaim, error: Exception) -> tuple[Move, list[dict[str, Any]]]:
    """A step that raised is tried again, then its run is halted (contract: semantics §3)."""
    if not isinstance(error, WorkflowError):
        log.error("step %s of run %s failed: %s", claim.step, claim.run_id, kind_and_place(error))
    detail = {"code": getattr(error, "code", type(error).__name__), "message": _said(error), "attempt": claim.attempt}
    if claim.attempt < settings().step_attempts:
        wait = claim.now + timedelta(seconds=settings().step_retry_delay * 2 ** (claim.attempt - 1))
        status = "queued" if claim.status == "queued" else "processing"
        again = Move(status, claim.step, claim.attempt + 1, wait, claim.paused_until, memory=claim.memory, errors=1)
        return again, [entry(claim.now, "step_attempt_failed", detail, error=True)]
    halted = {"reason": f"step {claim.step} failed {claim.attempt} times"}
    failed = [entry(claim.now, "step_failed", detail, error=True), entry(claim.now, "run_halted", halted)]
    return Move("completed", None, errors=1), failed


def _said(error: Exception) -> str:
    """What an error says, as the database takes it; of errors that are not about the workflow only the first line."""
    lines = str(error).replace("\0", "").splitlines() or [""]
    return "\n".join(lines) if isinstance(error, WorkflowError) else lines[0]
