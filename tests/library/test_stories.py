"""Every workflow of the library: its golden simulation, and the same events through the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from doorbell import simulation
from doorbell.cli import main
from doorbell.simulation import Asked
from notify_workers import calls, unsubscribes
from notify_workers.installation import LIBRARY
from notify_workers.resources import push_library
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.time_traveller import TimeTraveller, standing_clock, trace_of_engine
from workflows.files import read_library
from workflows.simulate.environment import Settings
from workflows.simulate.events import read_events
from workflows.simulate.replies import Replies
from workflows.simulate.trace import Entry, difference, trace_of_world

PUBLIC_URL = Settings().public_url
"""A link to unsubscribe is signed by the engine, which the simulation cannot do."""

HERE = Path(__file__).parent
KEYS = sorted(read_library(LIBRARY).workflows)


@pytest.mark.parametrize("key", KEYS)
def test_the_simulation_is_the_golden_one(key: str) -> None:
    """After a change that is meant: `doorbell simulate <key> --events … --golden … --update`."""
    events, golden = HERE / f"{key}.ndjson", HERE / f"{key}.golden"
    done = CliRunner().invoke(main, ["simulate", key, "--events", str(events), "--golden", str(golden)])
    assert (done.exit_code, done.output) == (0, f"The simulation is the same as {golden}.\n")


@pytest.mark.parametrize("key", KEYS)
def test_every_story_sends_something(key: str) -> None:
    golden = [json.loads(line) for line in (HERE / f"{key}.golden").read_text().splitlines()]
    assert any(line["event"] in ("message.sent", "message.delivered") for line in golden), {
        line["event"] for line in golden
    }


@pytest.fixture
def frozen(engine: Engine) -> Iterator[Engine]:
    push_library(LIBRARY, DEVELOPMENT)
    with standing_clock():
        yield engine


@pytest.mark.parametrize("key", KEYS)
def test_the_engine_does_what_the_simulation_says(key: str, frozen: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (HERE / f"{key}.ndjson").read_text()
    simulated = simulation.run(Asked(what=key, events=text))
    stream = read_events(text, simulated.start, workflow=key)
    traveller = TimeTraveller(frozen, simulated.start, Replies(stream.responses))
    monkeypatch.setattr(calls, "perform", traveller.answer)
    monkeypatch.setattr(unsubscribes, "link", lambda _, __, recipient: f"{PUBLIC_URL}/unsubscribe/{recipient}")
    for each in stream.happenings:
        traveller.happen(each)
    traveller.pass_time(simulated.until)
    expected = "\n".join(lines(trace_of_engine(frozen)))
    if different := difference(expected, lines(trace_of_world(simulated.world)), "the engine"):
        pytest.fail(different)


def lines(trace: Iterable[Entry]) -> list[str]:
    return [json.dumps(entry.as_json(), ensure_ascii=False) for entry in trace]
