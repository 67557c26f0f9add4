"""WhatsApp, played after https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages"""

from __future__ import annotations

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Chat

WHATSAPP = load("whatsapp", {"access_token": "EAAJB", "phone_number_id": "106540352242922"})
HELLO = Chat({"phone_number": "+16505551234"}, "**Hello**")


def test_the_request_is_the_vendors() -> None:
    request = asked(WHATSAPP, HELLO)
    assert (request.method, request.url) == ("POST", "https://graph.facebook.com/v23.0/106540352242922/messages")
    assert request.headers == {"authorization": "Bearer EAAJB", "content-type": "application/json"}
    assert request.body.decode() == (
        '{"messaging_product":"whatsapp","recipient_type":"individual","to":"+16505551234",'
        f'"biz_opaque_callback_data":"{ID}","type":"text","text":{{"body":"*Hello*"}}}}'
    )


def test_a_template_opens_a_conversation() -> None:
    template = {"type": "template", "template": {"name": "hello_world", "language": {"code": "en_US"}}}
    body = json_body(asked(WHATSAPP, Chat(HELLO.connection, json_content=template)))
    assert body | template == body
    assert (body["to"], body["biz_opaque_callback_data"], "text" in body) == ("+16505551234", ID, False)


def failure(code: int, message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Az8"}}


TAKEN = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "1650"}], "messages": [{"id": "wamid.HBgL"}]}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, TAKEN, Sent("wamid.HBgL")),
        (200, {}, Unknown("the vendor answered 200")),
        (400, failure(131026, "undeliverable"), Bounced("the vendor answered 400: undeliverable")),
        (400, failure(131047, "24 hours"), Refused("the vendor answered 400: 24 hours")),
        (401, failure(190, "expired"), Refused("the vendor answered 401: expired")),
        (400, failure(131056, "pair limit"), Retry("the vendor answered 400: pair limit")),
        (500, failure(131016, "overloaded"), Retry("the vendor answered 500: overloaded")),
        (400, failure(131000, "went wrong"), Unknown("the vendor answered 400: went wrong")),
        (500, {}, Unknown("the vendor answered 500")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(WHATSAPP, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    reply = answer(429, failure(130429, "Rate limit hit"), retry_after="5")
    assert outcome(WHATSAPP, HELLO, reply) == Retry("the vendor answered 429: Rate limit hit", 5.0)


def test_a_message_to_nobody_is_not_sent() -> None:
    assert isinstance(outcome(WHATSAPP, Chat({}, "Hi")), Bounced)
    assert isinstance(outcome(WHATSAPP, HELLO, connection=None), Bounced)
