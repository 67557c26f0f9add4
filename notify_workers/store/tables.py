"""The tables as SQLAlchemy sees them, for queries composed at run time. The migrations make them; a test holds both equal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()


def _table(name: str, *columns: Column[object]) -> Table:
    return Table(name, metadata, *columns)


def _time(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, TIMESTAMP(timezone=True), nullable=not required)


def _text(name: str, *, required: bool = True, key: bool = False) -> Column[object]:
    return Column(name, Text, nullable=not required, primary_key=key)


def _uuid(name: str, *, required: bool = True, key: bool = False) -> Column[object]:
    return Column(name, Uuid, nullable=not required, primary_key=key)


def _json(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, JSONB, nullable=not required)


def _number(name: str, *, key: bool = False) -> Column[object]:
    return Column(name, BigInteger, nullable=False, primary_key=key)


clock = _table("clock", Column("one", Boolean, primary_key=True), Column("offset_seconds", Double, nullable=False))
catalog = _table("catalog", Column("one", Boolean, primary_key=True), _number("number"))

environments = _table(
    "environments",
    _uuid("id", key=True),
    _text("slug"),
    _text("name"),
    Column("position", Integer, nullable=False),
    _json("variables"),
    _json("default_preferences"),
    _text("signing_secret"),
)

api_keys = _table(
    "api_keys",
    _uuid("id", key=True),
    _uuid("environment_id", required=False),
    _text("kind"),
    Column("digest", LargeBinary, nullable=False),
    _text("hint"),
    _text("name"),
    Column("loopback_only", Boolean, nullable=False),
    _time("created_at"),
    _time("revoked_at", required=False),
)

channels = _table(
    "channels",
    _uuid("environment_id", key=True),
    _uuid("id", key=True),
    _text("key"),
    _text("name"),
    _text("type"),
    _text("provider"),
    _json("settings"),
    _time("created_at"),
    _time("updated_at"),
)

resource_versions = _table(
    "resource_versions",
    _uuid("id", key=True),
    _uuid("environment_id"),
    _text("kind"),
    _text("key"),
    _json("content"),
    _text("sha"),
    _time("created_at"),
    _number("number"),
)

resources = _table(
    "resources",
    _uuid("environment_id", key=True),
    _text("kind", key=True),
    _text("key", key=True),
    _uuid("version_id"),
    Column("active", Boolean, nullable=False),
    _time("created_at"),
    _time("updated_at"),
)

recipients = _table(
    "recipients",
    _uuid("environment_id", key=True),
    _text("collection", key=True),
    _text("id", key=True),
    _json("properties"),
    _json("preferences"),
    _json("channel_data"),
    _time("created_at", required=False),
    _time("updated_at"),
)

triggers = _table(
    "triggers",
    _uuid("id", key=True),
    _uuid("environment_id"),
    _text("workflow_key"),
    _uuid("version_id"),
    _number("sequence"),
    _json("recipients"),
    _json("data"),
    _text("actor_collection", required=False),
    _text("actor_id", required=False),
    _text("tenant", required=False),
    _text("cancellation_key", required=False),
    _json("settings"),
    _json("source"),
    _time("inserted_at"),
)

recipient_runs = _table(
    "recipient_runs",
    _uuid("id", key=True),
    _uuid("environment_id"),
    _uuid("trigger_id"),
    _text("workflow_key"),
    _uuid("version_id"),
    _text("collection"),
    _text("recipient_id"),
    _text("tenant", required=False),
    _text("status"),
    _json("data", required=False),
    _time("paused_until", required=False),
    Column("error_count", Integer, nullable=False),
    _time("cancelled_at", required=False),
    _time("inserted_at"),
    _time("updated_at"),
    _json("outputs", required=False),
    _json("memory", required=False),
    _uuid("window_id", required=False),
    Column("sequence", BigInteger),
)

run_log = _table(
    "run_log",
    _uuid("run_id", key=True),
    _number("number", key=True),
    _text("step_ref", required=False),
    _text("step_type", required=False),
    Column("attempt", Integer, nullable=False),
    _json("entries"),
    _time("at"),
)

cancellations = _table(
    "cancellations",
    _number("number", key=True),
    _uuid("environment_id"),
    _text("workflow_key"),
    _text("cancellation_key"),
    _text("collection", required=False),
    _text("recipient_id", required=False),
    _number("sequence"),
    _time("at"),
)

large_payloads = _table(
    "large_payloads", _uuid("trigger_id", key=True), Column("body", LargeBinary, nullable=False), _time("at")
)

messages = _table(
    "messages",
    _text("id", key=True),
    _uuid("environment_id"),
    _uuid("run_id"),
    _uuid("trigger_id"),
    _uuid("version_id"),
    _text("workflow_key"),
    _json("categories"),
    _text("step_ref"),
    _uuid("channel_id"),
    _text("channel_type"),
    _text("collection"),
    _text("recipient_id"),
    _text("tenant", required=False),
    _json("actors"),
    _json("recipient_snapshot"),
    _json("content"),
    _json("metadata"),
    _text("status"),
    _time("scheduled_at", required=False),
    _time("seen_at", required=False),
    _time("read_at", required=False),
    _time("interacted_at", required=False),
    _time("link_clicked_at", required=False),
    _time("archived_at", required=False),
    _time("inserted_at"),
    _time("updated_at"),
)

message_events = _table(
    "message_events",
    _text("message_id", key=True),
    _number("number", key=True),
    _text("id"),
    _text("type"),
    _json("data", required=False),
    _time("at"),
)

delivery_attempts = _table(
    "delivery_attempts",
    _text("message_id", key=True),
    Column("attempt", Integer, primary_key=True),
    _text("id"),
    _text("provider"),
    _text("idempotency_key"),
    _text("outcome", required=False),
    _text("reason", required=False),
    _json("exchanges"),
    _time("started_at"),
    _time("finished_at", required=False),
)

outbox = _table(
    "outbox",
    _text("message_id", key=True),
    _uuid("environment_id"),
    _text("channel_type"),
    _text("channel_key"),
    _text("collection"),
    _text("recipient_id"),
    _json("payload"),
    _time("at"),
)

due = _table(
    "due",
    _number("id", key=True),
    _text("kind"),
    _uuid("environment_id"),
    _uuid("trigger_id"),
    _uuid("run_id", required=False),
    _text("step", required=False),
    _text("message_id", required=False),
    Column("attempt", Integer, nullable=False),
    Column("cursor", Integer, nullable=False),
    _time("due_at"),
    _time("publish_at"),
    Column("tries", Integer, nullable=False),
    _time("leased_until", required=False),
)

entries = _table(
    "entries",
    _uuid("environment_id", key=True),
    _text("workflow_key", key=True),
    _text("collection", key=True),
    _text("recipient_id", key=True),
    _text("tenant", key=True),
    _uuid("run_id"),
)

batch_windows = _table(
    "batch_windows",
    _uuid("id", key=True),
    _text("key"),
    _uuid("environment_id"),
    _text("workflow_key"),
    _text("step_ref"),
    _uuid("carrier_run", required=False),
    _time("opened_at"),
    _time("closes_at"),
    _time("latest_close", required=False),
    Column("is_sliding", Boolean, nullable=False),
    Column("max_items", Integer),
    Column("items", Integer, nullable=False),
    Column("sealed", Boolean, nullable=False),
    _time("closed_at", required=False),
    Column("total_activities", Integer),
    Column("total_actors", Integer),
    Column("render_limit", Integer),
    Column("renders_last", Boolean),
)

batch_items = _table(
    "batch_items",
    _number("number"),
    _uuid("window_id"),
    _uuid("run_id", key=True),
    _text("step_ref", key=True),
    _json("data", required=False),
    _time("closes_at"),
    _time("at"),
    _time("cancelled_at", required=False),
)

throttle_windows = _table(
    "throttle_windows",
    _text("key", key=True),
    _uuid("environment_id"),
    _time("opened_at"),
    _time("closes_at"),
    Column("executions", Integer, nullable=False),
)

audience_members = _table(
    "audience_members",
    _uuid("environment_id", key=True),
    _text("audience_key", key=True),
    _text("collection", key=True),
    _text("recipient_id", key=True),
    _text("tenant", key=True),
    _time("added_at"),
)

waits = _table(
    "waits",
    _uuid("run_id", key=True),
    _text("step_ref"),
    _uuid("environment_id"),
    _text("collection"),
    _text("recipient_id"),
    _text("event_type"),
    _text("event_key"),
    _text("source", required=False),
)

signals = _table(
    "signals",
    _number("number", key=True),
    _uuid("run_id"),
    _time("at"),
    _json("event"),
    Column("told", Boolean, nullable=False),
)
