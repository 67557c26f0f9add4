"""Vendors of text messages."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from hashlib import sha1, sha256
from hmac import HMAC
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vendors import Told

NUMBER = {"from_number": "+15559999"}


def naming(url: str, message_id: str) -> str:
    return f"{url}?doorbell_message={message_id}" if message_id else url


def told_form(url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Told:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return Told(url, urlencode(fields).encode(), {**kind, **headers})


class Twilio:
    name = "twilio"
    external_id = "SM1b0d2f9f8f8f4f0f8f8f8f8f8f8f8f8f"

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)

    @property
    def settings(self) -> dict[str, str]:
        return {"account_sid": "AC1", "auth_token": self.secret, **NUMBER}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        kinds = {
            "delivered": {"MessageStatus": "delivered"},
            "undelivered": {"MessageStatus": "undelivered", "ErrorCode": "30003"},
            "bounced": {"MessageStatus": "undelivered", "ErrorCode": "30005"},
            "deferred": {"MessageStatus": "sending"},
        }
        status = kinds[kind]["MessageStatus"]
        fields = {
            "SmsSid": self.external_id,
            "SmsStatus": status,
            "MessageSid": self.external_id,
            "To": "+15550001",
            "AccountSid": "AC1",
            "From": "+15559999",
            "ApiVersion": "2010-04-01",
            **kinds[kind],
        }
        whole = naming(url, message_id)
        signed = whole + "".join(name + fields[name] for name in sorted(fields))
        signature = base64.b64encode(HMAC(self.secret.encode(), signed.encode(), sha1).digest()).decode()
        return told_form(whole, fields, {"x-twilio-signature": signature})


class Vonage:
    name = "vonage"
    external_id = "0A0000001234567B"
    method = "sha256"

    def __init__(self) -> None:
        self.secret = secrets.token_hex(8)

    @property
    def settings(self) -> dict[str, str]:
        method = {"webhook_secret": self.secret, "webhook_signature_method": self.method}
        return {"api_key": "abcd1234", "api_secret": "y", **method, **NUMBER}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        kinds = {
            "delivered": {"status": "delivered", "err-code": "0"},
            "undelivered": {"status": "failed", "err-code": "8"},
            "bounced": {"status": "failed", "err-code": "3"},
            "deferred": {"status": "buffered", "err-code": "0"},
        }
        fields = {
            "msisdn": "447700900000",
            "to": "AcmeInc",
            "network-code": "12345",
            "messageId": self.external_id,
            "price": "0.03330000",
            "scts": "2001011400",
            "api-key": "abcd1234",
            "client-ref": message_id,
            "message-timestamp": "2020-01-01 12:00:00",
            "timestamp": str(int(time.time())),
            "nonce": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
            **kinds[kind],
        }
        text = "".join(f"&{name}={fields[name]}" for name in sorted(fields))
        signature = HMAC(self.secret.encode(), text.encode(), sha256).hexdigest().upper()
        return Told(url, json.dumps({**fields, "sig": signature}).encode(), {"content-type": "application/json"})


class Telnyx:
    name = "telnyx"
    external_id = "40385f64-5717-4562-b3fc-2c963f66afa6"

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    @property
    def settings(self) -> dict[str, str]:
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        return {"api_key": "KEY", "webhook_public_key": public, **NUMBER}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        error = {"code": "40012", "title": "Invalid destination number", "detail": "Carrier rejected the number."}
        kinds: dict[str, tuple[str, str, list[Any]]] = {
            "delivered": ("message.finalized", "delivered", []),
            "undelivered": (
                "message.finalized",
                "delivery_failed",
                [{**error, "code": "40008", "title": "Undeliverable"}],
            ),
            "bounced": ("message.finalized", "delivery_failed", [error]),
            "deferred": ("message.sent", "queued", []),
        }
        event, status, errors = kinds[kind]
        payload = {
            "id": self.external_id,
            "direction": "outbound",
            "errors": errors,
            "record_type": "message",
            "to": [
                {
                    "carrier": "T-MOBILE USA, INC.",
                    "line_type": "long_code",
                    "phone_number": "+15550001",
                    "status": status,
                }
            ],
            "type": "SMS",
        }
        occurred = "2019-12-09T21:32:14.148+00:00"
        data = {
            "event_type": event,
            "id": "4ee8c3a6",
            "occurred_at": occurred,
            "payload": payload,
            "record_type": "event",
        }
        body, moment = json.dumps({"data": data, "meta": {"attempt": 1}}), str(int(time.time()))
        signature = base64.b64encode(self.key.sign(f"{moment}|{body}".encode())).decode()
        headers = {"telnyx-timestamp": moment, "telnyx-signature-ed25519": signature}
        return Told(naming(url, message_id), body.encode(), {"content-type": "application/json", **headers})


class Plivo:
    name = "plivo"
    external_id = "db3ce55a-7f1d-11e1-8ea7-1231380bc196"

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)

    @property
    def settings(self) -> dict[str, str]:
        return {"auth_id": "MA1", "auth_token": self.secret, **NUMBER}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        return self.told(url, kind, message_id, version=2)

    def told(self, url: str, kind: str, message_id: str, *, version: int) -> Told:
        kinds = {
            "delivered": {"Status": "delivered"},
            "undelivered": {"Status": "undelivered", "ErrorCode": "20"},
            "bounced": {"Status": "failed", "ErrorCode": "50"},
            "deferred": {"Status": "queued"},
        }
        fields = {
            "From": "15559999",
            "To": "15550001",
            "Type": "sms",
            "MessageUUID": self.external_id,
            "Units": "1",
            **kinds[kind],
        }
        whole, nonce = naming(url, message_id), "05429567804466091622"
        text = url if version == 2 else f"{whole}.{''.join(name + fields[name] for name in sorted(fields))}."
        signature = base64.b64encode(HMAC(self.secret.encode(), f"{text}{nonce}".encode(), sha256).digest()).decode()
        prefix = f"x-plivo-signature-v{version}"
        return told_form(whole, fields, {prefix: signature, f"{prefix}-nonce": nonce})


class MessageBird:
    name = "messagebird"
    external_id = "efa6405d518d4c0c88cce11f7db775fb"

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)

    @property
    def settings(self) -> dict[str, str]:
        return {"access_key": "x", "webhook_secret": self.secret, **NUMBER}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        kinds = {
            "delivered": {"status": "delivered", "statusReason": "successfully delivered"},
            "undelivered": {"status": "delivery_failed", "statusReason": "carrier rejected", "statusErrorCode": "104"},
            "bounced": {"status": "delivery_failed", "statusReason": "unknown subscriber", "statusErrorCode": "1"},
            "deferred": {"status": "buffered", "statusReason": "pending DLR"},
        }
        query = {
            "id": self.external_id,
            "reference": message_id,
            "recipient": "15550001",
            "statusDatetime": "2017-09-01T10:00:05+00:00",
            **kinds[kind],
        }
        whole, now = f"{url}?{urlencode(query)}", int(time.time())
        hashed = sha256(whole.encode()).hexdigest()
        claims = {"iss": "MessageBird", "nbf": now, "exp": now + 60, "jti": "x", "url_hash": hashed}
        header = {"messagebird-signature-jwt": jwt.encode(claims, self.secret, "HS256")}
        return Told(whole, headers=header, method="GET")


class Sinch:
    name = "sinch"
    external_id = "01FC66621XXXXX119Z8PMV1QPQ"

    def __init__(self) -> None:
        self.secret = secrets.token_hex(8)

    @property
    def settings(self) -> dict[str, str]:
        return {"service_plan_id": "p", "api_token": "x", "webhook_secret": self.secret, **NUMBER}

    def tell(self, url: str, kind: str, message_id: str) -> Told:
        kinds: dict[str, tuple[str, int]] = {
            "delivered": ("Delivered", 0),
            "undelivered": ("Failed", 404),
            "bounced": ("Deleted", 0),
            "deferred": ("Queued", 400),
        }
        status, code = kinds[kind]
        body = json.dumps(
            {
                "at": "2022-08-30T08:16:08.930Z",
                "batch_id": self.external_id,
                "client_reference": message_id,
                "code": code,
                "operator_status_at": "2022-08-30T08:16:00Z",
                "recipient": "+15550001",
                "status": status,
                "type": "recipient_delivery_report_sms",
            }
        )
        prefix, nonce, moment = "x-sinch-webhook-signature", "01FJA8B4A7BM43YGWSG9GBV067", str(int(time.time()))
        signed = HMAC(self.secret.encode(), f"{body}.{nonce}.{moment}".encode(), sha256).digest()
        headers = {
            prefix: base64.b64encode(signed).decode(),
            f"{prefix}-nonce": nonce,
            f"{prefix}-timestamp": moment,
            f"{prefix}-algorithm": "HmacSHA256",
        }
        return Told(url, body.encode(), {"content-type": "application/json", **headers})
