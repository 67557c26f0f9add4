"""`doorbell simulate`, from files to lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from doorbell.cli import main
from doorbell.simulation import CHANNELS, LIBRARY
from notify_workers.installation import SANDBOX_CHANNELS

EVENTS = (
    {"type": "trigger", "recipients": [{"id": "ann", "email": "ann@example.com"}, "bob"], "cancellation_key": "a"},
    {"type": "engagement", "at": "+1h", "recipient": "ann", "status": "read"},
    {"type": "cancel", "at": "+1d", "cancellation_key": "a", "recipients": ["ann"]},
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A tree with one workflow, `reminder`: SMS by a channel nobody has configured, a day, e-mail with a layout."""
    write(
        tmp_path / "layouts/plain/layout.json",
        {"name": "Plain", "html_layout": "<i>{{ content }}</i>", "text_layout": "{{ content }}"},
    )
    sms = {
        "ref": "sms_1",
        "type": "channel",
        "channel_key": "twilio",
        "channel_type": "sms",
        "template": {"text_body": "Soon"},
    }
    delay = {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "days", "value": 1}}}
    email = {
        "ref": "email_1",
        "type": "channel",
        "channel_key": "email",
        "channel_type": "email",
        "template": {"settings": {"layout_key": "plain"}, "subject": "{{ vars.site }}: now", "html_body": "<p>Now</p>"},
    }
    write(tmp_path / "workflows/reminder/workflow.json", {"name": "Reminder", "steps": [sms, delay, email]})
    return tmp_path


def write(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))


def simulate(*arguments: object, events: tuple[dict[str, Any], ...] | None = None) -> Result:
    given = [str(each) for each in arguments]
    text = None if events is None else "\n".join(map(json.dumps, events))
    return CliRunner().invoke(main, ["simulate", *given, *(["--events", "-"] if events else [])], input=text)


def test_a_workflow_of_the_library_shows_something_at_once() -> None:
    assert simulate("account-invite", "--data", '{"role": "admin"}', "--recipient", "zoe").output.splitlines() == [
        "account-invite, 30 days from Thu 2026-01-01 09:00:00 (UTC)",
        "",
        "Thu 2026-01-01 09:00:00  email  zoe  You have been invited  (email_1)",
        "Sun 2026-01-04 09:00:00  email  zoe  Reminder: your invitation is waiting  (email_2)",
        "",
        "2 messages (email 2) to 1 recipient.",
    ]


def test_a_directory_is_simulated_with_the_tree_around_it(library: Path) -> None:
    (library / "vars.json").write_text('{"site": "a.test"}')
    shown = simulate(
        library / "workflows/reminder", "--vars", library / "vars.json", "--content", "--until", "2d"
    ).output
    assert "twilio  jane  Soon  (sms_1)" in shown
    assert "email   jane  a.test: now  (email_1)" in shown
    assert "    To: jane@example.com\n    Subject: a.test: now\n" in shown


def test_everything_that_is_not_sent_has_a_reason(library: Path) -> None:
    result = simulate("reminder", "--library", library, "--until", "12h", events=EVENTS[:2])
    assert result.exit_code == 0
    assert result.output.splitlines()[2:] == [
        "Thu 2026-01-01 09:00:00  –  ann  skipped: recipient has no phone number  (sms_1)",
        "Thu 2026-01-01 09:00:00  –  bob  skipped: recipient has no phone number  (sms_1)",
        "Thu 2026-01-01 10:00:00  –       there is no message to ann yet that it could be about (any)  (line 2)",
        "",
        "Still to come on Thu 2026-01-01 21:00:00",
        "Fri 2026-01-02 09:00:00  –  ann  goes on at delay_1  (reminder)",
        "Fri 2026-01-02 09:00:00  –  bob  goes on at delay_1  (reminder)",
        "",
        "0 messages; 3 reasons why something was not sent; 2 still to come.",
    ]


def test_times_are_shown_in_the_accounts_zone() -> None:
    assert "Thu 2026-01-01 10:00:00  email" in simulate("account-invite", "--timezone", "Europe/Berlin").output


def test_json_is_one_object_on_a_line() -> None:
    found = [json.loads(line) for line in simulate("account-invite", "--json").output.splitlines()]
    assert [(each["event"], each["detail"]["title"]) for each in found if each["event"] == "message.sent"] == [
        ("message.sent", "You have been invited"),
        ("message.sent", "Reminder: your invitation is waiting"),
    ]


def test_a_simulation_is_compared_with_a_saved_one(library: Path) -> None:
    golden = library / "golden.jsonl"
    missing = simulate("reminder", "--library", library, "--golden", golden)
    assert (missing.exit_code, "`--update` writes it" in missing.output) == (1, True)
    assert simulate("reminder", "--library", library, "--golden", golden, "--update").exit_code == 0
    assert simulate("reminder", "--library", library, "--golden", golden).exit_code == 0
    file = library / "workflows/reminder/workflow.json"
    file.write_text(file.read_text().replace("Soon", "Very soon"))
    changed = simulate("reminder", "--library", library, "--golden", golden)
    assert changed.exit_code == 1
    assert [line[0] for line in changed.output.splitlines() if "Soon" in line or "Very soon" in line] == ["-", "+"]


def test_problems_of_events_are_shown_with_their_lines() -> None:
    result = simulate("account-invite", events=({"type": "trigger"},))
    assert result.exit_code == 1
    assert "line 1, recipients: found nothing, expected a list of recipients" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such-workflow",), "is neither a directory with a workflow.json nor a workflow of"),
        (("account-invite", "--until", "never"), "`never` is no end; expected a duration such as 14d"),
        (("account-invite", "--from", "soon"), "`soon` is no time to start at"),
        (("account-invite", "--timezone", "Mars"), "`Mars` is no time zone"),
        (("account-invite", "--data", "[1]"), "--data has 1 problem"),
        (("account-invite", "--update"), "--update needs --golden"),
    ],
)
def test_what_cannot_be_simulated_is_explained(arguments: tuple[str, ...], said: str) -> None:
    result = simulate(*arguments)
    assert result.exit_code == 1
    assert said in result.output


def test_the_channels_are_those_of_the_development_stack() -> None:
    assert {key: kind for key, _, kind, _ in SANDBOX_CHANNELS} | {"email": "email"} == CHANNELS


def test_the_library_is_doorbells_own() -> None:
    assert (LIBRARY / "workflows/account-invite/workflow.json").is_file()
