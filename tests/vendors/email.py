"""Vendors of e-mail."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import HMAC
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from svix.webhooks import Webhook

from tests.vendors import Told

JANE = "jane@example.com"
FROM = {"from_address": "hello@doorbell.test"}


def told_json(url: str, body: Any, headers: Mapping[str, str] | None = None) -> Told:
    return Told(url, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})})


def basic(user: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


class SendGrid:
    name = "sendgrid"
    external_id = "14c5d75ce93.dfd.64b469"

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def settings(self) -> dict[str, str]:
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {"api_key": "SG.x", "webhook_public_key": base64.b64encode(public).decode(), **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        kinds: dict[str, dict[str, Any]] = {
            "delivered": {"event": "delivered", "response": "250 OK"},
            "bounced": {
                "event": "bounce",
                "reason": "500 unknown recipient",
                "status": "5.0.0",
                "type": "bounce",
                "bounce_classification": "Invalid Address",
            },
            "blocked": {"event": "bounce", "reason": "550 blocked", "type": "blocked"},
            "dropped": {"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"},
            "complained": {"event": "spamreport"},
            "opened": {"event": "open", "useragent": "Mozilla/4.0", "ip": "255.255.255.255", "sg_machine_open": False},
            "proxied": {"event": "open", "useragent": "Mozilla/5.0", "ip": "255.255.255.255", "sg_machine_open": True},
            "clicked": {"event": "click", "url": "http://www.sendgrid.com/", "ip": "255.255.255.255"},
            "deferred": {"event": "deferred", "response": "400 try again later", "attempt": "5"},
        }
        event = {
            "email": JANE,
            "timestamp": 1513299569,
            "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
            "category": ["cat facts"],
            "sg_event_id": "ZGVsaXZlcmVkLTA",
            "sg_message_id": f"{self.external_id}.filter0001.16648.5515E0B88.0",
            **kinds[kind],
            **({"doorbell_message": message_id} if message_id else {}),
        }
        return self.signed(url, json.dumps([event]) + "\r\n")

    def signed(self, url: str, body: str, at: float | None = None) -> Told:
        moment = str(int(at or time.time()))
        signature = self.key.sign((moment + body).encode(), ec.ECDSA(SHA256()))
        prefix = "x-twilio-email-event-webhook"
        headers = {f"{prefix}-timestamp": moment, f"{prefix}-signature": base64.b64encode(signature).decode()}
        return Told(url, body.encode(), {"content-type": "application/json", **headers})


class Resend:
    """It has no name of ours."""

    name = "resend"
    external_id = "56761188-7520-42d8-8898-ff6fc54ce618"

    def __init__(self) -> None:
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()

    @property
    def settings(self) -> dict[str, str]:
        return {"api_key": "re_x", "webhook_secret": self.secret, **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        bounce = {
            "diagnosticCode": ["smtp; 550 5.5.0 Requested action not taken: mailbox unavailable"],
            "message": "The recipient's email address is on the suppression list",
            "subType": "Suppressed",
            "type": "Permanent",
        }
        click = {"ipAddress": "122.115.53.11", "link": "https://resend.com", "timestamp": "2024-11-24T05:00:57.163Z"}
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "delivered": ("email.delivered", {}),
            "bounced": ("email.bounced", {"bounce": bounce}),
            "complained": ("email.complained", {}),
            "opened": ("email.opened", {}),
            "clicked": ("email.clicked", {"click": click}),
        }
        name, further = kinds[kind]
        data = {
            "created_at": "2026-02-22T23:41:11.894719+00:00",
            "email_id": self.external_id,
            "from": "Acme <onboarding@resend.dev>",
            "to": [JANE],
            "subject": "Sending this example",
            **further,
        }
        body = json.dumps({"type": name, "created_at": "2026-02-22T23:41:12.126Z", "data": data})
        now, identifier = datetime.now(UTC), f"msg_{secrets.token_hex(8)}"
        headers = {
            "svix-id": identifier,
            "svix-timestamp": str(int(now.timestamp())),
            "svix-signature": Webhook(self.secret).sign(identifier, now, body),
        }
        return Told(url, body.encode(), {"content-type": "application/json", **headers})


class Mailgun:
    name = "mailgun"
    external_id = "<20180812211713.1.DF5966851B4BAA99@example.org>"

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)

    @property
    def settings(self) -> dict[str, str]:
        return {"api_key": "key-x", "domain": "example.org", "webhook_secret": self.secret, **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        status = {"code": 550, "message": "5.1.1 The email account that you tried to reach does not exist."}
        kinds: dict[str, dict[str, Any]] = {
            "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
            "bounced": {"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": status},
            "deferred": {"event": "failed", "severity": "temporary", "reason": "generic", "delivery-status": status},
            "complained": {"event": "complained"},
            "opened": {"event": "opened", "client-info": {"client-type": "mobile browser"}},
            "clicked": {"event": "clicked", "url": "http://mailgun.com"},
        }
        event = {
            "id": "CPgfbmQMTCKtHW6uIWtuVe",
            "timestamp": 1521472262.908181,
            "log-level": "info",
            "recipient": JANE,
            "message": {"headers": {"to": JANE, "message-id": self.external_id.strip("<>")}, "size": 111},
            "user-variables": {"doorbell_message": message_id} if message_id else {},
            **kinds[kind],
        }
        moment, token = str(int(time.time())), secrets.token_hex(25)
        signature = HMAC(self.secret.encode(), f"{moment}{token}".encode(), sha256).hexdigest()
        return told_json(
            url, {"signature": {"timestamp": moment, "token": token, "signature": signature}, "event-data": event}
        )


class Postmark:
    name = "postmark"
    external_id = "883953f4-6105-42a2-a16a-77a8eac79483"

    def __init__(self) -> None:
        self.secret = f"doorbell:{secrets.token_hex(8)}"

    @property
    def settings(self) -> dict[str, str]:
        return {"server_token": "x", "webhook_secret": self.secret, **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        hard = {
            "RecordType": "Bounce",
            "ID": 4323372036854775807,
            "Type": "HardBounce",
            "TypeCode": 1,
            "Name": "Hard bounce",
            "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
            "Details": "Test bounce details",
            "Email": JANE,
            "BouncedAt": "2019-11-05T16:33:54.9070259Z",
        }
        kinds: dict[str, dict[str, Any]] = {
            "delivered": {
                "RecordType": "Delivery",
                "Recipient": JANE,
                "DeliveredAt": "2019-11-05T16:33:54.9070259Z",
                "Details": "Test delivery webhook details",
            },
            "bounced": hard,
            "deferred": {**hard, "Type": "Transient", "TypeCode": 2},
            "complained": {**hard, "RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512},
            "opened": {
                "RecordType": "Open",
                "FirstOpen": True,
                "Recipient": JANE,
                "ReceivedAt": "2019-11-05T16:33:54Z",
            },
            "clicked": {"RecordType": "Click", "OriginalLink": "https://example.com", "Recipient": JANE},
        }
        metadata = {"doorbell_message": message_id} if message_id else {}
        body = {**kinds[kind], "MessageID": self.external_id, "MessageStream": "outbound", "Metadata": metadata}
        return told_json(url, body, basic(self.secret))


class Mailjet:
    name = "mailjet"
    external_id = "12345678901234567"

    def __init__(self) -> None:
        self.secret = f"doorbell:{secrets.token_hex(8)}"

    @property
    def settings(self) -> dict[str, str]:
        return {"api_key": "x", "api_secret": "y", "webhook_secret": self.secret, **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        bounce = {"event": "bounce", "blocked": True, "error_related_to": "recipient"}
        kinds: dict[str, dict[str, Any]] = {
            "delivered": {"event": "sent", "smtp_reply": "sent (250 2.0.0 OK 1433333948 fa5si855896wjc.199 - gsmtp)"},
            "bounced": {
                **bounce,
                "hard_bounce": True,
                "error": "user unknown",
                "comment": "Host or domain name not found.",
            },
            "deferred": {**bounce, "hard_bounce": False, "error": "greylisted"},
            "complained": {"event": "spam", "source": "JMRPP"},
            "opened": {"event": "open", "ip": "127.0.0.1", "geo": "US", "agent": "Mozilla/5.0"},
            "clicked": {"event": "click", "url": "https://mailjet.com", "ip": "127.0.0.1"},
        }
        event = {
            "time": 1433333949,
            "MessageID": int(self.external_id),
            "Message_GUID": "1ab23cd4-e567-8901-2345-6789f0gh1i2j",
            "email": JANE,
            "mj_campaign_id": 7257,
            "CustomID": message_id,
            "Payload": "",
            **kinds[kind],
        }
        return told_json(url, [event] if kind == "delivered" else event, basic(self.secret))  # grouped, or not


class SparkPost:
    name = "sparkpost"
    external_id = "65832150921904138"

    def __init__(self) -> None:
        self.secret = f"doorbell:{secrets.token_hex(8)}"

    @property
    def settings(self) -> dict[str, str]:
        return {"api_key": "x", "webhook_secret": self.secret, **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        bounce = {
            "type": "bounce",
            "error_code": "550",
            "reason": "MAIL REFUSED",
            "raw_reason": "550 5.1.1 unknown user",
        }
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "delivered": ("message_event", {"type": "delivery", "queue_time": "12"}),
            "bounced": ("message_event", {**bounce, "bounce_class": "10"}),
            "deferred": ("message_event", {**bounce, "type": "delay", "bounce_class": "20"}),
            "complained": ("message_event", {"type": "spam_complaint", "fbtype": "abuse"}),
            "opened": ("track_event", {"type": "open", "user_agent": "Mozilla/5.0"}),
            "clicked": ("track_event", {"type": "click", "target_link_url": "http://example.com"}),
        }
        place, further = kinds[kind]
        event = {
            "event_id": "92356927693813856",
            "message_id": "000443ee14578172be22",
            "raw_rcpt_to": JANE,
            "rcpt_to": JANE,
            "rcpt_meta": {"doorbell_message": message_id} if message_id else {},
            "timestamp": "1454442600",
            "transmission_id": self.external_id,
            **further,
        }
        return told_json(url, [{"msys": {}}, {"msys": {place: event}}], basic(self.secret))


class Ses:
    """Amazon SNS in between. `certificate` is what it hands out at `CERTIFICATE_URL`."""

    name = "ses"
    external_id = "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"
    topic = "arn:aws:sns:us-west-2:123456789012:MyTopic"

    CERTIFICATE_URL = (
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
    )
    SUBSCRIBE_URL = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=2336412f37"

    def __init__(self, version: str = "2") -> None:
        self.version = version
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1, now, now + timedelta(days=1))
        ).sign(self.key, SHA256())
        self.certificate = certificate.public_bytes(Encoding.PEM)

    @property
    def settings(self) -> dict[str, str]:
        return {"region": "us-west-2", "webhook_topic_arn": self.topic, **FROM}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        bounced = [
            {
                "emailAddress": JANE,
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ]
        bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": bounced}
        kinds: dict[str, dict[str, Any]] = {
            "delivered": {
                "eventType": "Delivery",
                "delivery": {"recipients": [JANE], "smtpResponse": "250 2.6.0"},
            },
            "bounced": {"eventType": "Bounce", "bounce": {**bounce, "timestamp": "2017-08-05T00:41:02.669Z"}},
            "soft": {"eventType": "Bounce", "bounce": {**bounce, "bounceType": "Transient"}},
            "complained": {
                "eventType": "Complaint",
                "complaint": {"complainedRecipients": [{"emailAddress": JANE}], "complaintFeedbackType": "abuse"},
            },
            "opened": {
                "eventType": "Open",
                "open": {"ipAddress": "192.0.2.1", "timestamp": "2017-08-09T22:00:19.652Z"},
            },
            "clicked": {
                "eventType": "Click",
                "click": {"link": "http://docs.aws.amazon.com/ses/", "ipAddress": "192.0.2.1"},
            },
        }
        tags = {"ses:configuration-set": ["ConfigSet"], **({"doorbell_message": [message_id]} if message_id else {})}
        mail = {
            "timestamp": "2017-08-05T00:40:02.012Z",
            "source": "Sender Name <sender@example.com>",
            "messageId": self.external_id,
            "destination": [JANE],
            "tags": tags,
        }
        return self.signed(url, {"Type": "Notification", "Message": json.dumps({**kinds[kind], "mail": mail})})

    def confirmation(self, url: str, **changes: str) -> Told:
        return self.signed(
            url,
            {
                "Type": "SubscriptionConfirmation",
                "Token": "2336412f37",
                "Message": "You have chosen to subscribe to the topic.\nTo confirm, visit the SubscribeURL.",
                "SubscribeURL": self.SUBSCRIBE_URL,
                **changes,
            },
        )

    def signed(self, url: str, body: Mapping[str, str]) -> Told:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        whole = {
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "TopicArn": self.topic,
            "Timestamp": moment,
            "SignatureVersion": self.version,
            "SigningCertURL": self.CERTIFICATE_URL,
            **body,
        }
        names = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
        text = "".join(f"{name}\n{whole[name]}\n" for name in names if name in whole)
        signature = self.key.sign(text.encode(), PKCS1v15(), SHA1() if self.version == "1" else SHA256())
        whole["Signature"] = base64.b64encode(signature).decode()
        return Told(url, json.dumps(whole).encode(), {"content-type": "text/plain; charset=UTF-8"})
