"""The settings of what leaves the engine: deliveries, webhooks, and what vendors are asked."""

from __future__ import annotations

from dataclasses import dataclass

from notify_workers.setting_values import MEGABYTE, _count, _http_url, _networks, _positive, _setting


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    delivery_lease: float = _setting(
        "DELIVERY_LEASE", 60.0, _positive, "Seconds after which an attempt without an outcome counts as unknown."
    )
    delivery_attempts: int = _setting("DELIVERY_ATTEMPTS", 8, _count, "Attempts to deliver a message.")
    delivery_window: float = _setting(
        "DELIVERY_WINDOW", 1800.0, _positive, "Seconds over which the attempts are spread, growing, with jitter."
    )
    breaker_failures: int = _setting(
        "BREAKER_FAILURES",
        5,
        _count,
        "Failures of a provider, one after the other, from which it is passed over while its channel has others.",
    )
    breaker_pause: float = _setting(
        "BREAKER_PAUSE", 30.0, _positive, "Seconds for which it is passed over; then one message tries it."
    )
    smtp_timeout: float = _setting("SMTP_TIMEOUT", 20.0, _positive, "Seconds to wait for an answer of an SMTP server.")
    smtp_idle: float = _setting(
        "SMTP_IDLE", 30.0, _positive, "Seconds an idle SMTP connection is kept for the next message."
    )
    http_response_limit: int = _setting(
        "HTTP_RESPONSE_LIMIT", MEGABYTE, _count, "Bytes that are read of an answer to a webhook or a fetch step."
    )
    allowed_networks: str | None = _setting(
        "ALLOWED_NETWORKS",
        None,
        _networks,
        "Private networks that webhooks and fetch steps may reach, such as 10.0.0.0/8, apart by commas. Unset: none, and "
        "this machine in the development stack.",
    )
    webhook_timeout: float = _setting(
        "WEBHOOK_TIMEOUT", 10.0, _positive, "Seconds that an outbound webhook has for its answer, all of it."
    )
    webhook_attempts: int = _setting("WEBHOOK_ATTEMPTS", 8, _count, "Attempts to tell an outbound webhook of an event.")
    webhook_window: float = _setting(
        "WEBHOOK_WINDOW",
        14_400.0,
        _positive,
        "Seconds over which those attempts are spread, growing, with jitter; then the event is given up.",
    )
    webhook_failures: int = _setting(
        "WEBHOOK_FAILURES",
        10,
        _count,
        "Requests without an answer, or answered 429 or 5xx, one after the other, from which a webhook is asked once a pause.",
    )
    webhook_pause: float = _setting("WEBHOOK_PAUSE", 60.0, _positive, "Seconds of such a pause.")
    webhook_days: float = _setting(
        "WEBHOOK_DAYS", 30.0, _positive, "Days that the log of a webhook's deliveries is kept."
    )
    vendor_event_tolerance: float = _setting(
        "VENDOR_EVENT_TOLERANCE",
        86_400.0,
        _positive,
        "Seconds that the time in a vendor's signature may be away from now. Some vendors repeat an event with its first "
        "signature for hours, and an event that comes again changes nothing.",
    )
    vendor_event_body: int = _setting(
        "VENDOR_EVENT_BODY", 2 * MEGABYTE, _count, "Bytes that a vendor's request with events may have."
    )
    slack_url: str = _setting("SLACK_URL", "https://slack.com/api", _http_url, "Where Slack's API is.")
    slack_client_id: str | None = _setting(
        "SLACK_CLIENT_ID", None, str, "The Slack app that customers connect their workspaces with."
    )
    slack_client_secret: str | None = _setting("SLACK_CLIENT_SECRET", None, str, "That app's secret.")
    ms_graph_url: str = _setting(
        "MS_GRAPH_URL", "https://graph.microsoft.com/v1.0", _http_url, "Where Microsoft Graph is."
    )
    ms_login_url: str = _setting(
        "MS_LOGIN_URL", "https://login.microsoftonline.com", _http_url, "Where Microsoft hands out tokens."
    )
    ms_teams_client_id: str | None = _setting(
        "MS_TEAMS_CLIENT_ID",
        None,
        str,
        "The application (Entra ID) that asks Microsoft Graph about teams and channels.",
    )
    ms_teams_client_secret: str | None = _setting("MS_TEAMS_CLIENT_SECRET", None, str, "That application's secret.")
    vendor_timeout: float = _setting(
        "VENDOR_TIMEOUT", 10.0, _positive, "Seconds to wait for Slack or Microsoft while a request to the API waits."
    )
