"""Providers: one vendor's way of sending one type of content, one file each. Adding the file is registering it.

A provider is a frozen dataclass whose fields are its channel's settings. Its `send` is a generator: it yields what it wants
exchanged with the vendor, is resumed with the reply, and returns a closed outcome. The driver owns connections, time-outs,
logging and secrets.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Generator, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from notify_workers.errors import DoorbellError
from workflows.content import Content


class ProviderMisconfigured(DoorbellError):
    """A channel names a provider that does not exist, or settings that it does not have."""

    code = "channel_invalid"
    status = 422
    type = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class SmtpSubmission:
    """Hand a message to an SMTP server. `security` is `none`, `starttls` or `tls`; `envelope_to` has at least one address.

    `tls_ca` are certificates (PEM) that the server's must come from, instead of those that the system trusts.
    """

    host: str
    port: int
    security: str
    username: str | None
    password: str | None = field(repr=False)
    envelope_from: str
    envelope_to: tuple[str, ...]
    message: bytes
    tls_verify: bool = True
    tls_ca: str | None = None


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """The server's last word: its code, its text, and the stage it was said in.

    `refused` are recipients it did not take, with code and text; when all are, nothing was sent.
    """

    code: int
    text: str
    stage: str
    refused: Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Ask a server. Answered with `HttpReply`; a redirect is an answer. `timeout` in seconds bounds all of it.

    `query_params` come after those that the URL has already. A request that carries no message only prepares for one, as a
    login does: when its answer is lost, nothing is, and the provider is told. HTTP/2 is spoken over TLS only. A guarded
    request is made on behalf of users: private addresses are refused (`address_guard`).
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query_params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: float = 30.0
    http_version: Literal["1.1", "2"] = "1.1"
    carries_message: bool = True
    is_guarded: bool = False


HttpFailure = Literal["malformed", "unresolved", "forbidden", "unsent", "timeout", "lost", "too_large"]
"""`malformed`: the request cannot be sent. `unresolved`: there is no such host. `forbidden`: its addresses are private.
`unsent`: the server had nothing of it. `timeout`, `lost`: the server may have it, and its answer did not come, or not whole.
`too_large`: it was cut off."""

NEVER: frozenset[HttpFailure | None] = frozenset({"malformed", "unresolved", "forbidden"})
"""Failures that another attempt does not change."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """`status` 0: there was no answer. Names of `headers` are in lower case. `error` says what the failure was."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: HttpFailure | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """A key, or without one what the machine has (boto3's default chain); with them a role may be assumed."""

    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """Ask AWS: an operation of a service under boto3's names, such as `sesv2` and `send_email`. Answered with `AwsReply`.

    `endpoint_url` is asked instead of AWS itself. `timeout` in seconds bounds all of it, credentials included.
    """

    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any]
    credentials: AwsCredentials = AwsCredentials()
    endpoint_url: str | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class AwsReply:
    """`status` 0: there was no answer, and `failure` and `error` say why (see `HttpReply`).

    `code` and `message` are AWS's own of an error; without one `output` is what the operation returns.
    """

    status: int
    output: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    request_id: str = ""
    failure: HttpFailure | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """Write the message into the outbox, which holds one entry for each message. Answered with None."""

    channel_type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Ask for an access token (RFC 6749 §5.1), unless one that was got under this key is still good: `TokenReply`.

    `is_renewed`: the vendor does not take the kept one any more.
    """

    key: tuple[str, ...] = field(repr=False)
    request: HttpRequest
    is_renewed: bool = False


@dataclass(frozen=True, slots=True)
class TokenReply:
    """`token` is empty when there is none; `answer` is then why. `is_kept`: nobody was asked."""

    token: str = field(repr=False)
    answer: HttpReply
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class AppriseNotification:
    """Have the Apprise library notify one address, which is a secret, of a Markdown text. Answered with `AppriseReply`."""

    url: str = field(repr=False)
    title: str
    body: str
    timeout: float = 20.0


@dataclass(frozen=True, slots=True)
class AppriseReply:
    """`status` is what the service answered when it refused, as far as Apprise says; 0 when it does not."""

    is_sent: bool
    status: int = 0
    is_malformed: bool = False
    error: str = ""


Exchange = SmtpSubmission | HttpRequest | OutboxEntry | TokenRequest | AppriseNotification | AwsRequest
Reply = SmtpReply | HttpReply | TokenReply | AppriseReply | AwsReply | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The vendor has taken it. `external_id` is its own name for the message, `metadata` what else the message keeps of it."""

    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor has said that it arrived."""

    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounced:
    """The address is the reason; trying again is no use. `is_gone`: the vendor says that the address is one no more."""

    reason: str
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Something else than the address is wrong; trying again is no use."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing was accepted, and it may be later. `after` is the vendor's own wish in seconds."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The vendor may have accepted the message, or not."""

    reason: str


SendOutcome = Sent | Delivered | Bounced | Refused | Retry | Unknown
Sends = Generator[Exchange, Any, SendOutcome]
"""A provider's exchanges, each answered with the reply of its kind."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a chat message's connection has besides its content's `connection`: secrets, read anew for each attempt.

    `access_token` is the connection's own, else its owner's, else the tenant's; so is `tenant_id`, of Microsoft.
    `url` is the incoming webhook, or Apprise's address.
    """

    access_token: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    tenant_id: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What identifies a message to a vendor. The key is the same for every attempt, so that the vendor can tell a repeat.

    `connection` is None when the recipient has the message's connection no more.
    """

    message_id: str
    idempotency_key: str
    connection: Connection | None = Connection()


class Provider(Protocol):
    """`secrets` names the fields that must never be shown.

    A provider whose vendor tells a repeated attempt from a new message by its idempotency key says so with
    `recognises_repeats = True`. `on_unknown` (`retry` or `hold`) is what becomes of an attempt whose result nobody knows;
    without it, SMS are held and everything else is tried again.
    """

    name: str
    channel_type: str
    secrets: frozenset[str]

    def send(self, content: Content, envelope: Envelope) -> Sends: ...


P = TypeVar("P")
_registry: dict[str, type[Any]] = {}


def provider(cls: type[P]) -> type[P]:
    """Registers a provider class under its `name`."""
    _registry[cls.name] = cls  # type: ignore[attr-defined]
    return cls


def load_provider(name: str, settings: Mapping[str, Any]) -> Provider:
    """A provider with a channel's settings. Raises `ProviderMisconfigured`, naming every setting that is wrong."""
    cls = _registry.get(name)
    if cls is None:
        raise ProviderMisconfigured(f"there is no provider `{name}`; known are {', '.join(sorted(_registry))}")
    known = {each.name: each for each in fields(cls)}
    problems = [f"`{each}` is not a setting of {name}" for each in settings if each not in known]
    problems += [
        f"`{each.name}` is missing"
        for each in known.values()
        if each.default is MISSING and each.default_factory is MISSING and each.name not in settings
    ]
    if problems:
        raise ProviderMisconfigured("; ".join(problems))
    instance: Provider = cls(**settings)
    return instance


def secrets_of(name: str) -> frozenset[str]:
    """The settings of a provider that must never be shown; none of one that does not exist."""
    found: frozenset[str] = getattr(_registry.get(name), "secrets", frozenset())
    return found


def read_settings(name: str, written: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The channel type of a provider, and its settings from text; those that are not given keep their defaults.

    Raises `ProviderMisconfigured`, naming every setting that is wrong.
    """
    load_provider(name, written)
    try:
        read = TypeAdapter(_registry[name]).validate_python(dict(written))
    except ValidationError as error:
        problems = (f"`{each['loc'][0]}`: {each['msg']}" for each in error.errors(include_input=False))
        raise ProviderMisconfigured("; ".join(problems)) from None
    return read.channel_type, {each: getattr(read, each) for each in written}


def _register_all(package: str, path: Iterable[str]) -> None:
    for module in pkgutil.iter_modules(path, package + "."):
        loaded = import_module(module.name)
        if module.ispkg:
            _register_all(module.name, loaded.__path__)


_register_all(__name__, __path__)
