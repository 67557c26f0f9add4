"""Amazon SNS, text messages: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from notify_workers.providers import AwsReply, Bounced, Envelope, SendOutcome, Sends, Sent, provider
from notify_workers.providers.answers import text_at
from notify_workers.providers.aws import AwsSettings, aws_failed, aws_words
from notify_workers.providers.overrides import overridden
from workflows.content import Sms
from workflows.segments import segments

OPTED_OUT = frozenset({"OptedOut", "OptedOutException"})


@provider
@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSns(AwsSettings):
    """`sms_type` is `Transactional` or `Promotional`; without it, and without the others, the account's own hold.

    A step's JSON overrides go over the operation's parameters. Attributes of the message:
    https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html
    """

    name: ClassVar[str] = "aws_sns"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = AwsSettings.aws_secrets

    sms_type: str | None = "Transactional"
    sender_id: str | None = None
    origination_number: str | None = None

    def send(self, content: Sms, _envelope: Envelope) -> Sends:
        parameters: dict[str, Any] = {
            "PhoneNumber": content.to,
            "Message": content.body,
            "MessageAttributes": self._attributes(),
        }
        reply = yield self.request("sns", "publish", overridden(parameters, content.overrides))
        return _outcome(reply, content)

    def _attributes(self) -> dict[str, dict[str, str]]:
        known = {
            "AWS.SNS.SMS.SMSType": self.sms_type,
            "AWS.SNS.SMS.SenderID": self.sender_id,
            "AWS.MM.SMS.OriginationNumber": self.origination_number,
        }
        return {name: {"DataType": "String", "StringValue": value} for name, value in known.items() if value}


def _outcome(reply: AwsReply, content: Sms) -> SendOutcome:
    if 200 <= reply.status < 300 and text_at(reply.output, "MessageId"):
        return Sent(text_at(reply.output, "MessageId"), {"segments": segments(content.body)})
    is_number = reply.code.startswith("InvalidParameter") and "PhoneNumber" in reply.message
    if is_number or reply.code in OPTED_OUT or (reply.status == 400 and "opted out" in reply.message):
        return Bounced(aws_words(reply))
    return aws_failed(reply)
