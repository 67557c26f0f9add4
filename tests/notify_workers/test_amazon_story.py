"""From the trigger to Amazon, and what the message keeps of it."""

from __future__ import annotations

from typing import Any

from notify_workers import resources
from notify_workers.store.environments import set_channel
from tests.channels import REACHABLE, step
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.amazon import KEY, stored
from tests.notify_workers.http_server import HANG_UP, HttpServer


def notify(engine: Engine, endpoint_url: str, **template: Any) -> Any:
    """The message that the channel `sms` then has."""
    settings = {**KEY, "endpoint_url": endpoint_url}
    with resources.configuration() as tx:
        set_channel(tx, DEVELOPMENT, "sms", name="SMS", type="sms", provider="aws_sns", settings=settings)
    engine.publish("hello", [step("sms", **template)])
    engine.trigger("hello", [REACHABLE])
    engine.drain()
    return engine.one("select id, status, metadata from messages")


def test_a_message_keeps_amazons_name_for_it_and_its_segments(engine: Engine, moto: str) -> None:
    message = notify(engine, moto, text_body="{{ recipient.name }} – " + "a" * 70)
    assert message.status == "sent"
    assert message.metadata["segments"] == 2
    assert stored("sns").sms_messages[message.metadata["external_id"]] == ("+15550001", "Jane – " + "a" * 70)


def test_a_text_whose_fate_nobody_knows_is_not_sent_twice(engine: Engine, http_server: HttpServer) -> None:
    http_server.will_say(HANG_UP)
    message = notify(engine, http_server.url(""))
    engine.advance(hours=2)
    engine.drain()
    assert (message.status, len(http_server.heard)) == ("delivery_attempted", 1)
