"""Amazon SES: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from notify_workers.providers import Bounced, Envelope, Refused, Sends, Sent, provider
from notify_workers.providers.answers import text_at
from notify_workers.providers.aws import AwsSettings, aws_failed
from notify_workers.providers.email.mime import addresses, addresses_header, compose, wrong_headers
from notify_workers.providers.overrides import overridden
from workflows.content import Email

TAG = "doorbell_message"
"""The tag under which Amazon's events bring the message's id back."""


@provider
@dataclass(frozen=True, slots=True, kw_only=True)
class Ses(AwsSettings):
    """Every message goes as a whole one (`Content.Raw`), so that files and headers need no other way.

    A step's JSON overrides go over the operation's parameters; those under `headers` are headers of the message.
    """

    name: ClassVar[str] = "ses"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = AwsSettings.aws_secrets

    from_address: str
    configuration_set: str | None = None
    webhook_topic_arn: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        recipients = addresses(content.to, content.cc, content.bcc)
        if not recipients:
            return Bounced("there is no address to send to")
        if not all(each.isascii() for each in recipients):
            return Bounced("an address has characters outside ASCII, which Amazon SES does not carry")
        if wrong := wrong_headers(content):
            return Refused(f"the JSON overrides have headers whose names are none: {', '.join(map(repr, wrong))}")
        overrides = {name: value for name, value in content.overrides.items() if name != "headers"}
        reply = yield self.request("sesv2", "send_email", overridden(self._parameters(content, envelope), overrides))
        if 200 <= reply.status < 300 and text_at(reply.output, "MessageId"):
            return Sent(text_at(reply.output, "MessageId"))
        return aws_failed(reply)

    def _parameters(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        sender = content.sender or self.from_address
        lists = {"ToAddresses": content.to, "CcAddresses": content.cc, "BccAddresses": content.bcc}
        return {
            "FromEmailAddress": addresses_header(sender),
            "Destination": {name: list(addresses(value)) for name, value in lists.items() if value},
            "Content": {"Raw": {"Data": compose(content, sender, envelope)}},
            "EmailTags": [{"Name": TAG, "Value": envelope.message_id}],
            **({"ConfigurationSetName": self.configuration_set} if self.configuration_set else {}),
        }
