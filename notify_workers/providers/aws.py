"""What channels of Amazon's services have in common: https://docs.aws.amazon.com/general/latest/gr/aws-sec-cred-types.html"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from notify_workers.providers import AwsCredentials, AwsReply, AwsRequest, Refused, Retry, Unknown

THROTTLED = frozenset(
    {
        "KMSThrottling",
        "LimitExceeded",
        "LimitExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes that say: not now, and nothing was accepted; some come with status 400."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""Credentials that were good and will be, once they are renewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """Without a key the credentials are the machine's own: environment, shared files, the role of a task or an instance.

    With a `role_arn` these, or the key, only serve to assume it. `endpoint_url` stands in for Amazon's own.
    """

    aws_secrets: ClassVar[frozenset[str]] = frozenset({"secret_access_key", "session_token", "external_id"})

    region: str
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None

    def request(self, service: str, operation: str, parameters: Mapping[str, Any]) -> AwsRequest:
        return AwsRequest(
            service=service,
            operation=operation,
            region=self.region,
            parameters=parameters,
            credentials=AwsCredentials(
                self.access_key_id, self.secret_access_key, self.session_token, self.role_arn, self.external_id
            ),
            endpoint_url=self.endpoint_url,
        )


def aws_failed(reply: AwsReply) -> Refused | Retry | Unknown:
    """What an answer means that is no success, when it is not about the address.

    Common errors: https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
    """
    if reply.status == 0:
        return Refused(reply.error) if reply.failure in ("malformed", "unresolved") else Retry(reply.error)
    reason = aws_words(reply)
    if reply.code in THROTTLED or reply.code in EXPIRED or reply.status in (408, 429, 503):
        return Retry(reason)
    return Unknown(reason) if reply.status >= 500 or reply.status < 300 else Refused(reason)


def aws_words(reply: AwsReply) -> str:
    """Of Amazon's words the first line: below it a wrong signature is explained with the headers, and so with a token."""
    first = reply.message.partition("\n")[0]
    return f"AWS answered {reply.status}" + "".join(f" {part}" for part in (reply.code, first) if part)
