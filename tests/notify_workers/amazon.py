"""Amazon, played: moto over HTTP for what it makes of a request, a script for what moto never answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from notify_workers import exchanges
from notify_workers.providers import AwsReply, AwsRequest, Envelope, Provider, SendOutcome, load_provider
from tests.notify_workers.http_server import answer
from workflows.content import Content

ID = "3MQs49RN5zB4aVoOsSpLViWRwmW"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
"""The one that moto plays for every key."""

KEY = {"region": REGION, "access_key_id": "AKIAEXAMPLE", "secret_access_key": "hunter2"}


def load(name: str, **settings: Any) -> Provider:
    return load_provider(name, {**KEY, **settings})


def wanted(provider: Provider, content: Content) -> AwsRequest:
    """The first request."""
    request = next(provider.send(content, Envelope(ID, ID)))
    assert isinstance(request, AwsRequest)
    return request


def outcome(provider: Provider, content: Content, reply: AwsReply) -> SendOutcome:
    sending = provider.send(content, Envelope(ID, ID))
    next(sending)
    try:
        sending.send(reply)
    except StopIteration as end:
        found: SendOutcome = end.value
        return found
    raise AssertionError("asks for more")


def sent(provider: Provider, content: Content) -> tuple[SendOutcome, list[dict[str, Any]]]:
    """What becomes of it on the wire, with the exchanges that the delivery log shows."""
    return exchanges.send(provider, content.as_json(), ID)


def stored(service: str) -> Any:
    """What moto has of a service, in the account and region of these tests."""
    models = sys.modules[f"moto.{service}.models"]
    return getattr(models, f"{service}_backends")[ACCOUNT][REGION]


def json_error(status: int, code: str, message: str, **headers: str) -> bytes:
    """As services that speak JSON answer it, SES among them."""
    body = json.dumps({"message": message}).encode()
    return answer(status, body, x_amzn_errortype=code, content_type="application/json", **headers)


def xml_error(status: int, code: str, message: str) -> bytes:
    """As services of the query protocol answer it, SNS and STS among them."""
    said = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f"<ErrorResponse>{said}<RequestId>r-1</RequestId></ErrorResponse>"
    return answer(status, body.encode(), content_type="text/xml")


def xml_result(operation: str, fields: Mapping[str, str]) -> bytes:
    said = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    about = "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>"
    body = f"<{operation}Response><{operation}Result>{said}</{operation}Result>{about}</{operation}Response>"
    return answer(200, body.encode(), content_type="text/xml")
