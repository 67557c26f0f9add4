"""The settings of the API: who may call it, its log, guides, feeds and the socket."""

from __future__ import annotations

from dataclasses import dataclass

from notify_workers.setting_values import MEGABYTE, _count, _flag, _origins, _positive, _setting, _tiers


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    # Access
    allowed_origins: str = _setting(
        "ALLOWED_ORIGINS",
        "*",
        _origins,
        "Web pages that may call the API: `*` for all, or origins such as https://app.example.com, apart by commas.",
    )
    user_token_leeway: float = _setting(
        "USER_TOKEN_LEEWAY", 10.0, _positive, "Seconds that the clock of who signs user tokens may differ from ours."
    )
    user_token_cache: int = _setting(
        "USER_TOKEN_CACHE", 4096, _count, "Verified user tokens that one API process remembers."
    )
    rate_limits: bool | None = _setting(
        "RATE_LIMITS", None, _flag, "on or off. Unset: on, and off in the development stack."
    )
    rate_limit_tiers: str = _setting(
        "RATE_LIMIT_TIERS",
        "1,5,60,200,1000",
        _tiers,
        "Requests a second that an endpoint of tier 1, 2, 3, 4, 5 answers to one caller.",
    )
    api_log: bool = _setting("API_LOG", True, _flag, "Whether requests to the API are logged in the database.")
    api_log_body: int = _setting(
        "API_LOG_BODY", 16 * 1024, _count, "Bytes from which a body is left out of the API log."
    )
    api_log_queue: int = _setting(
        "API_LOG_QUEUE",
        32 * MEGABYTE,
        _count,
        "Bytes of requests that wait in one process to be logged; what comes on top is not logged, and counted.",
    )
    api_log_waiting: int = _setting(
        "API_LOG_WAITING", 50_000, _count, "Requests that wait in Redis to be logged; the oldest on top are not logged."
    )
    api_log_retention: float = _setting("API_LOG_RETENTION", 30.0, _positive, "Days that the API log is kept.")

    # Guides and the socket
    max_guide_content: int = _setting(
        "MAX_GUIDE_CONTENT",
        64 * 1024,
        _count,
        "Bytes that a request may say of what a guide showed: its content, its data and its metadata each.",
    )
    socket_idle: float = _setting(
        "SOCKET_IDLE", 60.0, _positive, "Seconds after which a socket that sends nothing is closed."
    )
    socket_frame: int = _setting("SOCKET_FRAME", 64 * 1024, _count, "Bytes that a frame from a client may have.")
    socket_topics: int = _setting("SOCKET_TOPICS", 100, _count, "Topics that one socket may join.")
    socket_queue: int = _setting(
        "SOCKET_QUEUE", 100, _count, "Frames that wait for a slow client before its socket is closed."
    )
    socket_slow: float = _setting(
        "SOCKET_SLOW", 20.0, _positive, "Seconds that a client may take to take what it is sent before it is cut off."
    )
    feed_interval: float = _setting(
        "FEED_INTERVAL",
        0.2,
        _positive,
        "Seconds between two pushes of one feed; what comes in between is told together.",
    )
    feed_instances: int = _setting(
        "FEED_INSTANCES",
        20,
        _count,
        "Instances of a feed on one page, each with its own filter, that may be told of it.",
    )
    feed_sweep: float = _setting(
        "FEED_SWEEP", 120.0, _positive, "Seconds after which a feed is looked at even when Redis told nothing of it."
    )
    feed_memory: float = _setting(
        "FEED_MEMORY",
        86_400.0,
        _positive,
        "Seconds after which a client that comes back is told what it has missed, and of what was deleted meanwhile.",
    )
    feed_stream_beat: float = _setting(
        "FEED_STREAM_BEAT", 15.0, _positive, "Seconds after which a stream of events that is silent sends a comment."
    )

    # Tracking
    tracking_longest_url: int = _setting(
        "TRACKING_LONGEST_URL",
        2000,
        _count,
        "Bytes of the longest link in an e-mail that is tracked; longer ones stay.",
    )
    tracking_backlog: int = _setting(
        "TRACKING_BACKLOG",
        100,
        _count,
        "Clicks and openings that one API process writes down at once; what is more is not counted. Links lead on anyway.",
    )
