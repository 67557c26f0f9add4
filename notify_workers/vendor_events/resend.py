"""Resend's webhooks: https://resend.com/docs/webhooks/event-types"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from svix.webhooks import Webhook

from notify_workers.providers.answers import text_at
from notify_workers.providers.email.resend import Resend
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest

KINDS: Mapping[str, Kind] = {
    "email.sent": "sent",
    "email.delivered": "delivered",
    "email.bounced": "bounced",
    "email.suppressed": "bounced",
    "email.failed": "undelivered",
    "email.complained": "complained",
    "email.opened": "opened",
    "email.clicked": "clicked",
}
REASONS = (("bounce", "message"), ("suppressed", "message"), ("failed", "reason"))


def verify(provider: Resend, request: VendorRequest) -> bool:
    """Svix (https://resend.com/docs/webhooks/verify-webhooks-requests): five minutes at most; each delivery is signed anew."""
    if not provider.webhook_secret:
        return False
    try:
        Webhook(provider.webhook_secret).verify(request.body, dict(request.headers))
    except json.JSONDecodeError:
        return True  # it is verified, and says nothing
    except Exception:  # besides its own error the library raises several kinds, for headers of several wrong forms
        return False
    return True


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.json
    name = text_at(told, "type")
    if name in KINDS:
        yield VendorEvent(
            kind=KINDS[name],
            name=name,
            external_id=text_at(told, "data", "email_id"),
            words=next(filter(None, (text_at(told, "data", *each) for each in REASONS)), ""),
            at=text_at(told, "created_at"),
            url=text_at(told, "data", "click", "link"),
        )
