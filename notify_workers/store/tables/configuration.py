"""Configuration: environments, keys, channels, resources, and the clock."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Integer, LargeBinary

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

clock = table("clock", Column("one", Boolean, primary_key=True), Column("offset_seconds", Double, nullable=False))

catalog = table("catalog", Column("one", Boolean, primary_key=True), number("number"))

environments = table(
    "environments",
    uuid("id", key=True),
    text("slug"),
    text("name"),
    Column("position", Integer, nullable=False),
    json("variables"),
    json("default_preferences"),
    text("signing_secret"),
    Column("enhanced_security", Boolean, nullable=False),
    json("recipient_allow_list", required=False),
)

signing_keys = table(
    "signing_keys",
    uuid("id", key=True),
    uuid("environment_id"),
    text("public_key"),
    text("name"),
    time("created_at"),
)

api_keys = table(
    "api_keys",
    uuid("id", key=True),
    uuid("environment_id", required=False),
    text("kind"),
    Column("digest", LargeBinary, nullable=False),
    text("hint"),
    text("name"),
    Column("loopback_only", Boolean, nullable=False),
    time("created_at"),
    time("revoked_at", required=False),
)

channels = table(
    "channels",
    uuid("environment_id", key=True),
    uuid("id", key=True),
    text("key"),
    text("name"),
    text("type"),
    text("provider"),
    json("settings"),
    time("created_at"),
    time("updated_at"),
    Column("sandbox", Boolean, nullable=False),
    Column("link_tracking", Boolean, nullable=False),
    Column("open_tracking", Boolean, nullable=False),
)

resource_versions = table(
    "resource_versions",
    uuid("id", key=True),
    uuid("environment_id"),
    text("kind"),
    text("key"),
    json("content"),
    text("sha"),
    time("created_at"),
    number("number"),
)

resources = table(
    "resources",
    uuid("environment_id", key=True),
    text("kind", key=True),
    text("key", key=True),
    uuid("version_id"),
    Column("active", Boolean, nullable=False),
    time("created_at"),
    time("updated_at"),
)

channel_routes = table(
    "channel_routes",
    uuid("environment_id", key=True),
    uuid("channel_id", key=True),
    text("tenant", key=True),
    Column("position", Integer, primary_key=True),
    text("provider"),
    json("settings"),
    Column("weight", Double, nullable=True),
    Column("rate", Double, nullable=True),
)
