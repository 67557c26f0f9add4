"""The broker: bells that wake a worker. A bell carries ids; the row it names is the truth, so a bell may be lost or doubled."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from celery import Celery
from pydantic_core import to_json
from redis import RedisError

from notify_workers.redis_client import client, sentinel_parts
from notify_workers.settings import settings

log = logging.getLogger(__name__)

ACCEPT, STEPS, DELIVERIES = "accept", "steps", "deliveries"
QUEUES = (ACCEPT, STEPS, DELIVERIES)
_QUEUE_OF = {
    "accept_triggers": ACCEPT,
    "fan_out": ACCEPT,
    "run_schedule": ACCEPT,
    "run_bulk_operation": ACCEPT,
    "purge_recipient": ACCEPT,
    "run_step": STEPS,
    "deliver": DELIVERIES,
    "deliver_event": DELIVERIES,
}


@dataclass(frozen=True, slots=True)
class Bell:
    """A task to execute: its name, its arguments, seconds to wait, and how Flower shows it (`run_step(run, "email_1")`)."""

    task: str
    args: tuple[Any, ...]
    countdown: float = 0.0
    label: str = ""

    @property
    def queue(self) -> str:
        return _QUEUE_OF[self.task]


def ring(bells: Iterable[Bell]) -> None:
    """Publishes bells, all in one round trip. Redis being away loses nothing: the timer process rings for the rows later."""
    by_queue: defaultdict[str, list[bytes]] = defaultdict(list)
    for bell in bells:
        by_queue[bell.queue].append(envelope(bell))
    if not by_queue:
        return
    try:
        pipeline = client().pipeline(transaction=False)
        for queue, envelopes in by_queue.items():
            pipeline.lpush(queue, *envelopes)
        pipeline.execute()
    except RedisError as error:
        log.warning("bells not rung, the timer process will: %s", error)


def envelope(bell: Bell) -> bytes:
    """The message a Celery worker takes from its list, made by hand.

    Celery's own publishing costs 0.4 ms a message; a test holds this equal to what Celery writes.
    """
    identifier = str(uuid4())
    eta = (datetime.now(UTC) + timedelta(seconds=bell.countdown)).isoformat() if bell.countdown else None
    message = {
        "body": to_json([bell.args, {}, _NO_CALLBACKS]).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": bell.task,
            "id": identifier,
            "root_id": identifier,
            "parent_id": None,
            "group": None,
            "eta": eta,
            "expires": None,
            "retries": 0,
            "timelimit": [None, None],
            "argsrepr": bell.label or repr(bell.args),
            "kwargsrepr": "{}",
            "origin": "doorbell",
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": identifier,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": bell.queue},
            "priority": 0,
            "body_encoding": None,
            "delivery_tag": identifier,
        },
    }
    return to_json(message)


_NO_CALLBACKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def length(queue: str) -> int:
    """Bells waiting in a queue. Raises `redis.RedisError` when Redis is away."""
    return int(client().llen(queue))


def _configuration() -> dict[str, Any]:
    """Celery's settings; the measurements behind each are in `docs/decisions/0002-celery-on-redis.md`."""
    url, options = _broker(settings().redis)
    return {
        "broker_url": url,
        "broker_transport_options": options,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_ignore_result": True,
        "task_default_queue": STEPS,
        "task_create_missing_queues": True,
        "worker_prefetch_multiplier": 2,
        "worker_soft_shutdown_timeout": 10.0,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": True,
        "worker_send_task_events": False,
    }


def _broker(url: str) -> tuple[str, dict[str, Any]]:
    """Our address of Redis in Celery's words, which has the database's number in the path, and the transport's options."""
    options: dict[str, Any] = {
        "ack_emulation": False,
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
    if url.startswith("sentinel://"):
        hosts, options["master_name"], number = sentinel_parts(url)
        return ";".join(f"sentinel://{host}:{port}/{number}" for host, port in hosts), options
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    database = query.pop("db", "")
    if parts.scheme == "unix":
        query["virtual_host"] = database or "0"
        return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(query)}", options
    path = f"/{database}" if database else parts.path
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(query), "")), options


app = Celery("doorbell", set_as_current=False)
app.add_defaults(_configuration)
