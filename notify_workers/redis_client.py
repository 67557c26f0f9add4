"""Connections to Redis, in every form the settings name. Redis is disposable: whoever asks it can do without the answer."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis import Redis
from redis import asyncio as redis_asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from notify_workers.settings import settings


@cache
def client() -> Redis:
    """This process' client for engine code. Raises `redis.RedisError` subclasses quickly rather than waiting long."""
    return _connect(settings().redis)


def _connect(url: str) -> Redis:
    if url.startswith("sentinel://"):
        hosts, master, database = sentinel_parts(url)
        sentinel = Sentinel(hosts, **_options())  # type: ignore[no-untyped-call]
        client: Redis = sentinel.master_for(master, db=database, **_options())  # type: ignore[no-untyped-call]
        return client
    return Redis.from_url(url, **_options())


def async_client() -> redis_asyncio.Redis:
    """A new client for the API's event loop."""
    url = settings().redis
    options: dict[str, Any] = {"socket_timeout": settings().redis_timeout, "health_check_interval": 10}
    if url.startswith("sentinel://"):
        hosts, master, database = sentinel_parts(url)
        sentinel = redis_asyncio.Sentinel(hosts, **options)  # type: ignore[no-untyped-call]
        client: redis_asyncio.Redis = sentinel.master_for(master, db=database, **options)
        return client
    return redis_asyncio.Redis.from_url(url, **options)


def _options() -> dict[str, Any]:
    """Time-outs and keep-alive, without which a client stays silent after Redis was restarted. One immediate retry."""
    options = {"socket_timeout": settings().redis_timeout, "retry": Retry(NoBackoff(), 1)}
    if settings().redis.startswith("unix://"):
        return options
    return {**options, "socket_connect_timeout": 2, "socket_keepalive": True}


def sentinel_parts(url: str) -> tuple[list[tuple[str, int]], str, int]:
    """`sentinel://a:26379,b:26379/0?master=name` → hosts, the master's name, the database's number."""
    parts = urlsplit(url)
    hosts = []
    for address in parts.netloc.split(","):
        host, _, port = address.rpartition(":")
        hosts.append((host or address, int(port) if host else 26379))
    master = parse_qs(parts.query).get("master", ["mymaster"])[0]
    return hosts, master, int(parts.path.strip("/") or 0)
