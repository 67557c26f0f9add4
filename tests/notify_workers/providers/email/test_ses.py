"""Amazon SES, played by moto; errors after https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html"""

from __future__ import annotations

from email import message_from_bytes, message_from_string
from typing import Any

import boto3
import pytest

from notify_workers.providers import AwsCredentials, AwsReply, Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.amazon import ID, KEY, REGION, load, outcome, sent, stored, wanted
from workflows.content import Attachment, Email

HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")
FULL = Email(
    to='jane@example.com, "Doe, Joe" <joe@example.com>',
    subject="Grüße",
    html="<img src=cid:logo>",
    text="Hi",
    sender="Jürgen <other@acme.test>",
    cc="cc@example.com",
    bcc="bcc@example.com",
    reply_to="re@example.com",
    headers={"List-Unsubscribe": "<https://acme.test/u>"},
    attachments=(Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),),
    overrides={"headers": {"X-A": "1"}, "ListManagementOptions": {"ContactListName": "news"}, "EmailTags": None},
)


def ses(**settings: Any) -> Any:
    return load("ses", from_address="Acme <hi@acme.test>", **settings)


@pytest.fixture
def verified(moto: str) -> str:
    client = boto3.client("sesv2", REGION, endpoint_url=moto, aws_access_key_id="a", aws_secret_access_key="b")
    for domain in ("acme.test",):
        client.create_email_identity(EmailIdentity=domain)
    stored("ses").sent_messages.clear()
    return moto


def test_the_request_is_the_vendors() -> None:
    request = wanted(ses(configuration_set="doorbell"), HELLO)
    assert (request.service, request.operation, request.region) == ("sesv2", "send_email", REGION)
    assert request.credentials == AwsCredentials(KEY["access_key_id"], KEY["secret_access_key"])
    raw = request.parameters["Content"]["Raw"]["Data"]
    assert request.parameters == {
        "FromEmailAddress": "Acme <hi@acme.test>",
        "Destination": {"ToAddresses": ["jane@example.com"]},
        "Content": {"Raw": {"Data": raw}},
        "EmailTags": [{"Name": "doorbell_message", "Value": ID}],
        "ConfigurationSetName": "doorbell",
    }
    message = message_from_bytes(raw)
    assert (message["To"], message["X-Doorbell-Message"]) == ("Jane Doe <jane@example.com>", ID)


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    parameters = wanted(ses(), FULL).parameters
    assert parameters["FromEmailAddress"] == "=?utf-8?q?J=C3=BCrgen?= <other@acme.test>"
    assert parameters["Destination"] == {
        "ToAddresses": ["jane@example.com", "joe@example.com"],
        "CcAddresses": ["cc@example.com"],
        "BccAddresses": ["bcc@example.com"],
    }
    assert parameters["ListManagementOptions"] == {"ContactListName": "news"}
    assert "EmailTags" not in parameters
    assert "headers" not in parameters
    message = message_from_bytes(parameters["Content"]["Raw"]["Data"])
    assert (message["X-A"], message["Reply-To"], message["Bcc"]) == ("1", "re@example.com", None)
    assert [part.get_content_type() for part in message.walk()][-1] == "image/png"


def test_amazon_has_the_message_as_it_was_composed(verified: str) -> None:
    found, (logged,) = sent(ses(endpoint_url=verified), FULL)
    (kept,) = stored("ses").sent_messages
    assert found == Sent(kept.id)
    assert kept.source == "=?utf-8?q?J=C3=BCrgen?= <other@acme.test>"
    assert "bcc@example.com" in kept.destinations
    assert message_from_string(kept.raw_data)["List-Unsubscribe"] == "<https://acme.test/u>"
    assert logged["request"]["path"] == "/sesv2/send_email"
    assert logged["response"]["status"] == 200


def test_an_identity_that_is_not_verified_is_refused(verified: str) -> None:
    found, (logged,) = sent(load("ses", from_address="hi@other.test", endpoint_url=verified), HELLO)
    assert isinstance(found, Refused)
    assert "MessageRejected" in found.reason
    assert logged["response"]["body"] == {"code": "MessageRejected", "error": None}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (AwsReply(200, {"MessageId": "0100"}), Sent("0100")),
        (AwsReply(200), Unknown("AWS answered 200")),
        (AwsReply(400, code="MessageRejected", message="no"), Refused("AWS answered 400 MessageRejected no")),
        (AwsReply(400, code="SendingPausedException"), Refused("AWS answered 400 SendingPausedException")),
        (AwsReply(429, code="TooManyRequestsException"), Retry("AWS answered 429 TooManyRequestsException")),
        (AwsReply(400, code="Throttling", message="Rate"), Retry("AWS answered 400 Throttling Rate")),
        (AwsReply(403, code="ExpiredTokenException"), Retry("AWS answered 403 ExpiredTokenException")),
        (AwsReply(403, code="InvalidClientTokenId"), Refused("AWS answered 403 InvalidClientTokenId")),
        (AwsReply(500, code="InternalFailure"), Unknown("AWS answered 500 InternalFailure")),
        (AwsReply(503, code="ServiceUnavailable"), Retry("AWS answered 503 ServiceUnavailable")),
        (AwsReply(0, failure="unsent", error="not reached"), Retry("not reached")),
        (AwsReply(0, failure="malformed", error="no key"), Refused("no key")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(reply: AwsReply, expected: SendOutcome) -> None:
    assert outcome(ses(), HELLO, reply) == expected


def test_a_wrong_signature_is_not_explained_with_the_token_in_it() -> None:
    said = AwsReply(403, code="SignatureDoesNotMatch", message="Wrong.\n\nx-amz-security-token:hunter2")
    assert outcome(ses(), HELLO, said) == Refused("AWS answered 403 SignatureDoesNotMatch Wrong.")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Email(to=" ", subject="", html="", text=""), Bounced("there is no address to send to")),
        (
            Email(to="jäne@example.com", subject="", html="", text=""),
            Bounced("an address has characters outside ASCII, which Amazon SES does not carry"),
        ),
        (
            Email(to="jane@example.com", subject="", html="", text="", overrides={"headers": {"X A": "1"}}),
            Refused("the JSON overrides have headers whose names are none: 'X A'"),
        ),
    ],
)
def test_what_amazon_would_not_take_is_not_sent(content: Email, expected: SendOutcome) -> None:
    found, exchanged = sent(ses(), content)
    assert (found, exchanged) == (expected, [])
