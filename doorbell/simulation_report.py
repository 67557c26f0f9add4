"""What a simulation has shown: for people, as JSON lines, and compared with a trace that was saved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import click

from doorbell.simulation import Simulated, days
from workflows.simulate.summaries import full_text, title
from workflows.simulate.trace import Entry, digest, trace_of_world
from workflows.simulate.world import Message, Refusal

Kind = Literal["sent", "unsent", "later"]
_COLOURS: Mapping[Kind, str] = {"sent": "green", "unsent": "yellow", "later": "cyan"}
_SENT = ("message.sent", "message.delivered")
_LOST = ("message.not_sent", "message.bounced", "message.undelivered")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, or will. `what` is the channel of a message, empty for what was not sent."""

    at: datetime
    kind: Kind
    what: str
    who: str
    text: str
    where: str
    content: str = ""


def lines(simulated: Simulated, *, with_content: bool = False) -> list[str]:
    """The trace, one JSON object on a line: every message, every decision, and what was refused."""

    def described(message: Message) -> dict[str, Any]:
        content = message.content.as_json()
        return {"title": title(message.content), "content": content if with_content else digest(content)}

    world = simulated.world
    found = [(each.at, each.as_json()) for each in trace_of_world(world, described) if each.is_decision]
    for refusal in world.refusals:
        told = {"at": refusal.at.isoformat(), "line": refusal.line, "event": "refused", "reason": refusal.reason}
        found.append((refusal.at, told))
    found.sort(key=lambda each: each[0])
    return [json.dumps(each, ensure_ascii=False) for _, each in found]


def report(simulated: Simulated, *, zone: ZoneInfo, with_content: bool = False) -> Iterator[str]:
    """What people read: when which message leaves, why something was not sent, and what still waits at the end."""
    span = days(simulated.until - simulated.start)
    until = _time(simulated.until, zone)
    yield click.style(f"{simulated.workflow}, {span} from {_time(simulated.start, zone)} ({zone.key})", bold=True)
    yield ""
    found = list(_lines(simulated, with_content=with_content))
    yield from _table([each for each in found if each.kind != "later"], zone)
    if later := [each for each in found if each.kind == "later"]:
        yield ""
        yield click.style(f"Still to come on {until}", bold=True)
        yield from _table(later, zone)
    yield ""
    yield _summary(simulated, found)


def _table(found: list[Line], zone: ZoneInfo) -> Iterator[str]:
    widths = {name: max((len(getattr(each, name)) for each in found), default=0) for name in ("what", "who")}
    for each in found:
        what, who = f"{each.what or '–':{widths['what']}}", f"{each.who:{widths['who']}}"
        marked = click.style(what, fg=_COLOURS[each.kind])
        where = click.style(f"({each.where})", dim=True) if each.where else ""
        yield f"{_time(each.at, zone)}  {marked}  {who}  {each.text}  {where}".rstrip()
        if each.content:
            yield from ("    " + line for line in f"\n{each.content}\n".splitlines())
            yield ""


def _lines(simulated: Simulated, *, with_content: bool) -> Iterator[Line]:
    def described(message: Message) -> dict[str, Any]:
        text = full_text(message.content) if with_content else ""
        return {"title": title(message.content), "text": text}

    world = simulated.world
    trace = trace_of_world(world, described)
    quiet = _quiet(trace)
    found = [line for each in trace if (line := _line(each, quiet, simulated)) is not None]
    found += [_refused(each) for each in world.refusals]
    yield from sorted(found, key=lambda line: line.at)
    yield from sorted(_waiting(simulated), key=lambda line: line.at)


def _refused(refusal: Refusal) -> Line:
    where = f"line {refusal.line}" if refusal.line else ""
    return Line(refusal.at, "unsent", "", "", refusal.reason, where)


def _quiet(trace: list[Entry]) -> set[tuple[int, datetime]]:
    """Runs that end at a moment for a reason that stands elsewhere: in a batch, or in the failure before."""
    return {
        (each.run, each.at)
        for each in trace
        if each.event == "step_failed" or (each.event == "batch_joined" and each.detail.get("role") == "item")
    }


def _line(entry: Entry, quiet: set[tuple[int, datetime]], simulated: Simulated) -> Line | None:
    where = entry.step or ""
    if entry.workflow != simulated.workflow:
        where = f"{entry.workflow} {where}".strip()
    detail = entry.detail
    if entry.event in _SENT and "title" in detail:
        content = detail.get("text", "")
        return Line(entry.at, "sent", detail["channel"], entry.recipient, detail["title"], where, content)
    reason = _reason(entry, quiet)
    return Line(entry.at, "unsent", "", entry.recipient, reason, where) if reason else None


def _reason(entry: Entry, quiet: set[tuple[int, datetime]]) -> str:
    """Why something was not sent; empty for entries that say nothing of it."""
    detail, event = entry.detail, entry.event
    if event in _LOST:
        why = detail.get("reason") or detail.get("failure_reason")
        return event.removeprefix("message.").replace("_", " ") + (f": {why}" if why else "")
    if event == "step_skipped":
        return f"skipped: {detail['reason']}"
    if event == "step_failed":
        return f"failed: {detail['message'].splitlines()[0]}"
    if event == "run_halted" and (entry.run, entry.at) not in quiet:
        return f"ended: {detail['reason']}"
    if event in ("run_cancelled", "activity_cancelled"):
        what = "cancelled" if event == "run_cancelled" else "taken out of its batch"
        key = detail.get("cancellation_key")
        return f"{what}: " + (f"cancellation key `{key}`" if key else str(detail.get("reason", "")))
    return ""


def _waiting(simulated: Simulated) -> Iterator[Line]:
    """What is due after the end."""
    world = simulated.world
    for run_id, at in world.due_steps.items():
        run = world.runs[run_id]
        yield Line(at, "later", "", str(run.recipient), f"goes on at {run.step}", run.trigger.workflow_key)
    for message_id, at in world.due_deliveries.items():
        message = world.messages[message_id]
        who = str(world.runs[message.run].recipient)
        yield Line(at, "later", message.channel.key, who, title(message.content), message.step)


def _summary(simulated: Simulated, found: list[Line]) -> str:
    sent = Counter(each.what for each in found if each.kind == "sent")
    recipients = len({each.who for each in found if each.kind == "sent"})
    by_channel = ", ".join(f"{channel} {number}" for channel, number in sorted(sent.items()))
    parts = [
        _count(sent.total(), "message") + (f" ({by_channel}) to {_count(recipients, 'recipient')}" if sent else "")
    ]
    if unsent := sum(each.kind == "unsent" for each in found):
        parts.append(_count(unsent, "reason") + " why something was not sent")
    if collected := sum(len(items) - 1 for items in simulated.world.items.values()):
        parts.append(f"{_count(collected, 'trigger')} collected into batches of others")
    if later := sum(each.kind == "later" for each in found):
        parts.append(f"{later} still to come")
    return "; ".join(parts) + "."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _time(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a %Y-%m-%d %H:%M:%S}"
