"""Amazon SNS as a sender of text messages, played by moto; https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

from __future__ import annotations

import pytest

from notify_workers.providers import AwsReply, Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.amazon import load, outcome, sent, stored, wanted
from tests.notify_workers.http_server import HttpServer
from workflows.content import Sms

HELLO = Sms("+15550001", "Hello")


def test_the_request_is_the_vendors() -> None:
    request = wanted(load("aws_sns", sender_id="Acme", origination_number="+15559999"), HELLO)
    assert (request.service, request.operation) == ("sns", "publish")
    assert request.parameters == {
        "PhoneNumber": "+15550001",
        "Message": "Hello",
        "MessageAttributes": {
            "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
            "AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "Acme"},
            "AWS.MM.SMS.OriginationNumber": {"DataType": "String", "StringValue": "+15559999"},
        },
    }


def test_overrides_go_over_the_parameters() -> None:
    attribute = {"DataType": "Number", "StringValue": "0.05"}
    content = Sms("+1", "Hello", {"MessageAttributes": {"AWS.SNS.SMS.MaxPrice": attribute}, "Message": "Hi"})
    parameters = wanted(load("aws_sns", sms_type=None), content).parameters
    assert parameters == {
        "PhoneNumber": "+1",
        "Message": "Hi",
        "MessageAttributes": {"AWS.SNS.SMS.MaxPrice": attribute},
    }


def test_amazon_has_the_message(moto: str) -> None:
    found, (logged,) = sent(load("aws_sns", endpoint_url=moto), Sms("+15550001", "ж" * 71))
    assert isinstance(found, Sent)
    assert stored("sns").sms_messages[found.external_id] == ("+15550001", "ж" * 71)
    assert found.metadata == {"segments": 2}
    assert logged["request"]["body"] == {"parameters": ["Message", "MessageAttributes", "PhoneNumber"]}


def test_on_the_wire_it_is_amazons_query_protocol(http_server: HttpServer) -> None:
    sent(load("aws_sns", endpoint_url=http_server.url("")), HELLO)
    (heard,) = http_server.heard
    assert heard.line == "POST / HTTP/1.1"
    assert heard.body == (
        b"Action=Publish&Version=2010-03-31&PhoneNumber=%2B15550001&Message=Hello"
        b"&MessageAttributes.entry.1.Name=AWS.SNS.SMS.SMSType"
        b"&MessageAttributes.entry.1.Value.DataType=String"
        b"&MessageAttributes.entry.1.Value.StringValue=Transactional"
    )
    assert heard.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")


INVALID = "Invalid parameter: PhoneNumber Reason: +1 is not valid to publish to"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (AwsReply(200, {"MessageId": "id"}), Sent("id", {"segments": 1})),
        (AwsReply(200), Unknown("AWS answered 200")),
        (
            AwsReply(400, code="InvalidParameter", message=INVALID),
            Bounced(f"AWS answered 400 InvalidParameter {INVALID}"),
        ),
        (AwsReply(400, code="OptedOut", message="STOP"), Bounced("AWS answered 400 OptedOut STOP")),
        (
            AwsReply(400, code="InvalidParameter", message="Phone number is opted out"),
            Bounced("AWS answered 400 InvalidParameter Phone number is opted out"),
        ),
        (
            AwsReply(400, code="InvalidParameter", message="Invalid parameter: Message too long"),
            Refused("AWS answered 400 InvalidParameter Invalid parameter: Message too long"),
        ),
        (AwsReply(403, code="AuthorizationError"), Refused("AWS answered 403 AuthorizationError")),
        (AwsReply(403, code="ExpiredToken"), Retry("AWS answered 403 ExpiredToken")),
        (AwsReply(400, code="Throttling"), Retry("AWS answered 400 Throttling")),
        (AwsReply(500, code="InternalError"), Unknown("AWS answered 500 InternalError")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(reply: AwsReply, expected: SendOutcome) -> None:
    assert outcome(load("aws_sns"), HELLO, reply) == expected
