"""How long the simulator takes for thirty days and a thousand events, and where the time goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from benchmarks.tables import Table
from workflows.scope import ChannelView
from workflows.simulate.environment import Environment
from workflows.simulate.events import Stream, read_events
from workflows.simulate.simulation import simulate
from workflows.simulate.trace import trace_of_world
from workflows.simulate.world import World

EVENTS = 1_000
DAYS = 30
RECIPIENTS = 50
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
WORKFLOW = "comments"

CHANNELS = {"email": "email", "in-app-feed": "in_app_feed", "sms": "sms"}
BODY = "<h1>Hello {{ recipient.name }}</h1>{% for each in activities %}<p>{{ each.actor.name }}: {{ each.text }}</p>{% endfor %}"
UNREAD = {"variable": "refs.feed_1.engagement_status", "operator": "not_contains", "argument": "$message.read"}
STEPS: list[dict[str, Any]] = [
    {
        "ref": "feed_1",
        "type": "channel",
        "channel_key": "in-app-feed",
        "channel_type": "in_app_feed",
        "template": {"markdown_body": "**{{ actor.name }}** has written: {{ data.text }}"},
    },
    {"ref": "batch_1", "type": "batch", "settings": {"batch_window": {"unit": "hours", "value": 8}}},
    {
        "ref": "email_1",
        "type": "channel",
        "channel_key": "email",
        "channel_type": "email",
        "conditions": {"all": [UNREAD]},
        "template": {"settings": {}, "subject": "{{ total_activities }} comments", "html_body": BODY},
    },
    {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "days", "value": 3}}},
    {
        "ref": "sms_1",
        "type": "channel",
        "channel_key": "sms",
        "channel_type": "sms",
        "conditions": {"all": [UNREAD]},
        "template": {"text_body": "{{ total_activities }} comments wait for you, {{ recipient.name }}"},
    },
]


def measure() -> Table:
    text = events()
    environment = made()
    began = perf_counter()
    stream = read_events(text, START, workflow=WORKFLOW)
    read = perf_counter()
    world = _run(environment, stream)
    simulated = perf_counter()
    entries = trace_of_world(world)
    traced = perf_counter()
    again = perf_counter()
    _run(environment, stream)
    second = perf_counter() - again
    table = Table(
        f"Simulator: {DAYS} days and {EVENTS:,} events",
        ["", "seconds"],
        notes=[
            "A workflow with a feed message, a batch, an e-mail, a delay and an SMS; 800 triggers, 150 reads, 50 cancellations.",
            f"It makes {len(world.runs):,} runs, {len(world.messages):,} messages and {len(entries):,} lines of trace.",
        ],
    )
    parts = (
        ("all of it, templates not compiled yet", traced - began),
        ("reading the events", read - began),
        ("simulating", simulated - read),
        ("writing the trace", traced - simulated),
        ("simulating again, templates compiled", second),
    )
    table.rows += [[name, f"{seconds:.2f}"] for name, seconds in parts]
    return table


def made() -> Environment:
    channels = {key: ChannelView(key, key, kind, "simulated", "a@example.com") for key, kind in CHANNELS.items()}
    environment = Environment(channels)
    environment.publish(WORKFLOW, {"name": "Comments", "steps": STEPS})
    return environment


def _run(environment: Environment, stream: Stream) -> World:
    return simulate(environment, stream.happenings, start=START, until=START + timedelta(days=DAYS))


def events() -> str:
    """One event every 43 minutes: of twenty, sixteen triggers, three reads, and a cancellation."""
    return "\n".join(json.dumps({"at": f"+{number * 43 - 43}m", **_event(number)}) for number in range(1, EVENTS + 1))


def _event(number: int) -> dict[str, Any]:
    user = f"user-{number * 7 % RECIPIENTS}"
    match number % 20:
        case 0:
            return {"type": "cancel", "cancellation_key": f"comment-{number - 1}"}
        case 5 | 10 | 15:
            return {"type": "engagement", "recipient": user, "status": "read"}
        case _:
            recipient = {"id": user, "name": user, "email": f"{user}@example.com", "phone_number": "+15555550100"}
            return {
                "type": "trigger",
                "recipients": [recipient],
                "actor": {"id": f"actor-{number % 7}", "name": f"Actor {number % 7}"},
                "data": {"text": f"Comment {number}"},
                "cancellation_key": f"comment-{number}",
            }
