"""Settings of providers that take no made-up text, such as keys that must be real ones, and addresses of such a kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.notify_workers.providers.push.keys import EC, SUBSCRIPTION, account, pem
from workflows.content import Content, Push

SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "apprise": {"urls": "json://127.0.0.1/secret-path"},
    "apns": {"team_id": "team-1", "key_id": "key-1", "private_key": pem(EC), "bundle_id": "test.vendor"},
    "discord": {"bot_token": "bot_token@vendor.test"},
    "fcm": {"service_account": account()},
    "ms_teams": {"client_id": "app-1", "client_secret": "client_secret@vendor.test", "bot_tenant_id": "tenant-1"},
    "plivo": {
        "auth_id": "auth-1",
        "auth_token": "auth_token@vendor.test",
        "from_number": "+15559999",
        "status_callback_url": "https://doorbell.test/plivo",
    },
    "slack": {"access_token": "access_token@vendor.test"},
    "telnyx": {
        "api_key": "api_key@vendor.test",
        "from_number": "+15559999",
        "status_callback_url": "https://doorbell.test/telnyx",
    },
    "twilio": {
        "account_sid": "AC1",
        "auth_token": "auth_token@vendor.test",
        "from_number": "+15559999",
        "status_callback_url": "https://doorbell.test/twilio",
    },
    "web_push": {"vapid_private_key": pem(EC), "vapid_subject": "mailto:push@vendor.test"},
}

CONTENTS: Mapping[str, Content] = {"web_push": Push(json.dumps(SUBSCRIPTION), "Hello", "there")}
"""Of providers for which the content of their channel type has no address."""
