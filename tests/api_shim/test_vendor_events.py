"""Vendors' events: what is signed changes its message once, in whatever order it comes; what is not signed changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from notify_workers import channels, http_client, vendor_reports, webhooks
from notify_workers.errors import NotFound
from notify_workers.providers import HttpReply, HttpRequest
from notify_workers.providers.sms.vonage import Vonage
from notify_workers.vendor_events import VendorRequest, ses, vendor, vonage
from tests.answers import code
from tests.channels import REACHABLE, step
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.vendors import Told, Vendor, email, sms

EMAIL: list[type[Vendor]] = [
    email.SendGrid,
    email.Resend,
    email.Mailgun,
    email.Postmark,
    email.Mailjet,
    email.SparkPost,
    email.Ses,
]
SMS: list[type[Vendor]] = [sms.Twilio, sms.Vonage, sms.Telnyx, sms.Plivo, sms.MessageBird, sms.Sinch]


class Amazon:
    """Amazon's servers: what was asked of them, and the certificate that they hand out."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []
        self.certificate = b""
        self.status = 200

    def perform(self, request: HttpRequest) -> HttpReply:
        assert request.is_guarded
        assert request.method == "GET"
        self.asked.append(request)
        return HttpReply(self.status, body=self.certificate)


@pytest.fixture(autouse=True)
def amazon(monkeypatch: pytest.MonkeyPatch) -> Amazon:
    made = Amazon()
    monkeypatch.setattr(http_client, "perform", made.perform)
    monkeypatch.setattr(ses, "_keys", {})
    return made


@pytest.fixture
def is_sent(engine: Engine, amazon: Amazon) -> Callable[..., str]:
    """Sends a message by a channel of that vendor; the message's id. What was sent in truth went to the sandbox."""

    def send(played: Vendor, outcome: str | None = "sent", **settings: str) -> str:
        kind = "email" if played.__class__ in EMAIL else "sms"
        if isinstance(played, email.Ses):
            amazon.certificate = played.certificate
        engine.publish("welcome", [email_step()] if kind == "email" else [step("sms")])
        engine.trigger("welcome", [REACHABLE])
        engine.drain()
        channels.set_channel(
            DEVELOPMENT, kind, provider=played.name, name=kind, settings={**played.settings, **settings}
        )
        status = {"sent": "sent", "unknown": "delivery_attempted", None: "queued"}[outcome]
        (row,) = engine.rows(
            "update delivery_attempts set provider = :provider, external_id = :external_id, outcome = :outcome"
            " returning message_id",
            provider=played.name,
            external_id=played.external_id if outcome == "sent" else None,
            outcome=outcome,
        )
        engine.rows("update messages set status = :status returning id", status=status)
        return str(row.message_id)

    return send


def address(played: Vendor) -> str:
    kind = "email" if played.__class__ in EMAIL else "sms"
    return vendor_reports.addresses_of(DEVELOPMENT, kind)[played.name]


def status(engine: Engine) -> str:
    return str(engine.one("select status from messages").status)


def happened(engine: Engine) -> list[str]:
    """The events of the message since it was sent."""
    rows = engine.rows("select type from message_events order by number")
    types = [row.type.removeprefix("message.") for row in rows]
    return types[types.index("sent") + 1 :]


def data(engine: Engine, kind: str) -> Any:
    return engine.one("select data from message_events where type = :type", type=f"message.{kind}").data


Sends = Callable[..., str]


@pytest.mark.parametrize("made", [*EMAIL, *SMS])
def test_what_arrived_is_delivered_once(api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]) -> None:
    played = made()
    message = is_sent(played)
    told = played.tell(address(played), "delivered", message)
    assert [told.sent(api).status_code for _ in range(3)] == [200] * 3
    assert (status(engine), happened(engine)) == ("delivered", ["delivered"])
    assert data(engine, "delivered")["provider"] == played.name
    shown = api.get(f"/v1/messages/{message}/events").json()["items"]
    assert "message.delivered" in {each["type"] for each in shown}


@pytest.mark.parametrize("made", [*EMAIL, *SMS])
def test_what_bounced_stays_so_and_says_why_in_the_vendors_words(
    api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]
) -> None:
    played = made()
    message, url = is_sent(played), address(played)
    for kind in ("bounced", "bounced", "delivered"):
        assert played.tell(url, kind, message).sent(api).status_code == 200
    assert (status(engine), happened(engine)) == ("bounced", ["bounced"])
    told = data(engine, "bounced")
    assert (told["failure_reason"], told["provider"]) == ("bounced", played.name)
    assert told["failure_details"]


@pytest.mark.parametrize("made", [*EMAIL, *SMS])
def test_a_vendor_that_lost_our_name_is_understood_by_its_own(
    api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]
) -> None:
    played = made()
    is_sent(played)
    assert played.tell(address(played), "delivered", "").sent(api).status_code == 200
    assert status(engine) == "delivered"


@pytest.mark.parametrize("made", [*EMAIL, *SMS])
def test_a_forger_changes_nothing(api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]) -> None:
    played, forger = made(), made()
    message, url = is_sent(played), address(played)
    forged = forger.tell(url, "delivered", message)
    bare = Told(forged.url, forged.body, {}, forged.method)
    for each in (forged, bare):
        answer = each.sent(api)
        assert (answer.status_code, code(answer)) == (401, "invalid_signature")
    assert (status(engine), happened(engine)) == ("sent", [])
    assert played.tell(url, "delivered", message).sent(api).status_code == 200


@pytest.mark.parametrize("made", [*EMAIL[2:6], *SMS, email.SendGrid])
def test_what_is_not_final_is_taken_and_says_nothing(
    api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]
) -> None:
    played = made()
    message = is_sent(played)
    assert played.tell(address(played), "deferred", message).sent(api).status_code == 200
    assert (status(engine), happened(engine)) == ("sent", [])


@pytest.mark.parametrize("made", EMAIL)
def test_a_complaint_is_told_and_outlives_a_late_delivery(
    api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]
) -> None:
    played = made()
    message, url = is_sent(played), address(played)
    for kind in ("delivered", "complained", "complained", "delivered"):
        assert played.tell(url, kind, message).sent(api).status_code == 200
    assert (status(engine), happened(engine)) == ("undelivered", ["delivered", "undelivered"])
    assert data(engine, "undelivered")["failure_reason"] == "complaint"


@pytest.mark.parametrize("made", EMAIL)
def test_opens_and_clicks_count_where_they_are_asked_for(
    api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]
) -> None:
    played = made()
    message, url = is_sent(played), address(played)
    for kind in ("opened", "clicked"):
        assert played.tell(url, kind, message).sent(api).status_code == 200
    assert happened(engine) == []
    asking = {**played.settings, "tracks_engagement": "true"}
    channels.set_channel(DEVELOPMENT, "email", provider=played.name, name="Mail", settings=asking)
    for kind in ("opened", "opened", "clicked", "clicked"):
        assert played.tell(url, kind, message).sent(api).status_code == 200
    assert (status(engine), happened(engine)) == ("sent", ["seen", "read", "link_clicked"])
    assert data(engine, "link_clicked")["url"].startswith("http")


@pytest.mark.parametrize("made", SMS)
def test_a_failure_that_is_not_the_numbers_is_no_bounce_and_a_late_delivery_beats_it(
    api: CheckedClient, engine: Engine, is_sent: Sends, made: type[Vendor]
) -> None:
    played = made()
    message, url = is_sent(played), address(played)
    for kind in ("undelivered", "undelivered"):
        played.tell(url, kind, message).sent(api)
    assert (status(engine), happened(engine)) == ("undelivered", ["undelivered"])
    played.tell(url, "delivered", message).sent(api)
    played.tell(url, "undelivered", message).sent(api)
    assert (status(engine), happened(engine)) == ("delivered", ["undelivered", "delivered"])


# Messages


def test_an_event_of_nobody_is_taken(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = email.SendGrid()
    is_sent(played)
    played.external_id = "unknown"
    for message in ("3MQs49RN5zB4aVoOsSpLViWRwmW", "", "\0"):
        assert played.tell(address(played), "bounced", message).sent(api).status_code == 200
    assert (status(engine), happened(engine)) == ("sent", [])


def test_what_becomes_of_a_copy_says_nothing(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = email.SendGrid()
    message = is_sent(played)
    event = {"event": "bounce", "type": "bounce", "email": "copy@example.com", "doorbell_message": message}
    assert played.signed(address(played), json.dumps([event])).sent(api).status_code == 200
    assert status(engine) == "sent"


def test_an_event_that_overtakes_its_own_attempt_comes_again(
    api: CheckedClient, engine: Engine, is_sent: Sends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_shim.routes.vendor_events.SOON", 0.0)
    played = email.SendGrid()
    message = is_sent(played, outcome=None)
    (run,) = engine.rows("select run_id, trigger_id from messages")
    owe(engine, message, run)
    told = played.tell(address(played), "delivered", message)
    answer = told.sent(api)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert status(engine) == "queued"
    engine.rows("update delivery_attempts set outcome = 'sent' returning id")
    assert told.sent(api).status_code == 200
    assert status(engine) == "delivered"


def test_a_message_is_known_by_the_name_that_its_vendor_answered_with(
    api: CheckedClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = email.Resend()
    answer = HttpReply(200, body=json.dumps({"id": played.external_id}).encode())
    monkeypatch.setattr(http_client, "perform", lambda _request: answer)
    channels.set_channel(DEVELOPMENT, "email", provider="resend", name="Mail", settings=played.settings)
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [REACHABLE])
    engine.drain()
    assert (status(engine), engine.one("select external_id from delivery_attempts").external_id) == (
        "sent",
        played.external_id,
    )
    assert played.tell(address(played), "delivered", "").sent(api).status_code == 200
    assert status(engine) == "delivered"


def owe(engine: Engine, message: str, run: Any) -> None:
    engine.rows(
        "insert into due (kind, environment_id, run_id, trigger_id, message_id, attempt, due_at, publish_at)"
        " values ('delivery', :environment, :run, :trigger, :message, 2, engine_now() + interval '1 hour',"
        " engine_now() + interval '1 hour') returning id",
        environment=DEVELOPMENT,
        run=run.run_id,
        trigger=run.trigger_id,
        message=message,
    )


def test_what_the_vendor_has_is_not_sent_a_second_time(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = sms.Twilio()
    message = is_sent(played, outcome="unknown")
    (run,) = engine.rows("select run_id, trigger_id from messages")
    owe(engine, message, run)
    assert played.tell(address(played), "delivered", message).sent(api).status_code == 200
    assert (status(engine), engine.count("due")) == ("delivered", 0)
    assert engine.one("select outcome from delivery_attempts").outcome == "sent"


def test_outbound_webhooks_are_told(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = email.Mailgun()
    message = is_sent(played)
    webhooks.add(DEVELOPMENT, "https://example.com/hook", ["message.bounced"])
    played.tell(address(played), "bounced", message).sent(api)
    owed = engine.one("select type, snapshot, event_data from webhook_deliveries")
    assert (owed.type, owed.snapshot["status"]) == ("message.bounced", "bounced")
    assert owed.event_data["failure_details"].startswith("550 5.1.1")


# Addresses


def test_an_address_is_a_channels_and_a_vendors_own(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = email.Postmark()
    message, url = is_sent(played), address(played)
    other = url[:-1] + ("A" if url[-1] != "A" else "B")
    production = url.replace(DEVELOPMENT.hex, "0" * 32)
    for wrong in (other, production, url.rpartition("/")[0] + "/x", url.rpartition(".")[0]):
        assert code(played.tell(wrong, "bounced", message).sent(api)) == "resource_missing"
    resend = email.Resend()
    channels.set_channel(DEVELOPMENT, "email", provider="resend", name="Mail", settings=resend.settings)
    assert played.tell(url, "bounced", message).sent(api).status_code == 404
    assert status(engine) == "sent"
    with pytest.raises(NotFound):
        vendor_reports.addresses_of(DEVELOPMENT, "unknown")
    assert vendor("smtp") is None


def test_a_message_of_another_channel_is_not_reached(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    message = is_sent(email.Postmark())
    text = sms.Sinch()
    channels.set_channel(DEVELOPMENT, "sms", provider="sinch", name="Text", settings=text.settings)
    assert text.tell(address(text), "bounced", message).sent(api).status_code == 200
    assert status(engine) == "sent"


def test_a_request_that_is_too_large_or_says_nothing_changes_nothing(
    api: CheckedClient, engine: Engine, is_sent: Sends, change_settings: Callable[..., None]
) -> None:
    played = email.SendGrid()
    is_sent(played)
    for body in ("[]", "{}", "nothing", "[1, null, []]", '[{"event": ["bounce"]}]'):
        assert played.signed(address(played), body).sent(api).status_code == 200
    change_settings(vendor_event_body=100)
    assert played.tell(address(played), "bounced", "").sent(api).status_code == 413
    assert status(engine) == "sent"


def test_a_signature_may_not_be_older_than_is_tolerated(
    api: CheckedClient, engine: Engine, is_sent: Sends, change_settings: Callable[..., None]
) -> None:
    played = email.SendGrid()
    is_sent(played)
    change_settings(vendor_event_tolerance=300.0)
    url = address(played)
    answers = [played.signed(url, "[]", time.time() + each).sent(api).status_code for each in (-310, -290, 290, 310)]
    assert answers == [401, 200, 200, 401]


# Amazon


def test_amazons_topic_is_confirmed_where_amazon_says(api: CheckedClient, is_sent: Sends, amazon: Amazon) -> None:
    played = email.Ses()
    is_sent(played)
    assert played.confirmation(address(played)).sent(api).status_code == 200
    assert [each.url for each in amazon.asked] == [played.CERTIFICATE_URL, played.SUBSCRIBE_URL]
    amazon.status = 500
    assert played.confirmation(address(played)).sent(api).status_code == 503


@pytest.mark.parametrize(
    "wrong",
    [
        {"SigningCertURL": "https://sns.us-west-2.amazonaws.com.evil.test/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://evil.test/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "http://sns.us-west-2.amazonaws.com/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://x@sns.us-west-2.amazonaws.com/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://sns.us-west-2.amazonaws.com:444/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://sns.us-west-2.amazonaws.com/other.pem"},
        {"TopicArn": "arn:aws:sns:us-west-2:999999999999:Foreign"},
        {"SignatureVersion": "3"},
    ],
)
def test_nobody_else_is_asked_for_certificates(
    api: CheckedClient, is_sent: Sends, amazon: Amazon, wrong: dict[str, str]
) -> None:
    played = email.Ses()
    is_sent(played)
    assert played.confirmation(address(played), **wrong).sent(api).status_code == 401
    assert amazon.asked == []


def test_nothing_but_amazon_is_confirmed(api: CheckedClient, is_sent: Sends, amazon: Amazon) -> None:
    played = email.Ses(version="1")
    is_sent(played)
    told = played.confirmation(address(played), SubscribeURL="https://169.254.169.254/latest")
    assert told.sent(api).status_code == 200
    assert [each.url for each in amazon.asked] == [played.CERTIFICATE_URL]


def test_a_soft_bounce_is_no_bounce(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = email.Ses()
    message = is_sent(played)
    played.tell(address(played), "soft", message).sent(api)
    assert status(engine) == "undelivered"


def test_sendgrids_bounces_are_of_several_kinds(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = email.SendGrid()
    message = is_sent(played, tracks_engagement="true")
    for kind in ("blocked", "proxied", "dropped"):
        played.tell(address(played), kind, message).sent(api)
    assert happened(engine) == ["undelivered", "bounced"]


# Other ways to sign


def test_plivos_third_signature_covers_all_that_is_said(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = sms.Plivo()
    message, url = is_sent(played), address(played)
    told = played.told(url, "bounced", message, version=3)
    changed = Told(told.url, told.body.replace(b"failed", b"delivered"), told.headers)
    assert changed.sent(api).status_code == 401
    assert told.sent(api).status_code == 200
    assert status(engine) == "bounced"


def test_vonages_default_signature_is_the_one_of_its_own_library(change_settings: Callable[..., None]) -> None:
    change_settings(vendor_event_tolerance=1e10)
    provider = Vonage("key", "secret", "+15559999", webhook_secret="secret")
    good = b"a=1&b=2&timestamp=1461605396&sig=6af838ef94998832dbfc29020b564830"
    assert vonage.verify(provider, VendorRequest("https://doorbell.test", {}, good))
    assert not vonage.verify(provider, VendorRequest("https://doorbell.test", {}, good.replace(b"b=2", b"b=3")))


def test_twilio_does_not_sign_with_an_api_keys_secret(api: CheckedClient, engine: Engine, is_sent: Sends) -> None:
    played = sms.Twilio()
    message, url = is_sent(played, api_key_sid="SK1"), address(played)
    assert played.tell(url, "delivered", message).sent(api).status_code == 401
    settings = {**played.settings, "api_key_sid": "SK1", "auth_token": "other", "webhook_secret": played.secret}
    channels.set_channel(DEVELOPMENT, "sms", provider="twilio", name="Text", settings=settings)
    assert played.tell(url, "delivered", message).sent(api).status_code == 200
