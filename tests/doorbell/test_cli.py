"""The command line: help everywhere, one clear sentence for what is wrong, commands that change configuration."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from doorbell.cli import main, parse_duration
from notify_workers import settings
from notify_workers.store import environments, resources
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer


def run(*arguments: str) -> Result:
    """The command in this process, on the stores of the tests. What it did not handle is raised."""
    result = CliRunner().invoke(main, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def terminal(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, with these settings only."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOORBELL_")}
    return subprocess.run(
        [sys.executable, "-m", "doorbell", *arguments],
        env={**inherited, "DOORBELL_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def write_workflow(root: Path, key: str, document: dict[str, Any]) -> None:
    folder = root / "workflows" / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workflow.json").write_text(json.dumps(document))


# Help


@pytest.mark.parametrize("path", sorted(commands(main)), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert re.search(r"Usage: main .*\n\n  [A-Z].*\.", result.output)


def test_the_commands_of_the_documentation_exist() -> None:
    assert set(main.commands) >= {
        "dev",
        "serve",
        "worker",
        "timers",
        "migrate",
        "keys",
        "push",
        "pull",
        "why",
        "clock",
        "flower",
    }


# Settings


def test_everything_wrong_with_the_settings_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = terminal(*("keys", "list"), home=tmp_path, DOORBELL_PORT="http", DOORBELL_WORKERS="0", DOORBELL_COLOUR="red")
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("Error: Settings: ")
    for part in ("DOORBELL_PORT: ", "DOORBELL_WORKERS: expected a whole number", "DOORBELL_COLOUR is not a setting"):
        assert part in sentence


@pytest.mark.parametrize("command", ["serve", "worker", "timers"])
def test_no_process_starts_without_its_stores(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_chosen", settings.Settings(home=tmp_path))
    result = run(command)
    assert result.exit_code == 1
    (sentence,) = result.output.splitlines()
    assert "DOORBELL_DATABASE_URL is not set" in sentence
    assert "DOORBELL_REDIS_URL is not set" in sentence


# Keys


def test_a_key_that_was_made_is_listed_until_it_is_revoked(engine: Engine) -> None:
    key = run("keys", "create", "--name", "billing").output.strip()
    assert key.startswith("sk_test_")
    (line,) = [line for line in run("keys", "list").output.splitlines() if line.endswith("  billing")]
    identifier, kind, environment, hint, *_ = line.split()
    assert (kind, environment) == ("secret", "development")
    assert hint.startswith(key[:8])
    assert key not in line
    assert run("keys", "revoke", identifier).exit_code == 0
    assert "billing" not in run("keys", "list").output
    assert f"there is no key {identifier}" in run("keys", "revoke", identifier).output


def test_keys_name_their_kind_and_environment(engine: Engine) -> None:
    made = run("keys", "create", "--environment", "production", "--kind", "public", "--name", "web").output.strip()
    assert made.startswith("pk_")
    assert not made.startswith("pk_test_")
    with transaction() as tx:
        (key,) = [key for key in environments.api_keys(tx) if key.name == "web"]
    assert (key.kind, key.digest, key.loopback_only) == ("public", environments.digest(made), False)


def test_a_key_for_an_unknown_environment_is_refused(engine: Engine) -> None:
    result = run("keys", "create", "-e", "staging")
    assert result.exit_code == 1
    assert result.output == "Error: there is no environment `staging`; known are development, production\n"


# Publishing


def test_a_pushed_workflow_runs_and_pushing_it_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    write_workflow(tmp_path, "welcome", {"name": "Welcome", "steps": [email_step()]})
    assert run("push", str(tmp_path)).output == "Published: welcome\n"
    assert run("push", str(tmp_path)).output == "Nothing has changed.\n"
    engine.trigger("welcome", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert engine.statuses() == {"completed": 1}


def test_a_workflow_is_published_to_the_environment_that_is_named(engine: Engine, tmp_path: Path) -> None:
    write_workflow(tmp_path, "welcome", {"name": "Welcome", "steps": []})
    run("push", str(tmp_path), "-e", "production")
    with transaction() as tx:
        assert resources.get_resource(tx, DEVELOPMENT, resources.WORKFLOW, "welcome") is None


def test_every_problem_of_a_workflow_is_printed_with_its_path_and_nothing_is_published(
    engine: Engine, tmp_path: Path
) -> None:
    write_workflow(tmp_path, "fine", {"name": "Fine", "steps": [email_step()]})
    wrong = [email_step(subject="{{ nobody"), delay_step(unit="fortnights"), {"ref": "sms_1", "type": "carrier_pigeon"}]
    write_workflow(tmp_path, "wrong", {"steps": wrong})
    result = run("push", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith("Error: workflow `wrong` has 4 problems:\n")
    for path in ("name: ", "steps[0].template.subject: ", "steps[1].settings.delay_for.unit: ", "steps[2].type: "):
        assert f"\n  {path}" in result.output
    assert engine.count("resources") == 0


def test_a_file_that_is_not_there_is_named(engine: Engine, tmp_path: Path) -> None:
    step = email_step()
    step["template"] = {"subject": "Hi", "html_body@": "email_1/body.html", "settings": {}}
    write_workflow(tmp_path, "welcome", {"name": "Welcome", "steps": [step]})
    result = run("push", str(tmp_path))
    assert result.exit_code == 1
    assert "email_1/body.html" in result.output
    assert "html_body@" in result.output


def test_a_folder_without_resources_is_refused(engine: Engine, tmp_path: Path) -> None:
    result = run("push", str(tmp_path))
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {tmp_path} has no resources: none of workflows/*/workflow.json, layouts/*/layout.json, "
        "partials/*/partial.json, translations/*/*, guides/*/guide.json\n"
    )


def test_what_was_pushed_is_pulled_and_pulling_it_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    write_workflow(tmp_path / "there", "welcome", {"name": "Welcome", "steps": [email_step()]})
    run("push", str(tmp_path / "there"))
    assert run("pull", str(tmp_path / "new")).output == "workflows/welcome/workflow.json\n"
    pushed, pulled = (tmp_path / folder / "workflows/welcome/workflow.json" for folder in ("there", "new"))
    assert pulled.read_bytes() == pushed.read_bytes()
    assert run("pull", str(tmp_path / "new")).output == "Nothing has changed.\n"
    assert run("pull", str(tmp_path / "other"), "-e", "nowhere").exit_code == 1


# The clock


def test_a_channel_is_configured_from_text_and_listed_without_its_settings(engine: Engine) -> None:
    arguments = [
        "-s",
        "host=mail.example.com",
        "-s",
        "port=2525",
        "-s",
        "password=s3cret",
        "-s",
        "from_address=a@example.com",
    ]
    assert run("channels", "set", "second", "--provider", "smtp", *arguments).exit_code == 0
    (channel,) = engine.rows("select type, provider, settings from channels where key = 'second'")
    assert (channel.type, channel.provider, channel.settings["port"]) == ("email", "smtp", 2525)
    listed = run("channels", "list").stdout
    assert "second" in listed
    assert "s3cret" not in listed


def test_where_a_channels_vendors_tell_is_printed(engine: Engine) -> None:
    arguments = ["-s", "api_key=re_x", "-s", "from_address=a@example.com"]
    assert run("channels", "set", "second", "--provider", "resend", *arguments).exit_code == 0
    (line,) = run("channels", "events", "second").stdout.splitlines()
    name, address = line.split()
    assert name == "resend"
    assert address.startswith("http://127.0.0.1:4000/v1/providers/")
    assert run("channels", "events", "email").stdout == ""
    assert run("channels", "events", "unknown").exit_code != 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--provider", "pigeon"], "there is no provider `pigeon`; known are apns, "),
        (["--provider", "smtp", "-s", "from_address=a@x.test"], "`host` is missing"),
        (["--provider", "smtp", "-s", "host=x", "-s", "from_address=a@x.test", "-s", "port=much"], "`port`: "),
        (["--provider", "smtp", "-s", "host"], "'host' is not NAME=VALUE"),
    ],
)
def test_a_channel_that_could_not_deliver_is_refused(engine: Engine, arguments: list[str], said: str) -> None:
    refused = run("channels", "set", "third", *arguments)
    assert refused.exit_code != 0
    assert said in refused.output
    assert engine.rows("select from channels where key = 'third'") == []


def test_an_environment_is_configured_from_files_and_the_next_step_uses_it(
    engine: Engine, mail: MailServer, tmp_path: Path
) -> None:
    variables, preferences = tmp_path / "vars.json", tmp_path / "preferences.json"
    variables.write_text('{"site": "doorbell.test"}')
    preferences.write_text('{"categories": {"news": false}}')
    engine.publish("receipt", [email_step(subject="From {{ vars.site }}")])
    engine.publish("news", [email_step(subject="News")], categories=["news"])
    assert run("configure", "--variables", str(variables), "--preferences", str(preferences)).exit_code == 0
    for workflow in ("receipt", "news"):
        engine.trigger(workflow, [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert mail.subjects() == ["From doorbell.test"]


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--variables", "[]", "holds no JSON object"),
        ("--variables", "{", "is no JSON: "),
        ("--preferences", '{"channel_types": {"email": "never"}}', "channel_types.email: found 'never'"),
    ],
)
def test_a_configuration_that_is_wrong_changes_nothing(
    engine: Engine, tmp_path: Path, option: str, content: str, said: str
) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    refused = run("configure", option, str(file))
    assert (refused.exit_code, said in refused.output) == (1, True), refused.output
    environment = engine.one("select variables, default_preferences from environments where slug = 'development'")
    assert tuple(environment) == ({}, {})


def test_the_preference_centre_is_configured_from_a_file(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "centre.json"
    file.write_text('{"rows": [{"type": "fax", "name": "x"}]}')
    assert "rows[0].type: found 'fax'" in run("configure", "--preference-center", str(file)).output
    file.write_text('{"title": "Ours", "rows": []}')
    assert run("configure", "--preference-center", str(file)).exit_code == 0
    (row,) = engine.rows("select content from resource_versions where kind = 'preference_center'")
    assert row.content["title"] == "Ours"


def test_a_channel_group_sends_through_the_first_channel_that_applies(
    engine: Engine, mail: MailServer, tmp_path: Path
) -> None:
    second = ["-s", "host=127.0.0.1", "-s", f"port={mail.port}", "-s", "security=none", "-s", "from_address=b@x.test"]
    assert run("channels", "set", "second", "--provider", "smtp", *second).exit_code == 0
    rule = {"rule_type": "if", "variable": "recipient.plan", "operator": "equal_to", "argument": "pro"}
    rules = [{"channel_key": "second", **rule}, {"channel_key": "email", "rule_type": "always"}]
    file = tmp_path / "group.json"
    file.write_text(json.dumps({"name": "Mail", "channel_type": "email", "operator": "any", "channel_rules": rules}))
    assert run("channels", "group", "mail", str(file)).exit_code == 0
    step = {**email_step(), "channel_group_key": "mail"}
    del step["channel_key"]
    engine.publish("hello", [step])
    for plan in ("pro", "free"):
        engine.trigger("hello", [{"id": plan, "email": f"{plan}@example.com", "plan": plan}])
        engine.drain()
    assert [str(each["From"]) for each in mail.messages] == ["b@x.test", "Doorbell <hello@doorbell.test>"]
    file.write_text(json.dumps({"name": "Mail", "channel_type": "pigeon", "channel_rules": []}))
    refused = run("channels", "group", "mail", str(file))
    assert (refused.exit_code, "channel_type: found 'pigeon'" in refused.output) == (1, True)


def test_durations_are_read_as_people_write_them() -> None:
    assert [parse_duration(text) for text in ("30s", "90m", "3d", "1d12h", "2w")] == [
        30,
        5400,
        259_200,
        129_600,
        1_209_600,
    ]


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "3 days", "1.5h", "3y"])
def test_anything_else_is_no_duration(text: str) -> None:
    result = run("clock", "advance", "--", text)
    assert result.exit_code == 2
    assert f"{text!r} is not a duration such as 3d, 12h, 90m or 1d12h" in result.output


def test_a_clock_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    done = terminal("clock", "advance", "3d", home=tmp_path, DOORBELL_PORT="1")
    assert done.returncode == 1
    assert done.stderr == ("Error: no development stack answers at http://127.0.0.1:1; start one with `doorbell dev`\n")


# Health and migration


def test_health_tells_of_both_stores(engine: Engine) -> None:
    result = run("health")
    assert (result.exit_code, json.loads(result.output)) == (0, {"status": "ok", "postgresql": "ok", "redis": "ok"})


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    run("migrate")
    assert run("migrate").output == "The database is up to date.\n"
