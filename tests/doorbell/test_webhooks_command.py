"""`doorbell webhooks`, on the stores of the tests."""

from __future__ import annotations

from click.testing import CliRunner, Result

from doorbell.cli import main
from tests.engine import Engine, email_step
from tests.notify_workers.http_server import HttpServer, answer


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ("webhooks", *arguments))


def test_a_webhook_from_its_making_to_its_end(engine: Engine) -> None:
    with HttpServer() as server:
        made = run("add", server.url(), "--event", "message.sent", "--description", "for the CRM").output.split()
        webhook, secret = made
        assert secret.startswith("whsec_")
        listed = run("list").output
        assert listed == f"{webhook}  enabled  {server.url()}  message.sent  for the CRM\n"
        server.will_say(*[answer(400, b"go away")] * 8)
        engine.publish("welcome", [email_step()])
        engine.trigger("welcome", [{"id": "jane", "email": "jane@example.com"}])
        engine.drain()
        for _ in range(10):
            engine.advance(hours=4)
        shown = run("deliveries", webhook, "--status", "failed", "--attempts").output.splitlines()
        delivery = shown[0].split()[0]
        assert "failed    message.sent  8 attempts" in shown[0]
        assert "attempt 1: the endpoint answered 400" in shown[1]
        assert shown[2].strip() == "go away"
        assert run("replay", webhook, "--failed-since", "2020-01-01").output == "1 events are owed again.\n"
        engine.tick()
        assert len(server.heard) == 9
        assert run("replay", delivery).output == "The event is owed again.\n"
        engine.tick()
        assert len(server.heard) == 10
    assert run("set", webhook, "--disable", "--event", "message.seen").exit_code == 0
    assert f"{webhook}  disabled" in run("list").output
    assert run("remove", webhook).exit_code == 0
    assert run("list").output == ""


def test_what_is_wrong_is_one_clear_sentence(engine: Engine) -> None:
    refused = run("add", "ftp://x.test", "--event", "message.created")
    assert refused.exit_code == 1
    assert "url must be an address that begins with https:// or http://" in refused.output
    assert "message.created is not" in refused.output
    assert (
        "there is no environment `moon`" in run("add", "https://x.test", "--event", "message.sent", "-e", "moon").output
    )
    nobody = "00000000-0000-0000-0000-000000000007"
    assert f"There is no webhook `{nobody}`" in run("remove", nobody).output
    assert f"There is no delivery `{nobody}`" in run("replay", nobody).output
