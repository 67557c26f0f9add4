"""`doorbell why`: a run or a message as a timeline of every decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from doorbell.wording import details, wording
from notify_workers.errors import NotFound
from notify_workers.store import deliveries, messages
from notify_workers.store.messages import MessageFilter, MessageRow
from notify_workers.store.run_reads import RunRow, get_run, run_events
from notify_workers.store.session import Transaction, transaction


@dataclass(frozen=True, slots=True, order=True)
class Line:
    at: datetime
    order: int
    part: int
    where: str
    text: str


def explain(identifier: str) -> str:
    """The timeline of a recipient run, or of the run that made a message. Raises `NotFound`."""
    with transaction() as tx:
        run = _find_run(tx, identifier)
        lines = sorted(_lines(tx, run))
    return "\n".join([*_heading(run), "", *_table(lines)])


def _find_run(tx: Transaction, identifier: str) -> RunRow:
    message = messages.get_message(tx, identifier)
    run_id = message.run_id if message else _uuid(identifier)
    run = get_run(tx, run_id) if run_id else None
    if run is None:
        raise NotFound(f"There is no recipient run and no message `{identifier}`")
    return run


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _heading(run: RunRow) -> Iterator[str]:
    yield f"Run {run.id} of workflow {run.workflow_key} for {run.recipient}: {run.status}"
    yield f"  trigger {run.trigger_id}, version {run.version_id}"
    if run.cancellation_key:
        yield f"  cancellation key {run.cancellation_key}"
    if run.paused_until:
        yield f"  paused until {_time(run.paused_until)}"


def _lines(tx: Transaction, run: RunRow) -> Iterator[Line]:
    yield Line(run.inserted_at, 0, 0, "trigger", f"triggered ({run.source.get('type', 'api')})")
    for number, event in enumerate(run_events(tx, run.id), 1):
        for part, text in enumerate(wording(event.event, event.data)):
            yield Line(event.at, number, part, event.step_ref or "run", text)
    wanted = MessageFilter(run_id=run.id)
    for message in messages.page_of_messages(tx, run.environment_id, wanted, after=None, before=None, limit=1000):
        yield from _message_lines(tx, message)


def _message_lines(tx: Transaction, message: MessageRow) -> Iterator[Line]:
    for event in messages.page_of_events(tx, message.id):
        yield Line(event.at, 1000 + event.number, 0, message.step_ref, f"{event.type}{details(event.data or {})}")
    for attempt in deliveries.attempts(tx, message.id):
        handed = f"attempt {attempt.attempt}: handed to the provider {attempt.provider}".rstrip()
        yield Line(attempt.started_at, 500 + attempt.attempt, 0, message.step_ref, handed)
        if attempt.finished_at:
            said = f"attempt {attempt.attempt}: {attempt.outcome}{_said(attempt)}"
            yield Line(attempt.finished_at, 600 + attempt.attempt, 0, message.step_ref, said)


def _said(attempt: deliveries.Attempt) -> str:
    answers = [
        f"{each['response'].get('status')} {each['response'].get('body', {}).get('text', '')}"
        for each in attempt.exchanges
    ]
    told = "; ".join(part for part in (attempt.reason, *answers) if part)
    return f" ({told})" if told else ""


def _table(lines: list[Line]) -> Iterator[str]:
    width = max((len(line.where) for line in lines), default=0)
    for line in lines:
        yield f"{_time(line.at)}  {line.where:{width}}  {line.text}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
