"""Driving a provider: carries out what it asks for, and writes down each exchange without secrets and without bodies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import to_json

from notify_workers import access_tokens, http2_client, http_client, smtp
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.providers import (
    AppriseNotification,
    AppriseReply,
    AwsReply,
    AwsRequest,
    Connection,
    Envelope,
    Exchange,
    HttpReply,
    HttpRequest,
    OutboxEntry,
    Provider,
    Refused,
    Reply,
    SendOutcome,
    SmtpReply,
    SmtpSubmission,
    TokenReply,
    TokenRequest,
    Unknown,
)
from notify_workers.settings import settings
from notify_workers.smtp import ResultLost
from notify_workers.store import outbox
from notify_workers.store.session import statement
from workflows.content import content_from_json

log = logging.getLogger(__name__)

SHOWN_HEADERS = frozenset({"accept", "content-type", "idempotency-key", "retry-after", "user-agent"})
"""Headers whose values cannot be secrets; of the others only the name is shown."""

HIDDEN = "•••"


Logged = dict[str, Any]


UNCONNECTED = Connection()


def send(
    provider: Provider, content: Mapping[str, Any], message_id: str, connection: Connection | None = UNCONNECTED
) -> tuple[SendOutcome, list[Logged]]:
    """One attempt. Its exchanges, as the delivery log shows them, come back with the outcome.

    Raises `StoreUnavailable`, with which nothing is known; everything else that goes wrong is an outcome.
    """
    exchanges: list[Logged] = []
    try:
        sending = provider.send(content_from_json(content), Envelope(message_id, message_id, connection))
        wanted = next(sending)
        while True:
            reply, lost = _carry_out(wanted, message_id)
            if logged := _logged(wanted, reply, _secrets(provider, connection)):
                exchanges.append(logged)
            if lost:
                return Unknown(lost), exchanges
            wanted = sending.send(reply)
    except StopIteration as end:
        outcome: SendOutcome = end.value
        return outcome, exchanges
    except StoreUnavailable:
        raise
    except Exception as error:
        log.error("message %s could not be composed for %s: %s", message_id, provider.name, kind_and_place(error))
        return Refused(f"{type(error).__name__} while composing the message"), exchanges


def _carry_out(wanted: Exchange, message_id: str) -> tuple[Reply, str]:
    """The reply; or why nobody knows whether the message was accepted, with what is known of the reply."""
    match wanted:
        case SmtpSubmission():
            try:
                return smtp.submit(wanted), ""
            except ResultLost as error:
                return SmtpReply(0, str(error), "END", {}), str(error)
        case HttpRequest():
            answer = _ask(wanted)
            lost = answer.status == 0 and answer.failure in ("timeout", "lost") and wanted.carries_message
            return answer, answer.error if lost else ""
        case AwsRequest():
            from notify_workers import aws  # only those who send with it wait until Amazon's library is loaded

            said = aws.perform(replace(wanted, timeout=_within_lease(wanted.timeout)))
            return said, said.error if said.failure in ("timeout", "lost") else ""
        case OutboxEntry(channel_type, payload):
            with statement() as tx:
                outbox.put(tx, message_id, channel_type, payload)
            return None, ""
        case TokenRequest():
            return access_tokens.find(wanted, _ask), ""
        case AppriseNotification():
            from notify_workers import apprise_client  # it knows more than a hundred services, and few channels use it

            return apprise_client.notify(replace(wanted, timeout=_within_lease(wanted.timeout))), ""
        case _:
            assert_never(wanted)


def _ask(wanted: HttpRequest) -> HttpReply:
    within_lease = replace(wanted, timeout=_within_lease(wanted.timeout))
    return http2_client.perform(within_lease) if wanted.http_version == "2" else http_client.perform(within_lease)


def _within_lease(seconds: float) -> float:
    return min(seconds, 0.9 * settings().delivery_lease)


def _secrets(provider: Provider, connection: Connection | None) -> list[str]:
    """Texts that a path may have in it. Of a webhook's address it is all of its path."""
    values = [getattr(provider, name) for name in provider.secrets]
    if connection is not None:
        values += [connection.access_token, connection.url.partition("://")[2].partition("/")[2].partition("?")[0]]
    return [value for value in values if isinstance(value, str) and value]


def _logged(wanted: Exchange, reply: Reply, secrets: list[str]) -> Logged | None:
    """None of an exchange for which nobody was asked."""
    match wanted:
        case SmtpSubmission():
            assert isinstance(reply, SmtpReply)
            return _smtp(wanted, reply)
        case HttpRequest():
            assert isinstance(reply, HttpReply)
            return _http(wanted, reply, secrets)
        case AwsRequest():
            assert isinstance(reply, AwsReply)
            return _aws(wanted, reply)
        case OutboxEntry():
            return _outbox(wanted)
        case TokenRequest(request=request):
            assert isinstance(reply, TokenReply)
            return None if reply.is_kept else _http(request, reply.answer, secrets)
        case AppriseNotification():
            assert isinstance(reply, AppriseReply)
            return _apprise(wanted, reply)
        case _:
            assert_never(wanted)


def _smtp(wanted: SmtpSubmission, reply: SmtpReply) -> Logged:
    return {
        "request": {
            "method": "POST",
            "host": f"{wanted.host}:{wanted.port}",
            "path": "/",
            "query": None,
            "headers": {"security": wanted.security, "authenticated": wanted.username is not None},
            "body": {
                "mail_from": wanted.envelope_from,
                "rcpt_to": list(wanted.envelope_to),
                "message_bytes": len(wanted.message),
            },
        },
        "response": {
            "status": reply.code,
            "headers": {},
            "body": {
                "stage": reply.stage,
                "text": reply.text,
                "refused": {address: f"{code} {text}" for address, (code, text) in reply.refused.items()},
            },
        },
    }


def _http(wanted: HttpRequest, reply: HttpReply, secrets: list[str]) -> Logged:
    """Of the query only the names: a value may be a key."""
    try:
        parts = urlsplit(wanted.url)
    except ValueError:
        parts = urlsplit("")
    names = [name for name, _ in (*parse_qsl(parts.query, keep_blank_values=True), *wanted.query_params)]
    path = parts.path or "/"
    for secret in secrets:
        path = path.replace(secret, HIDDEN)
    return {
        "request": {
            "method": wanted.method,
            "host": parts.netloc.rpartition("@")[2],
            "path": path,
            "query": "&".join(f"{name}={HIDDEN}" for name in names) or None,
            "headers": _headers(wanted.headers),
            "body": {"bytes": len(wanted.body)},
        },
        "response": {
            "status": reply.status,
            "headers": _headers(reply.headers),
            "body": {"bytes": len(reply.body), "error": reply.error or None},
        },
    }


def _aws(wanted: AwsRequest, reply: AwsReply) -> Logged:
    """Of the parameters only the names, of an error only its code: its words may quote a parameter."""
    return {
        "request": {
            "method": "POST",
            "host": urlsplit(wanted.endpoint_url or "").netloc.rpartition("@")[2] or f"aws ({wanted.region})",
            "path": f"/{wanted.service}/{wanted.operation}",
            "query": None,
            "headers": {},
            "body": {"parameters": sorted(wanted.parameters)},
        },
        "response": {
            "status": reply.status,
            "headers": {"x-amzn-requestid": reply.request_id} if reply.request_id else {},
            "body": {"code": reply.code or None, "error": reply.error or None},
        },
    }


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    """As the database takes them, which holds no NUL."""
    shown = {name: value if name.lower() in SHOWN_HEADERS else HIDDEN for name, value in headers.items()}
    return {name.replace("\0", ""): value.replace("\0", "") for name, value in shown.items()}


def _outbox(wanted: OutboxEntry) -> Logged:
    return {
        "request": {
            "method": "POST",
            "host": "outbox",
            "path": f"/{wanted.channel_type}",
            "query": None,
            "headers": {},
            "body": {"bytes": len(to_json(wanted.payload))},
        },
        "response": {"status": 200, "headers": {}, "body": {}},
    }


def _apprise(wanted: AppriseNotification, reply: AppriseReply) -> Logged:
    """Of the address only which service it is of."""
    return {
        "request": {
            "method": "POST",
            "host": wanted.url.partition("://")[0],
            "path": f"/{HIDDEN}",
            "query": None,
            "headers": {},
            "body": {"bytes": len(wanted.body.encode())},
        },
        "response": {
            "status": 200 if reply.is_sent else reply.status,
            "headers": {},
            "body": {"error": reply.error or None},
        },
    }
