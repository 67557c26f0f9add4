"""Prompting a model that answers as OpenAI's do."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from notify_workers import calls, http_client
from tests.engine import Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.http_server import HttpServer, answer
from tests.notify_workers.language import data_of, details, function_step, logged, send

SCHEMA = json.dumps({"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]})
KEY = "sk-very-secret"


@pytest.fixture
def server(engine: Engine, change_settings: Any) -> Iterator[HttpServer]:
    with HttpServer() as running:
        change_settings(ai_url=running.url("/v1"), ai_key=KEY)
        yield running
        http_client.close()


def completion(text: str | None, **message: Any) -> bytes:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text, **message}}]}
    return answer(200, json.dumps(body).encode(), content_type="application/json")


def publish(engine: Engine, **settings: Any) -> None:
    step = function_step(
        "ai_agent",
        "agent",
        **{
            "model": "openai:gpt-x",
            "request_prompt": "Greet {{ recipient.name }}",
            "response_type": "text",
            **settings,
        },
    )
    engine.publish("ask", [step, email_step(subject="{{ data.agent.text }}{{ data.agent.mood }}")])


def retry(engine: Engine, *seconds: float) -> None:
    for each in seconds:
        engine.advance(seconds=each)
        engine.release()


def test_a_text_is_data_of_the_run(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(completion("Hello, Jane!"))
    publish(engine)
    send(engine, "ask", data={"n": 1})
    assert mail.subjects() == ["Hello, Jane!"]
    assert data_of(engine) == {"n": 1, "agent": {"text": "Hello, Jane!"}}


def test_the_request_is_a_chat_completion(engine: Engine, server: HttpServer) -> None:
    publish(engine, response_type="json", response_schema=SCHEMA, web_search_enabled=True)
    send(engine, "ask")
    heard = server.heard[0]
    assert heard.line == "POST /v1/chat/completions HTTP/1.1"
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(heard.body) == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "Greet Jane"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(SCHEMA)}},
        "web_search_options": {},
    }


def test_json_follows_its_schema(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(completion('{"mood": "awful"}'), completion('{"mood": "good"}'))
    publish(engine, response_type="json", response_schema=SCHEMA)
    send(engine, "ask")
    assert (mail.messages, engine.statuses()) == ([], {"paused": 1})
    retry(engine, 5)
    assert (mail.subjects(), data_of(engine)) == (["good"], {"agent": {"mood": "good"}})


@pytest.mark.parametrize(
    "bad",
    [answer(500), answer(429, b"{}"), answer(200, b"{}"), answer(200, b"<html>"), completion(None), completion("")],
)
def test_errors_are_asked_again_three_times(bad: bytes, engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(bad, bad, bad, completion("at last"))
    publish(engine)
    send(engine, "ask")
    retry(engine, 5, 10)
    assert (len(server.heard), mail.messages) == (3, [])
    retry(engine, 20)
    assert mail.subjects() == ["at last"]


def test_after_four_tries_the_run_ends(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(*[answer(500)] * 5)
    publish(engine)
    send(engine, "ask")
    retry(engine, 5, 10, 20, 40)
    assert (len(server.heard), engine.statuses(), mail.messages) == (4, {"completed": 1}, [])
    assert details(engine, "run_halted") == [{"reason": "the model endpoint answered 500"}]


@pytest.mark.parametrize("bad", [answer(400, b"{}"), answer(401), completion(None, refusal="I cannot")])
@pytest.mark.parametrize("halts", [True, False])
def test_a_refusal_is_final(bad: bytes, halts: bool, engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(bad)
    publish(engine, halt_on_error=halts)
    send(engine, "ask")
    assert (len(server.heard), engine.statuses()) == (1, {"completed": 1})
    assert mail.subjects() == ([] if halts else [""])


def test_without_an_endpoint_the_run_says_what_to_set(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    send(engine, "ask")
    assert mail.messages == []
    assert details(engine, "run_halted") == [{"reason": calls.NO_ENDPOINT}]


def test_the_key_is_seen_by_the_endpoint_alone(
    engine: Engine, server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.will_say(answer(500), answer(401, KEY.encode()))
    publish(engine)
    send(engine, "ask")
    retry(engine, 5)
    assert [heard.headers["authorization"] for heard in server.heard] == [f"Bearer {KEY}"] * 2
    assert KEY not in caplog.text
    assert KEY not in repr(logged(engine))


def test_a_cancellation_between_two_tries_stops_the_run(engine: Engine, server: HttpServer) -> None:
    server.will_say(answer(500))
    publish(engine)
    send(engine, "ask", cancellation_key="k")
    assert engine.cancel("ask", "k") == 1
    retry(engine, 5)
    assert (len(server.heard), engine.statuses()) == (1, {"cancelled": 1})
