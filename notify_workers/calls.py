"""The effects that ask another machine. Never called inside of a transaction."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from notify_workers import http_client
from notify_workers.settings import settings
from workflows.effects import AskModel, HttpCall, HttpReply, ModelReply

NO_ENDPOINT = "no model endpoint is configured: set DOORBELL_AI_URL to an OpenAI-compatible one"

_VENDOR = re.compile(r"^(?:anthropic|google|openai):")
"""What Knock writes before a model's name. Any other colon is part of the name (`llama3:8b`)."""


def perform(call: HttpCall | AskModel) -> HttpReply | ModelReply:
    """What the machine answers, or in words why it does not; never raises for what the other side does."""
    return http_client.call(call) if isinstance(call, HttpCall) else _ask(call)


def _ask(asked: AskModel) -> ModelReply:
    """One chat completion of an OpenAI-compatible endpoint."""
    configured = settings()
    if configured.ai_url is None:
        return ModelReply(error=NO_ENDPOINT, is_final=True)
    headers = {"content-type": "application/json", "accept": "application/json"}
    if configured.ai_key:
        headers["authorization"] = f"Bearer {configured.ai_key}"
    reply = http_client.call(
        HttpCall(
            "POST",
            f"{configured.ai_url}/chat/completions",
            headers,
            body=json.dumps(_request(asked)),
            timeout=configured.ai_timeout,
            is_guarded=False,
        )
    )
    if reply.status != 200:
        final = 400 <= reply.status < 500 and reply.status not in (408, 429)
        return ModelReply(error=reply.error or f"the model endpoint answered {reply.status}", is_final=final)
    return _read(reply.text)


def _request(asked: AskModel) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": _VENDOR.sub("", asked.model),
        "messages": [{"role": "user", "content": asked.prompt}],
    }
    if asked.response_schema is not None:
        schema = {"name": "answer", "schema": dict(asked.response_schema)}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    if asked.searches_web:
        request["web_search_options"] = {}
    return request


def _read(text: str) -> ModelReply:
    try:
        message: Mapping[str, Any] = json.loads(text)["choices"][0]["message"]
        refusal, content = message.get("refusal"), message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ModelReply(error="the model endpoint's answer is no chat completion")
    if refusal:
        return ModelReply(error="the model refused to answer", is_final=True)
    return ModelReply(text=content) if isinstance(content, str) and content else ModelReply(error="an empty answer")
