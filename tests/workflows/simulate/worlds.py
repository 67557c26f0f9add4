"""Small simulations: one workflow, `trial`, three channels, and a stream written as its lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from workflows.scope import ChannelView
from workflows.simulate.environment import Environment, Settings
from workflows.simulate.events import read_events
from workflows.simulate.simulation import simulate
from workflows.simulate.summaries import title
from workflows.simulate.trace import Entry, trace_of_world
from workflows.simulate.world import World

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""A Thursday."""

CHANNELS = {"sms": "sms", "in-app-feed": "in_app_feed", "email": "email"}
JANE = {"id": "jane", "name": "Jane", "phone_number": "+15555550100", "email": "jane@example.com"}

Step = dict[str, Any]
Event = dict[str, Any]


def sms(ref: str = "sms_1", text: str = "{{ data.n }}", **more: Any) -> Step:
    body = {"text_body": text}
    return {"ref": ref, "type": "channel", "channel_key": "sms", "channel_type": "sms", "template": body, **more}


def delay(hours: int = 1, ref: str = "delay_1") -> Step:
    return {"ref": ref, "type": "delay", "settings": {"delay_for": {"unit": "hours", "value": hours}}}


def batch(hours: int = 1, ref: str = "batch_1", **settings: Any) -> Step:
    window = {"batch_window": {"unit": "hours", "value": hours}}
    return {"ref": ref, "type": "batch", "settings": {**window, **settings}}


def trigger(at: str = "+0s", n: int = 1, **more: Any) -> Event:
    return {"type": "trigger", "at": at, "recipients": [JANE], "data": {"n": n}, **more}


def environment(*steps: Step, settings: Settings | None = None, **workflow: Any) -> Environment:
    channels = {key: ChannelView(key, key, kind, "simulated") for key, kind in CHANNELS.items()}
    made = Environment(channels, settings=settings or Settings())
    made.publish("trial", {"name": "Trial", "steps": list(steps), **workflow})
    return made


def run(within: Environment, *events: Event, days: float = 30) -> World:
    stream = read_events("\n".join(map(json.dumps, events)), START, workflow="trial")
    until = START + timedelta(days=days)
    return simulate(within, stream.happenings, start=START, until=until, responses=stream.responses)


def sent(world: World) -> list[tuple[str, str]]:
    """When after the start each message left, and what it says first."""
    return [
        (str(event.at - START), title(world.messages[event.message].content))
        for event in world.message_events
        if event.type in ("message.sent", "message.delivered")
    ]


def decided(world: World, *names: str) -> list[str]:
    """The reasons of those events."""
    return [str(entry.detail.get("reason", "")) for entry in trace(world) if entry.event in names]


def trace(world: World) -> list[Entry]:
    return trace_of_world(world)
