"""The simulator and the engine decide alike: random workflows, random streams, one trace.

`DOORBELL_TEST_SIMULATIONS` sets how many are compared; a night's worth is 20,000.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from notify_workers import calls, installation, resources
from notify_workers.ids import channel_id
from notify_workers.redis_client import client
from notify_workers.store import environments
from notify_workers.store.session import transaction
from tests.conftest import EMPTIED
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.time_traveller import TimeTraveller, standing_clock, trace_of_engine
from tests.workflows.simulate.strategies import KEYS, PEOPLE, START, URLS, libraries, streams
from workflows.recipients import USERS, Identity, Reference
from workflows.scope import ChannelView
from workflows.simulate.environment import Environment
from workflows.simulate.environment import Settings as SimulatedSettings
from workflows.simulate.happenings import (
    Activated,
    Cancelled,
    Deleted,
    Happening,
    Identified,
    Published,
    Triggered,
    What,
)
from workflows.simulate.replies import Replies, Response
from workflows.simulate.simulation import simulate
from workflows.simulate.trace import Entry, difference, trace_of_world
from workflows.simulate.triggers import Request

SIMULATIONS = int(os.environ.get("DOORBELL_TEST_SIMULATIONS", "60"))
END = START + timedelta(days=12)
TYPES = {"sms": "sms", "in-app-feed": "in_app_feed", "push": "push"}
VARIABLES = {"site": "doorbell.test"}
PEOPLE_KNOWN = [
    Happening(
        START,
        Identified(
            Identity(
                Reference(USERS, each),
                {"name": each.capitalize(), "phone_number": "+15555550100", "timezone": "Europe/Berlin"},
                channel_data={str(channel_id("push")): {"tokens": [f"{each}-1", f"{each}-2"]}},
            )
        ),
    )
    for each in PEOPLE
]
RESPONSES = [
    Response(at=START, url=URLS[1], text='{"fetched": 1, "flag": false}', repeats=True),
    Response(at=START, url=URLS[2], status=500),
    Response(at=START, url=URLS[2], text='{"seen": "late"}', repeats=True),
    Response(at=START, url=URLS[3], error="no answer within 15 seconds", times_out=True, repeats=True),
]


@pytest.fixture
def frozen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with transaction() as tx:
        installation.set_sandbox_channels(tx, DEVELOPMENT)
        environments.set_variables(tx, DEVELOPMENT, VARIABLES)
    with standing_clock():
        yield engine


def environment(library: Mapping[str, Any]) -> Environment:
    channels = {key: ChannelView(str(channel_id(key)), key, kind, "sandbox") for key, kind in TYPES.items()}
    made = Environment(channels, settings=SimulatedSettings(variables=VARIABLES))
    for key, document in library.items():
        made.publish(key, document)
    return made


def engine_trace(engine: Engine, library: Mapping[str, Any], stream: list[Happening]) -> list[str]:
    with transaction() as tx:
        for table in EMPTIED:
            tx.run(text(f"delete from {table}"))
    client().flushdb()
    traveller = TimeTraveller(engine, START, Replies(RESPONSES))
    with resources.configuration() as tx:
        for key, document in library.items():
            resources.publish_workflow(tx, DEVELOPMENT, key, document)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(calls, "perform", traveller.answer)
        for each in stream:
            traveller.happen(each)
        traveller.pass_time(END)
    return lines(trace_of_engine(engine))


def simulated_trace(library: Mapping[str, Any], stream: list[Happening]) -> list[str]:
    world = simulate(environment(library), stream, start=START, until=END, responses=RESPONSES)
    return lines(trace_of_world(world))


def lines(trace: Iterable[Entry]) -> list[str]:
    return [json.dumps(entry.as_json(), ensure_ascii=False) for entry in trace]


def agree(simulated: list[str], expected: list[str]) -> None:
    """Fails with all that is different; an assertion would show the beginning."""
    if different := difference("\n".join(expected), simulated, "the engine"):
        pytest.fail(different)


@pytest.mark.timeout(0)
def test_the_simulator_decides_as_the_engine_does(frozen: Engine) -> None:
    @settings(max_examples=SIMULATIONS, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(library=libraries(), stream=streams())
    def same(library: dict[str, Any], stream: list[Happening]) -> None:
        everything = [*PEOPLE_KNOWN, *stream]
        agree(simulated_trace(library, everything), engine_trace(frozen, library, everything))

    same()


def at(minutes: float, what: What) -> Happening:
    return Happening(START + timedelta(minutes=minutes), what)


def triggered(number: int, *recipients: str, workflow: str = KEYS[0], **request: Any) -> Triggered:
    data = {"n": number, "flag": True, "zero": 1, **request.pop("data", {})}
    return Triggered(
        Request(id=UUID(int=number), workflow=workflow, recipients=recipients or ("ann",), data=data, **request)
    )


def collecting(**settings: Any) -> dict[str, Any]:
    batch = {"batch_window": {"unit": "minutes", "value": 5}, **settings}
    text = "{{ total_activities }}: {% for each in activities %}{{ each.n }};{% endfor %} {{ data | json }}"
    return {
        "name": "first",
        "steps": [
            {"ref": "batch_0", "type": "batch", "settings": batch},
            {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "minutes", "value": 5}}},
            {
                "ref": "sms_1",
                "type": "channel",
                "channel_type": "sms",
                "channel_key": "sms",
                "template": {"text_body": text},
            },
        ],
    }


SLIDING = {"batch_window_type": "sliding", "batch_window_extension_limit": {"unit": "minutes", "value": 8}}
KEYED = {"cancellation_key": "k1"}
CANCELLED = Cancelled(KEYS[0], "k1")
LATER = {**collecting(), "steps": collecting(workflow_version_mode="latest")["steps"][::2]}
SCENARIOS: dict[str, tuple[dict[str, Any], list[Happening]]] = {
    "a newer version takes over": (
        collecting(workflow_version_mode="latest"),
        [at(0, triggered(1)), at(1, Published(KEYS[0], LATER))],
    ),
    "a newer version is pinned": (
        collecting(workflow_version_mode="latest"),
        [at(0, triggered(1)), at(1, Published(KEYS[0], LATER)), at(2, Published(KEYS[0], collecting()))],
    ),
    "a newer version has no such step": (
        collecting(workflow_version_mode="latest"),
        [at(0, triggered(1)), at(1, Published(KEYS[0], {**collecting(), "steps": collecting()["steps"][1:]}))],
    ),
    "the carrier's activity is cancelled, then its run": (
        collecting(),
        [
            *(at(0, triggered(1, **KEYED)), at(1, triggered(2)), at(2, CANCELLED)),
            *(at(3, triggered(3)), at(7, CANCELLED)),
        ],
    ),
    "every activity is cancelled": (
        collecting(),
        [at(0, triggered(1, **KEYED)), at(1, triggered(2, **KEYED)), at(2, CANCELLED), at(20, triggered(3))],
    ),
    "an activity in a batch is not the carrier's": (
        collecting(),
        [at(0, triggered(1)), at(1, triggered(2, **KEYED)), at(2, CANCELLED), at(7, CANCELLED)],
    ),
    "a sliding window reaches its limit": (
        collecting(**SLIDING),
        [at(minutes, triggered(int(minutes) + 1)) for minutes in (0, 3, 6, 8, 9)],
    ),
    "a sliding window is shortened by what a later trigger brings": (
        collecting(**SLIDING, batch_until_field_path="data.until", batch_window={"unit": "seconds", "value": 30}),
        [
            at(minutes, triggered(number, data={"until": (START + timedelta(minutes=until)).isoformat()}))
            for number, (minutes, until) in enumerate(((0, 7), (1, 3), (2, 5), (8, 9)), 1)
        ],
    ),
    "a full window that a leader opened": (
        collecting(batch_execution_mode="flush_leading", batch_items_max_limit=2),
        [at(minutes, triggered(minutes + 1)) for minutes in range(5)],
    ),
    "a leader nobody follows": (
        collecting(batch_execution_mode="flush_leading"),
        [at(0, triggered(1)), at(5, triggered(2)), at(12, triggered(3)), at(13, triggered(4))],
    ),
    "the newest activities are shown": (
        collecting(batch_items_render_limit=2, batch_order="desc"),
        [at(minutes, triggered(minutes + 1, actor="bob")) for minutes in range(4)],
    ),
    "a carrier who is deleted": (
        collecting(),
        [at(0, triggered(1, "ann", "bob")), at(1, Deleted(Reference(USERS, "ann"))), at(2, triggered(2, "ann", "bob"))],
    ),
    "an inactive workflow's batch": (
        collecting(),
        [at(0, triggered(1)), at(1, Activated(KEYS[0], False)), at(2, triggered(2)), at(6, Activated(KEYS[0], True))],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_they_agree_on_what_rarely_happens(frozen: Engine, name: str) -> None:
    document, stream = SCENARIOS[name]
    everything = [*PEOPLE_KNOWN, *stream]
    expected = engine_trace(frozen, {KEYS[0]: document}, everything)
    agree(simulated_trace({KEYS[0]: document}, everything), expected)
    assert len(expected) >= 5
