"""Amazon SNS as a sender of push messages, played by moto; https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from notify_workers.providers import AwsReply, Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.amazon import ID, REGION, load, outcome, sent, stored, wanted
from workflows.content import Push

ARN = "arn:aws:sns:eu-central-1:123456789012:endpoint/GCM/app/1"
HELLO = Push(ARN, "Hello", "there")
SHOWN = {"title": "Hello", "body": "there"}
APPLE = {"aps": {"alert": SHOWN, "sound": "default"}, "doorbell_message": ID}


def forms(content: Push) -> dict[str, Any]:
    """Each platform's own message, which is JSON within JSON."""
    message = json.loads(wanted(load("aws_sns_push"), content).parameters["Message"])
    return {name: form if name == "default" else json.loads(form) for name, form in message.items()}


def test_the_request_is_the_vendors() -> None:
    request = wanted(load("aws_sns_push"), HELLO)
    assert (request.service, request.operation) == ("sns", "publish")
    message = request.parameters["Message"]
    assert request.parameters == {"TargetArn": ARN, "MessageStructure": "json", "Message": message}
    assert forms(HELLO) == {
        "default": "there",
        "APNS": APPLE,
        "APNS_SANDBOX": APPLE,
        "GCM": {"fcmV1Message": {"message": {"notification": SHOWN, "data": {"doorbell_message": ID}}}},
    }


def test_a_silent_message_shows_nothing() -> None:
    silent = Push(ARN, "", "", is_silent=True)
    attributes = wanted(load("aws_sns_push"), silent).parameters["MessageAttributes"]
    assert {name: value["StringValue"] for name, value in attributes.items()} == {
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "background",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
    }
    assert forms(silent)["APNS"] == {"aps": {"content-available": 1}, "doorbell_message": ID}
    assert forms(silent)["GCM"] == {"fcmV1Message": {"message": {"data": {"doorbell_message": ID}}}}


def test_overrides_go_over_the_platforms_messages() -> None:
    overrides = {"APNS": {"aps": {"badge": 3, "sound": None}}, "APNS_SANDBOX": None, "default": "Hi"}
    changed = forms(Push(ARN, "Hello", "there", overrides=overrides))
    assert changed["APNS"] == {"aps": {"alert": SHOWN, "badge": 3}, "doorbell_message": ID}
    assert (changed["default"], "APNS_SANDBOX" in changed) == ("Hi", False)


@pytest.fixture
def endpoint(moto: str) -> tuple[str, Any]:
    """An endpoint's ARN, and a client of the service that has it."""
    client = boto3.client("sns", REGION, endpoint_url=moto, aws_access_key_id="a", aws_secret_access_key="b")
    application = client.create_platform_application(Name="app", Platform="GCM", Attributes={})
    arn = application["PlatformApplicationArn"]
    created = client.create_platform_endpoint(PlatformApplicationArn=arn, Token="token")
    client.set_endpoint_attributes(EndpointArn=created["EndpointArn"], Attributes={"Enabled": "true"})
    return created["EndpointArn"], client


def test_amazon_has_the_message(moto: str, endpoint: tuple[str, Any]) -> None:
    arn, _ = endpoint
    found, _ = sent(load("aws_sns_push", endpoint_url=moto), Push(arn, "Hello", "there"))
    assert isinstance(found, Sent)
    kept = stored("sns").platform_endpoints[arn].messages
    assert json.loads(kept[found.external_id])["default"] == "there"


def test_an_endpoint_that_amazon_has_disabled_is_gone(moto: str, endpoint: tuple[str, Any]) -> None:
    arn, client = endpoint
    client.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    found, (logged,) = sent(load("aws_sns_push", endpoint_url=moto), Push(arn, "Hello", "there"))
    assert isinstance(found, Bounced)
    assert found.is_gone
    assert logged["response"]["body"]["code"] == "EndpointDisabled"


NO_ENDPOINT = "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
NO_ARN = "Invalid parameter: TargetArn Reason: An ARN must have at least 6 elements, not 1"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (AwsReply(200, {"MessageId": "id"}), Sent("id")),
        (AwsReply(200), Unknown("AWS answered 200")),
        (AwsReply(404, code="NotFound"), Bounced("AWS answered 404 NotFound", is_gone=True)),
        (
            AwsReply(400, code="InvalidParameter", message=NO_ENDPOINT),
            Bounced(f"AWS answered 400 InvalidParameter {NO_ENDPOINT}", is_gone=True),
        ),
        (
            AwsReply(400, code="InvalidParameter", message=NO_ARN),
            Bounced(f"AWS answered 400 InvalidParameter {NO_ARN}"),
        ),
        (AwsReply(400, code="PlatformApplicationDisabled"), Refused("AWS answered 400 PlatformApplicationDisabled")),
        (
            AwsReply(
                400, code="InvalidParameter", message="Invalid parameter: JSON must contain an entry for 'default'"
            ),
            Refused("AWS answered 400 InvalidParameter Invalid parameter: JSON must contain an entry for 'default'"),
        ),
        (AwsReply(400, code="Throttled"), Retry("AWS answered 400 Throttled")),
        (AwsReply(500, code="InternalError"), Unknown("AWS answered 500 InternalError")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(reply: AwsReply, expected: SendOutcome) -> None:
    assert outcome(load("aws_sns_push"), HELLO, reply) == expected
