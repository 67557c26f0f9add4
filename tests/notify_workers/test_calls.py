"""Asking models: what an endpoint's answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from notify_workers import calls, http_client
from notify_workers.settings import Settings
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer, silence
from workflows.effects import AskModel, HttpCall, HttpReply, ModelReply

ASKED = AskModel("openai:gpt-x", "Hello")


@pytest.fixture
def server(stores: Settings, change_settings: Any) -> Iterator[HttpServer]:
    with HttpServer() as running:
        change_settings(ai_url=running.url(""), ai_key=None, ai_timeout=0.3)
        yield running
        http_client.close()


def body(value: Any, status: int = 200) -> bytes:
    return answer(status, json.dumps(value).encode())


def message(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": fields}]}


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (body(message(content="Hi")), ModelReply("Hi")),
        (body(message(content="Hi", refusal=None)), ModelReply("Hi")),
        (body(message(content="")), ModelReply(error="an empty answer")),
        (body(message(content=[{"type": "text"}])), ModelReply(error="an empty answer")),
        (body(message(content=None, refusal="no")), ModelReply(error="the model refused to answer", is_final=True)),
        (body({"choices": []}), ModelReply(error="the model endpoint's answer is no chat completion")),
        (body([]), ModelReply(error="the model endpoint's answer is no chat completion")),
        (body({"choices": [{"message": "Hi"}]}), ModelReply(error="the model endpoint's answer is no chat completion")),
        (answer(200, b"Hi"), ModelReply(error="the model endpoint's answer is no chat completion")),
        (body({}, 500), ModelReply(error="the model endpoint answered 500")),
        (body({}, 429), ModelReply(error="the model endpoint answered 429")),
        (body({}, 408), ModelReply(error="the model endpoint answered 408")),
        (body({}, 404), ModelReply(error="the model endpoint answered 404", is_final=True)),
        (body({}, 301), ModelReply(error="the model endpoint answered 301")),
    ],
)
def test_what_an_endpoint_answers(said: bytes, reply: ModelReply, server: HttpServer) -> None:
    server.will_say(said)
    assert calls.perform(ASKED) == reply


def test_an_endpoint_that_is_silent_or_hangs_up_may_be_asked_again(server: HttpServer) -> None:
    for bad in (silence, HANG_UP):
        server.will_say(bad)
        reply = calls.perform(ASKED)
        assert isinstance(reply, ModelReply)
        assert reply.error
        assert not reply.is_final


def test_without_a_key_none_is_sent(server: HttpServer) -> None:
    calls.perform(ASKED)
    assert "authorization" not in server.heard[0].headers


@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-x", "gpt-x"), ("openai:gpt-x", "gpt-x"), ("anthropic:m:1", "m:1"), ("llama3:8b", "llama3:8b")],
)
def test_a_models_vendor_is_no_part_of_its_name(model: str, name: str, server: HttpServer) -> None:
    calls.perform(AskModel(model, "Hello"))
    assert json.loads(server.heard[0].body)["model"] == name


def test_no_endpoint_is_final(change_settings: Any) -> None:
    assert calls.perform(ASKED) == ModelReply(error=calls.NO_ENDPOINT, is_final=True)


def test_a_fetch_is_carried_out(server: HttpServer) -> None:
    server.will_say(body({"n": 1}, 201))
    reply = calls.perform(HttpCall("GET", server.url("/x")))
    assert isinstance(reply, HttpReply)
    assert replace(reply, seconds=0.0) == HttpReply(201, '{"n": 1}')
    assert 0 < reply.seconds < 15
