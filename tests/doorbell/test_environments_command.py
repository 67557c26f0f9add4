"""`doorbell environments` and the sandbox of `doorbell channels`, on the stores of the tests."""

from __future__ import annotations

from click.testing import CliRunner, Result

from doorbell.cli import main
from notify_workers.store.environments import environments
from notify_workers.store.session import transaction
from tests.engine import Engine


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=answer)


def stored(slug: str) -> object:
    with transaction() as tx:
        return next(each.recipient_allow_list for each in environments(tx) if each.slug == slug)


def test_a_list_is_set_shown_and_taken_away(engine: Engine) -> None:
    assert run("environments", "allow", "-e", "development").output == "development sends to everybody.\n"
    made = run("environments", "allow", "-e", "development", "*@example.com", "user:jane")
    assert made.output.splitlines()[:3] == [
        "development sends to those who match one of these, and to nobody else:",
        "  *@example.com",
        "  user:jane",
    ]
    assert stored("development") == ["*@example.com", "user:jane"]
    assert run("environments", "allow", "-e", "development").output == made.output
    assert "sends to nobody" in run("environments", "allow", "-e", "development", "--nobody").output
    assert stored("development") == []
    assert "everybody" in run("environments", "allow", "-e", "development", "--everybody").output
    assert stored("development") is None


def test_an_environment_is_named_and_the_list_is_unambiguous(engine: Engine) -> None:
    assert "--environment" in run("environments", "allow", "user:jane").output
    assert run("environments", "allow", "-e", "nowhere", "user:jane").exit_code == 1
    assert run("environments", "allow", "-e", "development", "user:jane", "--nobody").exit_code == 2
    assert "`jane` is no pattern" in run("environments", "allow", "-e", "development", "jane").output
    assert stored("development") is None


def test_production_is_restricted_only_by_who_says_so_twice(engine: Engine) -> None:
    refused = run("environments", "allow", "-e", "production", "user:jane", answer="n\n")
    assert (refused.exit_code, stored("production")) == (1, None)
    assert "get nothing from production" in refused.output
    run("environments", "allow", "-e", "production", "user:jane", answer="y\n")
    assert stored("production") == ["user:jane"]
    run("environments", "allow", "-e", "production", "--everybody")
    run("environments", "allow", "-e", "production", "--nobody", "--yes")
    assert stored("production") == []


def test_a_channel_goes_into_the_sandbox_and_out_of_it(engine: Engine) -> None:
    into = run("channels", "set", "email", "--sandbox")
    assert into.output == "The channel email makes messages and sends none in development.\n"
    assert "email    smtp         Mail  (sandbox: sends nothing)" in run("channels", "list").output
    made = run("channels", "set", "texts", "--provider", "sandbox_sms", "--sandbox").output
    assert made.endswith("The channel texts makes messages and sends none in development.\n")
    assert run("channels", "set", "email", "--no-sandbox").output.endswith("sends its messages in development.\n")
    assert "email    smtp         Mail\n" in run("channels", "list").output


def test_a_channel_without_a_provider_is_told_what_is_missing(engine: Engine) -> None:
    assert "--provider" in run("channels", "set", "email").output
    assert "--provider" in run("channels", "set", "email", "--sandbox", "-s", "a=b").output
    assert "no channel `pigeon`" in run("channels", "set", "pigeon", "--sandbox").output
