"""Environments, their channels and API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.ids import channel_id, environment_id
from notify_workers.store.session import Transaction, sql


@dataclass(frozen=True, slots=True)
class Environment:
    """`recipient_allow_list` are the patterns of whom messages may go to (`allow_list`); None: everybody."""

    id: UUID
    slug: str
    name: str
    variables: Mapping[str, Any]
    default_preferences: Mapping[str, Any]
    signing_secret: str
    enhanced_security: bool
    recipient_allow_list: Sequence[str] | None


_ENVIRONMENTS = sql("""
    select id, slug, name, variables, default_preferences, signing_secret, enhanced_security, recipient_allow_list
    from environments order by position
""")


def environments(tx: Transaction) -> list[Environment]:
    return [Environment(**row._mapping) for row in tx.rows(_ENVIRONMENTS)]


_ADD_ENVIRONMENT = sql("""
    insert into environments (id, slug, name, position) values (:id, :slug, :name, :position) on conflict (slug) do nothing
""")


def add_environment(tx: Transaction, slug: str, name: str, position: int) -> None:
    """Nothing happens when there is one of that slug."""
    tx.run(_ADD_ENVIRONMENT, id=environment_id(slug), slug=slug, name=name, position=position)


_SIGNING_SECRET = sql("select signing_secret from environments where id = :id")


def signing_secret(tx: Transaction, environment: UUID) -> str | None:
    """What signs the links that recipients get. None: there is no such environment."""
    secret: str | None = tx.scalar(_SIGNING_SECRET, id=environment)
    return secret


_PREFERENCES = sql("select default_preferences from environments where id = :id")


def default_preferences(tx: Transaction, environment: UUID) -> Mapping[str, Any]:
    """What applies to everybody who has said nothing else."""
    found: Mapping[str, Any] = tx.scalar(_PREFERENCES, id=environment)
    return found


_SET_PREFERENCES = sql("update environments set default_preferences = :preferences where id = :id").bindparams(
    bindparam("preferences", type_=JSONB)
)


def set_default_preferences(tx: Transaction, environment: UUID, preferences: Mapping[str, Any]) -> None:
    """What applies to everybody who has said nothing else."""
    tx.run(_SET_PREFERENCES, id=environment, preferences=dict(preferences))


_SET_VARIABLES = sql("update environments set variables = :variables where id = :id").bindparams(
    bindparam("variables", type_=JSONB)
)


def set_variables(tx: Transaction, environment: UUID, variables: Mapping[str, Any]) -> None:
    tx.run(_SET_VARIABLES, id=environment, variables=dict(variables))


_SET_SECURITY = sql("update environments set enhanced_security = :on where id = :id")


def set_enhanced_security(tx: Transaction, environment: UUID, *, on: bool) -> None:
    """Whether a public key needs a user's token."""
    tx.run(_SET_SECURITY, id=environment, on=on)


_SET_ALLOW_LIST = sql("update environments set recipient_allow_list = :patterns where id = :id").bindparams(
    bindparam("patterns", type_=JSONB(none_as_null=True))
)


def set_recipient_allow_list(tx: Transaction, environment: UUID, patterns: Sequence[str] | None) -> None:
    """Whom its messages may go to; None: everybody."""
    tx.run(_SET_ALLOW_LIST, id=environment, patterns=None if patterns is None else list(patterns))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The public half (PEM) of a key that user tokens are signed with. Several may be valid at once."""

    id: UUID
    environment_id: UUID
    public_key: str
    name: str
    created_at: datetime


_SIGNING_KEYS = sql("""
    select id, environment_id, public_key, name, created_at from signing_keys order by created_at, id
""")


def signing_keys(tx: Transaction) -> list[SigningKey]:
    return [SigningKey(**row._mapping) for row in tx.rows(_SIGNING_KEYS)]


_ADD_SIGNING_KEY = sql("""
    insert into signing_keys (id, environment_id, public_key, name, created_at)
    values (:id, :environment, :public_key, :name, engine_now()) on conflict do nothing
""")


def add_signing_key(tx: Transaction, environment: UUID, public_key: str, name: str) -> UUID | None:
    """The new key's id; None when the environment has this key already."""
    identifier = uuid4()
    added = tx.run(_ADD_SIGNING_KEY, id=identifier, environment=environment, public_key=public_key, name=name)
    return identifier if added else None


_REMOVE_SIGNING_KEY = sql("delete from signing_keys where id = :id")


def remove_signing_key(tx: Transaction, key_id: UUID) -> bool:
    """Whether there was such a key. Tokens that it has signed are refused from now on."""
    return tx.run(_REMOVE_SIGNING_KEY, id=key_id) == 1


@dataclass(frozen=True, slots=True)
class Channel:
    """A configured provider. `settings` may hold credentials: they never leave the engine.

    In the `sandbox` its messages are made, and not sent. Tracking is of e-mails whose step says nothing else.
    """

    environment_id: UUID
    id: UUID
    key: str
    name: str
    type: str
    provider: str
    settings: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    sandbox: bool
    link_tracking: bool
    open_tracking: bool


_CHANNEL_COLUMNS = """
    select environment_id, id, key, name, type, provider, settings, created_at, updated_at, sandbox, link_tracking,
        open_tracking
    from channels
"""
_CHANNELS = sql(_CHANNEL_COLUMNS + " where environment_id = :environment order by key")
_ALL_CHANNELS = sql(_CHANNEL_COLUMNS)


def channels(tx: Transaction, environment: UUID | None = None) -> list[Channel]:
    rows = tx.rows(_ALL_CHANNELS) if environment is None else tx.rows(_CHANNELS, environment=environment)
    return [Channel(**row._mapping) for row in rows]


_SET_CHANNEL = sql("""
    insert into channels (environment_id, id, key, name, type, provider, settings, created_at, updated_at)
    values (:environment, :id, :key, :name, :type, :provider, :settings, engine_now(), engine_now())
    on conflict (environment_id, key) do update set
        name = excluded.name, provider = excluded.provider, settings = excluded.settings, updated_at = excluded.updated_at
""").bindparams(bindparam("settings", type_=JSONB))


def set_channel(
    tx: Transaction, environment: UUID, key: str, *, name: str, type: str, provider: str, settings: Mapping[str, Any]
) -> None:
    tx.run(
        _SET_CHANNEL,
        environment=environment,
        id=channel_id(key),
        key=key,
        name=name,
        type=type,
        provider=provider,
        settings=dict(settings),
    )


SWITCHES = frozenset({"sandbox", "link_tracking", "open_tracking"})
"""What is on or off for a channel, whoever its provider is."""

_SWITCH = {
    name: sql(f"""
        update channels set {name} = :on, updated_at = engine_now() where environment_id = :environment and key = :key
    """)
    for name in SWITCHES
}


def switch(tx: Transaction, environment: UUID, key: str, name: str, *, on: bool) -> bool:
    """Sets one of `SWITCHES`. Whether there is such a channel."""
    return tx.run(_SWITCH[name], environment=environment, key=key, on=on) == 1


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`kind` is `secret`, `public` or `service`; `environment_id` is None for service tokens. Only a digest is stored."""

    id: UUID
    environment_id: UUID | None
    kind: str
    digest: bytes
    hint: str
    name: str
    loopback_only: bool
    created_at: datetime


def digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


_API_KEYS = sql("""
    select id, environment_id, kind, digest, hint, name, loopback_only, created_at from api_keys where revoked_at is null
    order by created_at, id
""")


def api_keys(tx: Transaction) -> list[ApiKey]:
    """Every key that is not revoked."""
    return [ApiKey(**{**row._mapping, "digest": bytes(row.digest)}) for row in tx.rows(_API_KEYS)]


_ADD_KEY = sql("""
    insert into api_keys (id, environment_id, kind, digest, hint, name, loopback_only, created_at)
    values (:id, :environment, :kind, :digest, :hint, :name, :loopback_only, engine_now())
    on conflict (digest) do nothing
""")


def add_key(
    tx: Transaction, key: str, *, kind: str, environment: UUID | None, name: str, loopback_only: bool = False
) -> UUID:
    identifier = uuid4()
    tx.run(
        _ADD_KEY,
        id=identifier,
        environment=environment,
        kind=kind,
        digest=digest(key),
        hint=f"{key[:8]}…{key[-4:]}",
        name=name,
        loopback_only=loopback_only,
    )
    return identifier


_REVOKE_KEY = sql("update api_keys set revoked_at = engine_now() where id = :id and revoked_at is null")


def revoke_key(tx: Transaction, key_id: UUID) -> bool:
    """Whether there was such a key."""
    return tx.run(_REVOKE_KEY, id=key_id) == 1
