"""One step of one run: claim, token, handler, outcome, commit (hop 4).

Everything that a step does is written by one statement of the transaction that holds its row. A crash before the commit
leaves the row, and it is rung again; a bell that comes twice finds no row, or somebody else's hand on it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never
from uuid import UUID

from notify_workers import cancellations
from notify_workers.cancellations import CancellationKey
from notify_workers.catalog import EnvironmentCatalog, catalog
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.events import entry
from notify_workers.ids import ksuid
from notify_workers.queue import DELIVERIES, STEPS, Bell
from notify_workers.settings import settings
from notify_workers.store import due, runs
from notify_workers.store.recipients import Reference
from notify_workers.store.runs import Move, StepClaim
from notify_workers.store.session import Transaction, transaction
from workflows.effects import Effect, Enqueue, Record
from workflows.errors import WorkflowError
from workflows.outcomes import Continue, Halt, Pause, Skip, StepOutcome
from workflows.program import Program
from workflows.run import Finish, Go, Next, Wait, advance, drive
from workflows.scope import Scope, StepContext
from workflows.steps import handler_for

log = logging.getLogger(__name__)

EARLY = 0.05
"""Seconds before its time at which a step may start."""


def run_step(due_id: int) -> list[Bell]:
    """Executes the step that a row owes. Does nothing when it is done or in hand; re-arms it when it is early.

    Rings for the run's next step. The bells for the deliveries that the step owes are left to the caller.
    """
    claim = None
    try:
        with transaction() as tx:
            claim = runs.claim_step(tx, due_id)
            return _run(tx, claim) if claim is not None else []
    except StoreUnavailable:
        raise
    except Exception as error:
        if claim is None:
            raise
        _fail(claim, error)
        return []


def _run(tx: Transaction, claim: StepClaim) -> list[Bell]:
    if claim.seconds_early > EARLY:
        due.rearm(tx, claim.due_id)
    elif stopped := _stopped(claim):
        runs.stop(tx, claim, [entry(claim.now, "run_cancelled", stopped)])
    else:
        return _execute(tx, claim)
    return []


def _fail(failed: StepClaim, error: Exception) -> None:
    """Counts an attempt that never came to its handler, or whose outcome the database refuses."""
    with transaction() as tx:
        claim = runs.claim_step(tx, failed.due_id)
        if claim is not None and claim.place == failed.place:
            move, entries = _failure(claim, error)
            tx.ring(*runs.move(tx, claim, None, move, entries, []) or ())


def _stopped(claim: StepClaim) -> dict[str, Any] | None:
    """Why the run may not go on, None when it may. The token is asked last, right before the step starts."""
    if claim.cancelled:
        return {"reason": "the run was cancelled", "cancellation_key": claim.cancellation_key}
    if not claim.active:
        return {"reason": f"workflow {claim.workflow_key} is not active any more"}
    if claim.cancellation_key is None:
        return None
    key = CancellationKey(claim.environment_id, claim.workflow_key, claim.cancellation_key)
    sequence = cancellations.revoked(key, claim.recipient, claim.sequence)
    return {"cancellation_key": key.key, "sequence": sequence} if sequence else None


@dataclass
class Execution:
    """What a handler asked for while it ran."""

    claim: StepClaim
    environment: EnvironmentCatalog
    program: Program
    entries: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, effect: Effect) -> Any:
        match effect:
            case Record(event, detail, error):
                self.log(event, detail, error=error)
                return None
            case Enqueue():
                return self._enqueue(effect)
            case _:
                assert_never(effect)

    def log(self, event: str, detail: Mapping[str, Any] | None = None, *, error: bool = False) -> None:
        self.entries.append(entry(self.claim.now, event, detail, error=error))

    def undo(self) -> None:
        """Nothing that the handler asked for is done; what it recorded stays."""
        self.messages.clear()
        self.entries = [each for each in self.entries if each["event"] != "message_enqueued"]

    @property
    def errors(self) -> int:
        return sum(each["status"] == "error" for each in self.entries)

    def _enqueue(self, effect: Enqueue) -> str:
        channel = self.environment.channels[effect.channel_key]
        at = self.claim.now.timestamp()
        message_id = ksuid(at)
        sandboxed = bool(self.claim.settings.get("sandbox_mode"))
        self.messages.append(
            {
                "id": message_id,
                "channel_id": channel.id,
                "channel_type": channel.type,
                "snapshot": dict(effect.recipient_snapshot),
                "content": effect.content.as_json(),
                "status": "not_sent" if sandboxed else "queued",
                "categories": list(self.program.workflow.categories),
                "actors": [self.claim.actor.as_wire()] if self.claim.actor else [],
                "created_event": ksuid(at),
                "queued_event": ksuid(at),
            }
        )
        self.log("message_enqueued", {"channel_type": channel.type, "message_id": message_id})
        return message_id


def _execute(tx: Transaction, claim: StepClaim) -> list[Bell]:
    compiled = catalog(claim.catalog_number)
    environment = compiled.environment(tx, claim.environment_id)
    program = compiled.program(tx, claim.environment_id, claim.version_id)
    execution = Execution(claim, environment, program)
    step = program.workflow.step(claim.step)
    execution.log("step_started" if claim.paused_until is None else "step_resumed")
    try:
        outcome = drive(handler_for(step)(step, _context(execution)), execution.answer)
    except Exception as error:
        move, failure = _failure(claim, error)
        execution.undo()
        execution.entries += failure
    else:
        move = _move(advance(program.workflow, claim.step, outcome), outcome, execution)
    bells = runs.move(tx, claim, step.type, move, execution.entries, execution.messages)
    if bells is None:
        runs.stop(tx, claim, [entry(claim.now, "run_cancelled", {"reason": "cancelled while the step was executing"})])
        return []
    tx.ring(*(bell for bell in bells if bell.queue == STEPS))
    return [bell for bell in bells if bell.queue == DELIVERIES]


def _move(next: Next, outcome: StepOutcome, execution: Execution) -> Move:
    _log_outcome(outcome, execution)
    data = outcome.data if isinstance(outcome, Continue) else None
    errors = execution.errors
    match next:
        case Go(ref):
            return Move("processing", ref, data=data, errors=errors)
        case Wait(ref, until):
            return Move("paused", ref, execution.claim.attempt, until, until, errors=errors)
        case Finish(reason):
            execution.log("run_completed", {"reason": reason} if reason else None)
            return Move("completed", None, data=data, errors=errors)
        case _:
            assert_never(next)


def _log_outcome(outcome: StepOutcome, execution: Execution) -> None:
    match outcome:
        case Continue(reason):
            execution.log("step_completed", {"reason": reason} if reason else None)
        case Skip(reason):
            execution.log("step_skipped", {"reason": reason})
        case Pause(until, reason):
            execution.log("step_paused", {"reason": reason, "until": until.isoformat()})
        case Halt(reason):
            execution.log("run_halted", {"reason": reason})
        case _:
            assert_never(outcome)


def _failure(claim: StepClaim, error: Exception) -> tuple[Move, list[dict[str, Any]]]:
    """A step that raised is tried again, then its run is halted (contract: semantics §3)."""
    if not isinstance(error, WorkflowError):
        log.error("step %s of run %s failed: %s", claim.step, claim.run_id, kind_and_place(error))
    detail = {"code": getattr(error, "code", type(error).__name__), "message": _said(error), "attempt": claim.attempt}
    if claim.attempt < settings().step_attempts:
        wait = claim.now + timedelta(seconds=settings().step_retry_delay * 2 ** (claim.attempt - 1))
        again = Move("processing", claim.step, claim.attempt + 1, wait, claim.paused_until, errors=1)
        return again, [entry(claim.now, "step_attempt_failed", detail, error=True)]
    halted = {"reason": f"step {claim.step} failed {claim.attempt} times"}
    failed = [entry(claim.now, "step_failed", detail, error=True), entry(claim.now, "run_halted", halted)]
    return Move("completed", None, errors=1), failed


def _said(error: Exception) -> str:
    """What an error says, as the database takes it; of errors that are not about the workflow only the first line."""
    lines = str(error).replace("\0", "").splitlines() or [""]
    return "\n".join(lines) if isinstance(error, WorkflowError) else lines[0]


def _context(execution: Execution) -> StepContext:
    claim = execution.claim
    recipient = _entity(claim.recipient, claim.recipient_properties)
    return StepContext(
        scope=Scope(
            data=claim.data,
            recipient=recipient,
            actor=_entity(claim.actor, claim.actor_properties) if claim.actor else None,
            tenant={"id": claim.tenant, **(claim.tenant_properties or {})} if claim.tenant else None,
            workflow=_workflow(claim, execution.program),
            vars=execution.environment.variables,
            activities=(_activity(claim, recipient),),
            timestamp=claim.triggered_at.isoformat(),
        ),
        now=claim.now,
        channels=execution.environment.channels,
        program=execution.program,
        attempt=claim.attempt,
        paused_until=claim.paused_until,
        skip_delay=bool(claim.settings.get("skip_delay")),
        timezone=str(recipient.get("timezone") or "Etc/UTC"),
    )


def _entity(reference: Reference, properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """A recipient nobody has identified has an id and nothing else."""
    entity = {**(properties or {}), "id": reference.id}
    return entity if reference.is_user else {**entity, "collection": reference.collection}


def _workflow(claim: StepClaim, program: Program) -> dict[str, Any]:
    return {
        "id": str(claim.version_id),
        "key": claim.workflow_key,
        "name": program.workflow.name,
        "categories": list(program.workflow.categories),
        "commercial": program.workflow.is_commercial,
        "override_preferences": program.workflow.override_preferences,
        "cancellation_key": claim.cancellation_key,
    }


def _activity(claim: StepClaim, recipient: Mapping[str, Any]) -> dict[str, Any]:
    at = claim.triggered_at.isoformat()
    return {
        **claim.data,
        "id": activity_id(claim.trigger_id),
        "recipient": recipient,
        "inserted_at": at,
        "updated_at": at,
    }


def activity_id(trigger_id: UUID) -> str:
    """A trigger's activity, named by the trigger: 27 characters, the same wherever it is shown."""
    return f"{trigger_id.int:040d}"[-27:]
