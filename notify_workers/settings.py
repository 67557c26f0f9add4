"""One set of settings, read once from the environment at start. Nothing else reads the environment.

Every variable is a field below, or of what `Settings` is made from; its metadata is the documentation. `docs/settings.md` is
made from it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from notify_workers.api_settings import ApiSettings
from notify_workers.delivery_settings import DeliverySettings
from notify_workers.errors import SettingsInvalid
from notify_workers.setting_values import (
    MEGABYTE,
    _count,
    _database_url,
    _encryption_keys,
    _flag,
    _http_url,
    _level,
    _port,
    _positive,
    _redis_url,
    _setting,
    _timezone,
)


@dataclass(frozen=True, kw_only=True)
class Settings(DeliverySettings, ApiSettings):
    # Where things are
    host: str = _setting("HOST", "127.0.0.1", str, "Address the API listens on.")
    port: int = _setting("PORT", 4000, _port, "Port the API listens on; 0 takes a free one.")
    public_url: str = _setting(
        "PUBLIC_URL",
        "http://127.0.0.1:4000",
        _http_url,
        "Where recipients reach the API: links in messages, such as the one to unsubscribe, start with it.",
    )
    preference_link_lifetime: float = _setting(
        "PREFERENCE_LINK_LIFETIME",
        90 * 86_400.0,
        _positive,
        "Seconds that a link to the preference centre works, from when it was made.",
    )
    timezone: str = _setting(
        "TIMEZONE", "Etc/UTC", _timezone, "The account's time zone, for recipients that have none of their own."
    )
    home: Path = _setting(
        "HOME", Path(".doorbell"), Path, "All state of the development stack; deleting it resets everything."
    )
    database_url: str | None = _setting(
        "DATABASE_URL", None, _database_url, "PostgreSQL 14 or newer. Unset: `doorbell dev` brings its own."
    )
    redis_url: str | None = _setting(
        "REDIS_URL",
        None,
        _redis_url,
        "Redis 6.2 or newer: redis://, rediss://, unix:///path?db=0, or "
        "sentinel://host:26379,host:26379/0?master=name. Unset: `doorbell dev` brings its own.",
    )
    encryption_keys: str | None = _setting(
        "ENCRYPTION_KEYS",
        None,
        _encryption_keys,
        "Keys that credentials of channels are encrypted with in the database, apart by commas: the first encrypts, all "
        "decrypt. `doorbell dev` makes its own.",
    )
    development: bool = _setting(
        "DEVELOPMENT", False, _flag, "Set by `doorbell dev` for its processes: fixed keys, /dev pages, time travel."
    )
    log_level: str = _setting("LOG_LEVEL", "WARNING", _level, "DEBUG, INFO, WARNING or ERROR.")

    # Processes
    workers: int = _setting("WORKERS", 2, _count, "Worker processes that `doorbell dev` starts.")
    worker_threads: int = _setting("WORKER_THREADS", 16, _count, "Tasks that one worker process has in hand at once.")
    api_processes: int = _setting("API_PROCESSES", 1, _count, "Processes that `doorbell serve` starts.")

    # PostgreSQL
    pool_size: int = _setting(
        "POOL_SIZE",
        20,
        _count,
        "Database connections of one process at most, in each of two pools: for transactions and for single statements.",
    )
    pool_timeout: float = _setting("POOL_TIMEOUT", 10.0, _positive, "Seconds to wait for a free database connection.")
    statement_timeout: float = _setting(
        "STATEMENT_TIMEOUT", 30.0, _positive, "Seconds after which a statement is ended."
    )

    # Redis
    redis_timeout: float = _setting("REDIS_TIMEOUT", 5.0, _positive, "Seconds to wait for an answer of Redis.")

    # Ingestion
    max_recipients: int = _setting("MAX_RECIPIENTS", 1000, _count, "Recipients that one trigger may name.")
    max_body: int = _setting("MAX_BODY", 11 * MEGABYTE, _count, "Bytes that a request body may have.")
    max_properties: int = _setting(
        "MAX_PROPERTIES", 256 * 1024, _count, "Bytes that the properties of one recipient may have in a request."
    )
    large_payload: int = _setting(
        "LARGE_PAYLOAD",
        256 * 1024,
        _count,
        "Bytes from which a trigger is kept in PostgreSQL, not Redis, until accepted.",
    )
    idempotency_window: float = _setting(
        "IDEMPOTENCY_WINDOW", 86_400.0, _positive, "Seconds an idempotency key is kept."
    )
    accept_lease: float = _setting(
        "ACCEPT_LEASE", 10.0, _positive, "Seconds until a trigger nobody accepted is rung again."
    )
    fan_out_chunk: int = _setting("FAN_OUT_CHUNK", 500, _count, "Recipients fanned out in one transaction.")
    max_subscriptions: int = _setting(
        "MAX_SUBSCRIPTIONS", 100, _count, "Recipients that one request may subscribe to an object, or take off it."
    )
    subscription_depth: int = _setting(
        "SUBSCRIPTION_DEPTH",
        2,
        _count,
        "How far subscriptions are followed: 1 reaches an object's subscribers, 2 also theirs.",
    )

    # Schedules and sources
    max_schedules: int = _setting(
        "MAX_SCHEDULES", 100, _count, "Schedules that one request may make, change or delete."
    )
    source_tolerance: float = _setting(
        "SOURCE_TOLERANCE",
        300.0,
        _positive,
        "Seconds that the time in a source's signature may be away from now. Standard Webhooks, Clerk's too: at most 300.",
    )
    source_window: float = _setting(
        "SOURCE_WINDOW", 86_400.0, _positive, "Seconds for which another delivery of a source's event is recognised."
    )
    source_days: float = _setting("SOURCE_DAYS", 30.0, _positive, "Days for which the events of sources are kept.")

    # Bulk operations
    max_bulk: int = _setting("MAX_BULK", 1000, _count, "Items that one bulk operation may have.")
    bulk_chunk: int = _setting("BULK_CHUNK", 100, _count, "Items of a bulk operation that are done in one transaction.")
    max_at_once: int = _setting(
        "MAX_AT_ONCE", 1000, _count, "Messages of a channel that one request marks itself; workers mark those beyond."
    )
    max_message_ids: int = _setting(
        "MAX_MESSAGE_IDS", 50, _count, "Messages that one request may name to mark them or to get their contents."
    )
    bulk_days: float = _setting(
        "BULK_DAYS", 30.0, _positive, "Days after which a bulk operation that has ended is forgotten."
    )

    purge_chunk: int = _setting(
        "PURGE_CHUNK",
        500,
        _count,
        "Runs of a deleted recipient that are purged in one transaction, with their messages.",
    )
    merge_window: float = _setting(
        "MERGE_WINDOW",
        30 * 86_400.0,
        _positive,
        "Seconds back from which a user's messages and runs move when the user is merged into another; older ones are purged.",
    )

    # Timers and steps
    horizon: float = _setting(
        "HORIZON", 5.0, _positive, "Seconds ahead of its due time that a timer may enter the broker."
    )
    step_lease: float = _setting("STEP_LEASE", 15.0, _positive, "Seconds until a step nobody finished is rung again.")
    timer_interval: float = _setting(
        "TIMER_INTERVAL", 0.2, _positive, "Seconds between two looks of the timer process."
    )
    timer_chunk: int = _setting("TIMER_CHUNK", 500, _count, "Rows the timer process publishes in one statement.")
    queue_bound: int = _setting(
        "QUEUE_BOUND",
        2000,
        _count,
        "Length of a Redis queue above which the timer process waits; PostgreSQL is the reservoir.",
    )
    lifeline_interval: float = _setting(
        "LIFELINE_INTERVAL", 30.0, _positive, "Seconds between two looks of the lifeline."
    )
    step_attempts: int = _setting("STEP_ATTEMPTS", 3, _count, "Executions of a failing step before its run is halted.")
    call_lease: float = _setting(
        "CALL_LEASE",
        90.0,
        _positive,
        "Seconds after which a step that asks another machine counts as lost and is executed again.",
    )
    max_nesting: int = _setting(
        "MAX_NESTING", 10, _count, "How deep workflows may trigger each other: the chain of trigger_workflow steps."
    )
    ai_url: str | None = _setting(
        "AI_URL",
        None,
        _http_url,
        "An OpenAI-compatible endpoint for ai_agent steps, such as https://api.openai.com/v1. Unset: those steps fail.",
    )
    ai_key: str | None = _setting("AI_KEY", None, str, "The key for that endpoint.")
    ai_timeout: float = _setting("AI_TIMEOUT", 60.0, _positive, "Seconds to wait for a model's answer.")
    step_retry_delay: float = _setting(
        "STEP_RETRY_DELAY", 2.0, _positive, "Seconds before a failed step is tried again; doubles."
    )

    token_lifetime: float = _setting(
        "TOKEN_LIFETIME",
        400 * 86_400.0,
        _positive,
        "Seconds a revocation token is kept in Redis; its row is kept for good.",
    )

    def __post_init__(self) -> None:
        if self.delivery_lease <= self.smtp_timeout:
            raise SettingsInvalid(["DOORBELL_DELIVERY_LEASE must be longer than DOORBELL_SMTP_TIMEOUT"])
        if self.call_lease <= self.ai_timeout:
            raise SettingsInvalid(["DOORBELL_CALL_LEASE must be longer than DOORBELL_AI_TIMEOUT"])

    @property
    def limits_rates(self) -> bool:
        """Whether rates are limited: as set, else everywhere but in the development stack."""
        return not self.development if self.rate_limits is None else self.rate_limits

    @property
    def database(self) -> str:
        """The database's address. Raises `SettingsInvalid` when nothing names one."""
        if self.database_url is None:
            raise SettingsInvalid(["DOORBELL_DATABASE_URL is not set (`doorbell dev` brings a database of its own)"])
        return self.database_url

    @property
    def redis(self) -> str:
        """Redis' address. Raises `SettingsInvalid` when nothing names one."""
        if self.redis_url is None:
            raise SettingsInvalid(["DOORBELL_REDIS_URL is not set (`doorbell dev` brings a Redis of its own)"])
        return self.redis_url


def setting_fields() -> dict[str, Field[Any]]:
    """Every setting by the name of its variable."""
    return {each.metadata["name"]: each for each in fields(Settings)}


def setting_names() -> set[str]:
    return set(setting_fields())


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from a mapping. Raises `SettingsInvalid` with every problem at once."""
    values: dict[str, Any] = {}
    problems = [f"{name} is not a setting" for name in environment if _foreign(name)]
    for name, each in setting_fields().items():
        text = environment.get(name, "")
        if not text:
            continue
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise SettingsInvalid(problems)
    return Settings(**values)


TOLERATED_PREFIXES = ("DOORBELL_TEST_", "DOORBELL_CHAOS_", "DOORBELL_BENCH_")


def _foreign(name: str) -> bool:
    return name.startswith("DOORBELL_") and name not in setting_names() and not name.startswith(TOLERATED_PREFIXES)


_chosen: Settings | None = None


def settings() -> Settings:
    """This process' settings."""
    global _chosen
    if _chosen is None:
        _chosen = read(os.environ)
    return _chosen


def choose(chosen: Settings) -> None:
    """Makes these the process' settings, before anything has used others: the development stack knows its addresses late."""
    global _chosen
    _chosen = chosen


def export(chosen: Settings) -> None:
    """Writes settings into the environment, for processes that this one starts."""
    for name, each in setting_fields().items():
        os.environ[name] = _written(getattr(chosen, each.name))


def _written(value: object) -> str:
    return "" if value is None else str(value)
