"""Firebase Cloud Messaging, played after https://firebase.google.com/docs/cloud-messaging/error-codes"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from notify_workers.providers import (
    Bounced,
    HttpReply,
    HttpRequest,
    Provider,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    TokenReply,
    TokenRequest,
    Unknown,
)
from tests.notify_workers.providers.push.keys import EC, RSA, account, pem
from tests.notify_workers.providers.vendor import ENVELOPE, ID, answer, json_body, load, outcome
from workflows.content import Push

FCM = load("fcm", {"service_account": account()})
HELLO = Push("bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1", "hello", "world")
SIGNED_IN = TokenReply("ya29.token", HttpReply(200), is_kept=True)


def login(provider: Provider = FCM) -> TokenRequest:
    wanted = next(provider.send(HELLO, ENVELOPE))
    assert isinstance(wanted, TokenRequest)
    return wanted


def asked(content: Push) -> HttpRequest:
    sending = FCM.send(content, ENVELOPE)
    next(sending)
    wanted = sending.send(SIGNED_IN)
    assert isinstance(wanted, HttpRequest)
    return wanted


def test_the_account_signs_for_its_access_token() -> None:
    request = login().request
    assert (request.method, request.url) == ("POST", "https://oauth2.vendor.test/token")
    assert request.headers == {"content-type": "application/x-www-form-urlencoded"}
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    (assertion,) = form["assertion"]
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "kid": "key-1", "typ": "JWT"}
    claims = jwt.decode(assertion, RSA.public_key(), ["RS256"], audience="https://oauth2.vendor.test/token")
    assert claims["iss"] == "doorbell@acme.iam.gserviceaccount.test"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert claims["exp"] - claims["iat"] == 3600


def test_messages_of_one_account_share_its_access_token() -> None:
    other = load("fcm", {"service_account": account(client_email="other@acme.test")})
    assert login().key == login().key != login(other).key


def test_the_request_is_the_vendors() -> None:
    request = asked(HELLO)
    assert (request.method, request.url) == ("POST", "https://fcm.googleapis.com/v1/projects/acme/messages:send")
    assert request.headers == {"authorization": "Bearer ya29.token", "content-type": "application/json"}
    assert (
        request.body
        == (
            f'{{"message":{{"token":"{HELLO.token}","notification":{{"title":"hello","body":"world"}}'
            f',"data":{{"knock_message_id":"{ID}"}}}}}}'
        ).encode()
    )


def test_a_silent_message_shows_nothing() -> None:
    (message,) = json_body(asked(Push("token", "", "", is_silent=True))).values()
    assert "notification" not in message
    assert message["apns"]["payload"] == {"aps": {"content-available": 1}}


def test_overrides_go_over_the_message() -> None:
    overrides = {"android": {"ttl": "60s"}, "notification": {"image": "https://acme.test/i.png"}, "data": {"a": "1"}}
    (message,) = json_body(asked(Push("token", "hello", "world", overrides=overrides))).values()
    assert message == {
        "token": "token",
        "notification": {"title": "hello", "body": "world", "image": "https://acme.test/i.png"},
        "data": {"knock_message_id": ID, "a": "1"},
        "android": {"ttl": "60s"},
    }


def error(status: int, code: str = "", message: str = "said") -> HttpReply:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": kind, "errorCode": code}] if code else [{"@type": "type.googleapis.com/google.rpc.BadRequest"}]
    return answer(status, {"error": {"code": status, "message": message, "details": details}})


NO_TOKEN = "The registration token is not a valid FCM registration token"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(200, {"name": "projects/acme/messages/1"}), Sent("projects/acme/messages/1")),
        (answer(200, {}), Unknown("the vendor answered 200")),
        (error(404, "UNREGISTERED"), Bounced("the vendor answered 404: UNREGISTERED", is_gone=True)),
        (
            error(400, "INVALID_ARGUMENT", NO_TOKEN),
            Bounced(f"the vendor answered 400: INVALID_ARGUMENT: {NO_TOKEN}", is_gone=True),
        ),
        (
            error(400, "", "Invalid value at 'message.data[0].value'"),
            Refused("the vendor answered 400: Invalid value at 'message.data[0].value'"),
        ),
        (error(403, "SENDER_ID_MISMATCH"), Bounced("the vendor answered 403: SENDER_ID_MISMATCH")),
        (error(429, "QUOTA_EXCEEDED"), Retry("the vendor answered 429: QUOTA_EXCEEDED: said", 60.0)),
        (error(503, "UNAVAILABLE"), Retry("the vendor answered 503: UNAVAILABLE: said")),
        (error(500, "INTERNAL"), Unknown("the vendor answered 500: INTERNAL: said")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(reply: HttpReply, expected: SendOutcome) -> None:
    assert outcome(FCM, HELLO, SIGNED_IN, reply) == expected


def test_an_access_token_that_is_not_taken_is_renewed_once() -> None:
    sending = FCM.send(HELLO, ENVELOPE)
    next(sending)
    sending.send(SIGNED_IN)
    again = sending.send(error(401))
    assert isinstance(again, TokenRequest)
    assert again.is_renewed
    assert outcome(FCM, HELLO, SIGNED_IN, error(401), SIGNED_IN, answer(200, {"name": "n"})) == Sent("n")
    refused = error(401, "THIRD_PARTY_AUTH_ERROR")
    said = "the vendor answered 401: THIRD_PARTY_AUTH_ERROR: said"
    assert outcome(FCM, HELLO, SIGNED_IN, refused, SIGNED_IN, refused) == Refused(said)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
            Refused("the vendor answered 400: Invalid JWT Signature."),
        ),
        (answer(500, b""), Retry("the vendor answered 500")),
        (HttpReply(0, failure="timeout", error="no answer"), Retry("no answer")),
    ],
)
def test_without_an_access_token_nothing_is_sent(reply: HttpReply, expected: SendOutcome) -> None:
    assert outcome(FCM, HELLO, TokenReply("", reply)) == expected


@pytest.mark.parametrize("written", ["", "{}", account(private_key="x"), account(private_key=pem(EC))])
def test_what_is_no_key_file_is_told(written: Any) -> None:
    said = Refused("the channel's service_account is not a service account's key file")
    assert outcome(load("fcm", {"service_account": written}), HELLO) == said
