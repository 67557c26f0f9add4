"""`doorbell why`: the timeline of a run."""

from __future__ import annotations

import re

import pytest

from doorbell.why import explain
from notify_workers.errors import NotFound
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer


@pytest.fixture
def invite(engine: Engine) -> Engine:
    engine.publish("account-invite", [email_step("email_1"), delay_step(), email_step("email_2")])
    engine.identify("jane", email="jane@example.com")
    engine.trigger("account-invite", ["jane"], cancellation_key="invite-1")
    engine.drain()
    return engine


def timeline(text: str) -> list[tuple[str, str]]:
    """Where something happened, and what."""
    found = re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  (\S+) +(.*)$", text, re.MULTILINE)
    return [(where, what) for where, what in found]


def run_id(engine: Engine) -> str:
    return str(engine.one("select id from recipient_runs").id)


def test_a_paused_run_tells_until_when_and_what_was_sent(invite: Engine) -> None:
    told = explain(run_id(invite))
    heading, trigger, key, paused = told.splitlines()[:4]
    assert heading == f"Run {run_id(invite)} of workflow account-invite for jane: paused"
    assert trigger.startswith("  trigger ")
    assert key == "  cancellation key invite-1"
    assert paused.startswith("  paused until ")
    happened = timeline(told)
    assert happened[0] == ("trigger", "triggered (api)")
    assert ("email_1", "attempt 1: sent (250 kept)") not in happened
    assert ("email_1", "attempt 1: sent (250 ok)") in happened
    assert ("email_1", "message.sent") in happened


def test_a_message_leads_to_its_run(invite: Engine) -> None:
    message = invite.one("select id from messages").id
    assert explain(message) == explain(run_id(invite))


def test_a_cancelled_run_names_the_key(invite: Engine) -> None:
    invite.cancel("account-invite", "invite-1")
    told = explain(run_id(invite))
    assert told.splitlines()[0].endswith(": cancelled")
    where, what = timeline(told)[-1]
    assert (where, what.split(" (")[0]) == ("run", "run_cancelled")
    assert "cancellation_key=invite-1" in what


def test_a_step_that_fails_shows_the_place_in_its_template(engine: Engine) -> None:
    engine.publish("broken", [email_step(subject="{{ data.total | divided_by: data.none }}")])
    engine.trigger("broken", [{"id": "jane", "email": "jane@example.com"}], data={"total": 1, "none": 0})
    engine.drain()
    for _ in range(2):
        engine.advance(minutes=1)
    failures = [what for where, what in timeline(explain(run_id(engine))) if what.startswith("step_failed")]
    assert len(failures) == 1
    assert "email_1/subject.txt, line 1, column" in failures[0]


def test_a_server_that_does_not_take_the_mail_is_quoted(engine: Engine, mail: MailServer) -> None:
    mail.answer_to_rcpt = lambda address: "550 5.1.1 nobody here"
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert any("attempt 1: bounced" in what and "nobody here" in what for _, what in timeline(explain(run_id(engine))))


def explained(engine: Engine, where: str) -> list[str]:
    return [what for place, what in timeline(explain(run_id(engine))) if place == where]


def test_a_condition_shows_the_value_it_saw(engine: Engine) -> None:
    conditions = {
        "all": [
            {"variable": "data.plan", "operator": "equal_to", "argument": "pro"},
            {"variable": "data.seats", "operator": "greater_than", "argument": "3"},
        ]
    }
    engine.publish("upsell", [{**email_step(), "conditions": conditions}])
    engine.trigger("upsell", [{"id": "jane", "email": "jane@example.com"}], data={"plan": "free"})
    engine.drain()
    assert explained(engine, "email_1")[1:5] == [
        "conditions of the step are not met",
        "data.plan equal_to pro: false, the value was 'free'",
        "data.seats greater_than 3: not evaluated",
        "step_skipped (reason=the step's conditions are not met)",
    ]


def test_a_preference_names_the_setting_and_the_layer_that_won(engine: Engine) -> None:
    engine.publish("news", [email_step()], categories=["news"])
    preferences = {"default": {"categories": {"news": False}}}
    engine.trigger("news", [{"id": "jane", "email": "jane@example.com", "preferences": preferences}])
    engine.drain()
    told = explained(engine, "email_1")
    assert any(line.startswith("preferences forbid it: ") for line in told)
    assert "setting categories.news, from the layer recipient" in told


def test_a_throttle_and_a_batch_show_their_windows(engine: Engine) -> None:
    minute = {"unit": "minutes", "value": 1}
    engine.publish(
        "busy",
        [
            {"ref": "throttle_1", "type": "throttle", "settings": {"throttle_window": minute}},
            {"ref": "batch_1", "type": "batch", "settings": {"batch_window": minute}},
            email_step(),
        ],
    )
    engine.trigger("busy", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    engine.advance(minutes=1)
    assert explained(engine, "throttle_1")[1].startswith("throttle: execution 1 of 1 allowed, in the window until ")
    batch = explained(engine, "batch_1")
    assert batch[1].startswith("opened batch window ")
    assert any(line.startswith("closed batch window ") and line.endswith(" with 1 activity") for line in batch)


@pytest.mark.parametrize("unknown", ["nothing", "3MQs85z05nww39cIFIKM90LX0Iu", "59744db1-98e5-5d69-8f4e-94f9aa3b0cc1"])
def test_an_unknown_id_is_said_to_be_unknown(unknown: str, engine: Engine) -> None:
    with pytest.raises(NotFound, match=f"no recipient run and no message `{unknown}`"):
        explain(unknown)
