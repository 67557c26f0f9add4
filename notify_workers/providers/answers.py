"""What vendors that speak HTTP answer, as far as all of them mean the same by it."""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from notify_workers.providers import NEVER, HttpReply, Refused, Retry, Unknown

LONGEST_WAIT = 86_400.0
"""Seconds of a vendor's wish to be asked later that are obeyed."""

NOTHING_TAKEN = frozenset({408, 425, 429, 503})
"""Answers that say: not now, and nothing was accepted."""


def is_success(reply: HttpReply) -> bool:
    return 200 <= reply.status < 300 and reply.failure is None


def failed(reply: HttpReply, said: str = "") -> Refused | Retry | Unknown:
    """What an answer means that is no success, when it is not about the address. `said` are the vendor's own words.

    After other answers of 5xx nobody knows: the vendor may have accepted the message before it failed.
    """
    if reply.status == 0:
        return Refused(reply.error) if reply.failure in NEVER else Retry(reply.error)
    reason = f"the vendor answered {reply.status}" + (f": {said}" if said else "")
    if reply.status in NOTHING_TAKEN:
        return Retry(reason, retry_after(reply))
    if reply.status >= 500 or 200 <= reply.status < 300:
        return Unknown(reason + (f" ({reply.error})" if reply.error else ""))
    return Refused(reason)


def retry_after(reply: HttpReply) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date (RFC 9110 §10.2.3); None when it says neither."""
    wanted = reply.headers.get("retry-after", "")
    if wanted.isascii() and wanted.isdigit():
        return min(float(wanted), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(wanted)
    except ValueError:
        return None
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, at.timestamp() - time.time()), LONGEST_WAIT)


def json_of(reply: HttpReply) -> Any:
    """The body; an empty map when it is not JSON."""
    try:
        return from_json(reply.body)
    except ValueError:
        return {}


def text_at(value: Any, *path: str | int) -> str:
    """The text at a place of a JSON value; empty when there is none. Numbers count as text."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return ""
    is_text = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    return str(value) if is_text else ""
