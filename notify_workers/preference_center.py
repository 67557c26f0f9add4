"""The door to the hosted preference centre: its configuration, the links to it, and what a visit shows and changes.

A link needs no row: who it is for and until when, signed with the environment's secret. A visit changes the user's set
`default`, and there only what was switched (contract: semantics §11.4).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from notify_workers import preferences, resources
from notify_workers.settings import settings
from notify_workers.store import environments, recipients, session
from notify_workers.store import resources as resource_rows
from notify_workers.store.environments import Environment
from notify_workers.store.session import Transaction, transaction
from workflows.branding import branding
from workflows.errors import DocumentInvalid
from workflows.preference_center import BODY, TITLE, Path, Row, config_problems, default_config, rows, switched
from workflows.preference_sets import merge_sets
from workflows.recipients import TENANTS, USERS, Reference

KIND, KEY = "preference_center", "default"
_PURPOSE = b"preference_center."


def configure(environment: UUID, document: Mapping[str, Any]) -> None:
    """Replaces what the page shows. Raises `DocumentInvalid` with every problem."""
    if problems := list(config_problems(document)):
        raise DocumentInvalid("the preference centre", problems)
    with resources.configuration() as tx:
        sha = sha256(to_json(dict(document))).hexdigest()
        resource_rows.publish(tx, environment, KIND, KEY, document, sha)


def config(tx: Transaction, environment: UUID) -> dict[str, Any]:
    """What was configured, or what the environment's workflows suggest: title, body, rows and what else was said."""
    known = resource_rows.get_resource(tx, environment, KIND, KEY)
    if known is None:
        current = resource_rows.current(tx, resource_rows.WORKFLOW, environment)
        return default_config({each.key: each.content for each in current if each.active})
    return {"title": TITLE, "body": BODY, **known.content}


@dataclass(frozen=True, slots=True)
class Brand:
    """`colors` and images as templates see them in `vars.branding`; `account_name` None when nobody gave one."""

    account_name: str | None
    branding: Mapping[str, Any]


def brand(tx: Transaction, environment: UUID, configured: Mapping[str, Any], tenant: str | None = None) -> Brand:
    variables = _load_environment(tx, environment).variables
    known = recipients.get_recipient(tx, environment, Reference(TENANTS, tenant)) if tenant else None
    name = configured.get("account_name") or variables.get("app_name")
    of_tenant = dict(known.properties) if known else None
    return Brand(name if isinstance(name, str) and name else None, branding(variables, of_tenant))


def _load_environment(tx: Transaction, environment: UUID) -> Environment:
    (found,) = (each for each in environments.environments(tx) if each.id == environment)
    return found


# Links


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom a link is for. The tenant is there for its brand."""

    environment_id: UUID
    user: Reference
    tenant: str | None


def token(environment: UUID, secret: str, user_id: str, now: datetime, tenant: str | None = None) -> str:
    """Who has it may see and change the user's default set, until it expires."""
    expires = int(now.timestamp() + settings().preference_link_lifetime)
    body = _encoded(to_json([str(environment), user_id, tenant, expires]))
    return f"{body}.{_signature(secret, body)}"


def url(signed: str) -> str:
    return f"{settings().public_url}/p/{signed}"


def sign(environment: UUID, user_id: str) -> str:
    """A token from now on."""
    with transaction() as tx:
        return token(environment, _load_environment(tx, environment).signing_secret, user_id, session.now(tx))


def read(signed: str) -> Visitor | None:
    """Whom a token is for; None for one that was not made here, or has expired."""
    body, _, signature = signed.partition(".")
    try:
        environment, user_id, tenant, expires = from_json(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        known = UUID(str(environment))
    except (ValueError, TypeError):
        return None
    with transaction() as tx:
        secret = environments.signing_secret(tx, known)
        now: datetime = session.now(tx)
    if secret is None or not hmac.compare_digest(_signature(secret, body).encode(), signature.encode(errors="replace")):
        return None
    return Visitor(known, Reference(USERS, user_id), tenant) if now.timestamp() < expires else None


def _signature(secret: str, body: str) -> str:
    return _encoded(hmac.digest(secret.encode(), _PURPOSE + body.encode(), sha256))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


# Visits


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    body: str
    email: str | None
    rows: list[Row]
    brand: Brand
    shows_account_name: bool


def page(visitor: Visitor) -> Page | None:
    """What a visitor sees; None when the page is switched off."""
    with transaction() as tx:
        configured = config(tx, visitor.environment_id)
        if not configured.get("enabled", True):
            return None
        return Page(
            title=configured["title"],
            body=configured["body"],
            email=email_of(tx, visitor.environment_id, visitor.user),
            rows=rows(configured, _default_set(tx, visitor)),
            brand=brand(tx, visitor.environment_id, configured, visitor.tenant),
            shows_account_name=configured.get("show_account_name", False),
        )


def email_of(tx: Transaction, environment: UUID, user: Reference) -> str | None:
    known = recipients.get_recipient(tx, environment, user)
    email = known.properties.get("email") if known else None
    return email if isinstance(email, str) else None


def save(visitor: Visitor, was: Mapping[Path, bool], wanted: frozenset[Path]) -> None:
    """Writes the switches that stand differently than they were shown, and no others.

    `was` is how each switch stood on the visitor's page, `wanted` those that are on now. What the page does not have (any
    more) is passed by.
    """
    with transaction() as tx:
        configured = config(tx, visitor.environment_id)
        known = {switch.path for row in rows(configured, {}) for switch in row.switches}
        changes = {path: path in wanted for path in was if path in known and was[path] != (path in wanted)}
        if not changes or not configured.get("enabled", True):
            return

        def change(own: Mapping[str, Any] | None) -> dict[str, Any]:
            return merge_sets(own, switched(_default_set(tx, visitor), changes), "merge")

        preferences.change(tx, visitor.environment_id, visitor.user, preferences.DEFAULT, change)


def _default_set(tx: Transaction, visitor: Visitor) -> dict[str, Any]:
    return preferences.read(tx, visitor.environment_id, visitor.user, preferences.DEFAULT)
