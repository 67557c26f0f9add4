"""Amazon SNS, mobile push: https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import AwsReply, Bounced, Envelope, SendOutcome, Sends, Sent, provider
from notify_workers.providers.answers import text_at
from notify_workers.providers.aws import AwsSettings, aws_failed, aws_words
from notify_workers.providers.overrides import overridden
from workflows.content import Push

GONE = frozenset({"EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException"})
"""Amazon disables an endpoint when Apple's or Google's service says that its token is invalid."""


@provider
@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSnsPush(AwsSettings):
    """One message in every platform's own form; which one goes out, the endpoint's platform decides.

    A step's JSON overrides go over these forms: `APNS`, `APNS_SANDBOX`, `GCM` (as maps) and `default` (text).
    """

    name: ClassVar[str] = "aws_sns_push"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = AwsSettings.aws_secrets

    def send(self, content: Push, envelope: Envelope) -> Sends:
        forms = overridden(_forms(content, envelope), content.overrides)
        message = {name: form if isinstance(form, str) else to_json(form).decode() for name, form in forms.items()}
        parameters: dict[str, Any] = {
            "TargetArn": content.token,
            "MessageStructure": "json",
            "Message": to_json(message).decode(),
            **({"MessageAttributes": _SILENT} if content.is_silent else {}),
        }
        reply = yield self.request("sns", "publish", parameters)
        return _outcome(reply)


# Apple takes silent messages as `background` ones with priority 5 only.
_SILENT = {
    "AWS.SNS.MOBILE.APNS.PUSH_TYPE": {"DataType": "String", "StringValue": "background"},
    "AWS.SNS.MOBILE.APNS.PRIORITY": {"DataType": "String", "StringValue": "5"},
}


def _forms(content: Push, envelope: Envelope) -> dict[str, Any]:
    """The message's id is in the data that the application gets, so that it can tell what was opened."""
    data = {"doorbell_message": envelope.message_id}
    if content.is_silent:
        apple: dict[str, Any] = {"aps": {"content-available": 1}, **data}
        google: dict[str, Any] = {"data": data}
    else:
        shown = {"title": content.title, "body": content.body}
        apple = {"aps": {"alert": shown, "sound": "default"}, **data}
        google = {"notification": shown, "data": data}
    forms = {"default": content.body, "APNS": apple, "APNS_SANDBOX": apple}
    return {**forms, "GCM": {"fcmV1Message": {"message": google}}}


def _outcome(reply: AwsReply) -> SendOutcome:
    if 200 <= reply.status < 300 and text_at(reply.output, "MessageId"):
        return Sent(text_at(reply.output, "MessageId"))
    is_address = reply.code.startswith("InvalidParameter") and "TargetArn" in reply.message
    if is_address or reply.code in GONE:
        return Bounced(aws_words(reply), is_gone=reply.code in GONE or "No endpoint" in reply.message)
    return aws_failed(reply)
