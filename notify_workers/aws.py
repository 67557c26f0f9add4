"""Amazon's services, by its own client: what was never sent is told from what AWS may have done.

The client tries nothing again, as the engine does that. Clients are kept for each service, region and credentials; they
fetch and renew the credentials of roles themselves.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import SSLError as BotoSslError
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError
from botocore.session import Session
from urllib3.exceptions import NameResolutionError

from notify_workers.providers import AwsCredentials, AwsReply, AwsRequest, HttpFailure
from notify_workers.settings import settings

for _name in ("boto3", "botocore"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # below that they log whole requests

UNAVAILABLE = (
    NoCredentialsError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    HTTPClientError,
    BotoConnectionError,
    ResponseParserError,
)
"""What keeps a machine from its credentials, for the moment."""

KEPT = 64
"""Clients kept by a process."""


def perform(request: AwsRequest) -> AwsReply:
    """Asks once. What goes wrong is in the reply."""
    client = _ready(request)
    if isinstance(client, AwsReply):
        return client
    try:
        output = getattr(client, request.operation)(**request.parameters)
    except ClientError as error:
        return _said(error)
    except ResponseParserError:
        return AwsReply(0, failure="lost", error="AWS' answer cannot be read")
    except (BotoCoreError, ValueError) as error:
        failure = _failure(error)
        return AwsReply(0, failure=failure, error=_words(error, failure))
    about = output.pop("ResponseMetadata", {})
    return AwsReply(about.get("HTTPStatusCode", 200), output, request_id=about.get("RequestId", ""))


def close() -> None:
    """Forgets this process' clients; the next use makes new ones."""
    _client.cache_clear()


def _ready(request: AwsRequest) -> Any | AwsReply:
    """A client with credentials that are good for now, or why there is none: whatever fails here has sent nothing."""
    threads = settings().worker_threads
    try:
        session, client = _client(
            request.service, request.region, request.credentials, request.endpoint_url, request.timeout, threads
        )
        _credentials(session).get_frozen_credentials()
    except ClientError as error:
        said = _said(error)
        if said.status >= 500 or said.status == 429:
            return AwsReply(0, failure="unsent", error=f"no AWS credentials: {said.code}")
        return replace(said, message=f"no credentials: {said.message}")
    except UNAVAILABLE as error:
        return AwsReply(0, failure="unsent", error=f"no AWS credentials: {type(error).__name__}")
    except (BotoCoreError, ValueError) as error:
        return AwsReply(0, failure="malformed", error=_words(error, "malformed"))
    return client


def _credentials(session: Session) -> Credentials:
    """Raises `NoCredentialsError`; a machine that has none now may have some later."""
    found = session.get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


@lru_cache(maxsize=KEPT)
def _client(
    service: str, region: str, credentials: AwsCredentials, endpoint_url: str | None, timeout: float, threads: int
) -> tuple[Session, Any]:
    """A session of its own for each: clients may be shared between threads, sessions may not.

    Raises `NoCredentialsError`: a client that was made without any would never have some.
    """
    session = _session()
    if credentials.access_key_id:
        session.set_credentials(
            credentials.access_key_id, credentials.secret_access_key or "", credentials.session_token
        )
    _credentials(session)
    if credentials.role_arn:
        role = _Role(session, credentials.role_arn, credentials.external_id, region, timeout)
        session = _session()
        session.register_component("credential_provider", CredentialResolver([role]))
    client = boto3.Session(botocore_session=session).client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=endpoint_url,
        config=_config(connect=timeout / 6, read=timeout / 2, connections=threads),
    )
    return session, client


def _session() -> Session:
    """All of them share the descriptions of services, some megabytes each."""
    session = Session()
    session.register_component("data_loader", _descriptions())
    return session


@cache
def _descriptions() -> Loader:
    return create_loader()


def _config(*, connect: float, read: float, connections: int) -> Config:
    return Config(
        connect_timeout=connect,
        read_timeout=read,
        max_pool_connections=connections,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )


class _Role(CredentialProvider):
    """The credentials of a role, assumed with those of a session when they are first needed and before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "doorbell-assume-role"

    def __init__(self, source: Session, arn: str, external_id: str | None, region: str, timeout: float) -> None:
        super().__init__(source)
        self._source = source
        self._arn = arn
        self._external_id = external_id
        self._region = region
        self._config = _config(connect=timeout / 12, read=timeout / 6, connections=1)

    def load(self) -> Credentials:
        extra = {"RoleSessionName": "doorbell"}
        if self._external_id:
            extra["ExternalId"] = self._external_id
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._create,
            source_credentials=_credentials(self._source),
            role_arn=self._arn,
            extra_args=extra,
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method=self.METHOD)

    def _create(self, service: str, **key: Any) -> Any:
        return self._source.create_client(service, region_name=self._region, config=self._config, **key)


def _said(error: ClientError) -> AwsReply:
    said: Mapping[str, Any] = error.response
    about, problem = said.get("ResponseMetadata", {}), said.get("Error", {})
    return AwsReply(
        about.get("HTTPStatusCode", 0),
        code=problem.get("Code", ""),
        message=problem.get("Message", ""),
        request_id=about.get("RequestId", ""),
    )


def _failure(error: Exception) -> HttpFailure:
    match error:
        case EndpointConnectionError():
            return "unresolved" if _is_no_host(error.kwargs.get("error")) else "unsent"
        case ConnectTimeoutError() | ProxyConnectionError():
            return "unsent"
        case BotoSslError() if _is_certificate(error.kwargs.get("error")):
            return "unsent"
        case ReadTimeoutError():
            return "timeout"
        case HTTPClientError() | BotoConnectionError() | IncompleteReadError():
            return "lost"
        case _:
            return "malformed"


def _is_no_host(error: object) -> bool:
    """No answer of the name server says nothing about the name."""
    if not isinstance(error, NameResolutionError):
        return False
    cause = error.__cause__
    return not (isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_AGAIN)


def _is_certificate(error: object) -> bool:
    """The handshake failed, before anything was sent."""
    while isinstance(error, BaseException):
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = next((each for each in error.args if isinstance(each, BaseException)), None)
    return False


def _words(error: Exception, failure: HttpFailure) -> str:
    """For people. Never the library's own words, which may quote a parameter."""
    match failure:
        case "malformed":
            return f"the request cannot be made: {type(error).__name__}"
        case "unresolved":
            return "the name of AWS' endpoint cannot be resolved"
        case "unsent":
            return f"AWS cannot be reached: {type(error).__name__}"
        case "timeout":
            return "AWS did not answer in time"
        case _:
            return f"the connection was lost before the whole answer: {type(error).__name__}"
