"""Apprise (https://github.com/caronc/apprise): one library for services that have no provider of their own.

Its pauses between messages are switched off: a worker has others to serve, and who asks too often is told so by the vendor.
Its log may quote addresses, so nothing of it is passed on but the status that a service answered.
"""

from __future__ import annotations

import logging
import re
from functools import cache

import apprise

from notify_workers.providers import AppriseNotification, AppriseReply

CONNECT_TIMEOUT = 10.0

_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")


def notify(wanted: AppriseNotification) -> AppriseReply:
    """Never raises: Apprise tells failures by its log, and errors of a plugin are failures too."""
    heard: list[str] = []
    try:
        service = apprise.Apprise.instantiate(wanted.url, asset=_asset(), suppress_exceptions=True)
        if not isinstance(service, apprise.NotifyBase):
            return AppriseReply(is_sent=False, is_malformed=True, error="Apprise does not know such an address")
        service.socket_connect_timeout = min(wanted.timeout, CONNECT_TIMEOUT)
        service.socket_read_timeout = wanted.timeout
        service.retry = 0  # whether and when is for the ledger to say
        service.throttle = _no_pause  # type: ignore[method-assign]
        kept = apprise.Apprise(asset=_asset())
        kept.add(service)
        is_sent = kept.notify(
            body=wanted.body,
            title=wanted.title,
            body_format=apprise.NotifyFormat.MARKDOWN,
            timeout=wanted.timeout,
            log_callback=lambda entry, _service: heard.extend(_STATUS.findall(entry.message)),
            log_level=logging.WARNING,
        )
    except Exception as error:  # a plugin's own, whose text may quote the address
        return AppriseReply(is_sent=False, error=f"{type(error).__name__} in Apprise")
    if is_sent:
        return AppriseReply(is_sent=True)
    status = int(heard[-1]) if heard else 0
    return AppriseReply(is_sent=False, status=status, error=f"the service answered {status}" if status else "no answer")


@cache
def _asset() -> apprise.AppriseAsset:
    """Nothing is written to disk, no plugin is loaded from it, and no service is asked in a thread of its own."""
    return apprise.AppriseAsset(
        app_id="Doorbell",
        app_desc="Doorbell",
        async_mode=False,
        plugin_paths=[],
        secure_logging=True,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )


def _no_pause(*_args: object, **_named: object) -> None:
    pass


_log = logging.getLogger("apprise")
_log.propagate = False
_log.setLevel(logging.WARNING)
