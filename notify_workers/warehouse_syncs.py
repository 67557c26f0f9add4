"""Records that come from a data warehouse through Census or Hightouch: users, tenants, objects, members of audiences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.exc import DataError

from notify_workers import audiences, recipients
from notify_workers.errors import DoorbellError, InvalidParams, StoreUnavailable
from notify_workers.settings import settings
from notify_workers.store.recipients import get_recipient
from notify_workers.store.session import Transaction, transaction
from workflows.recipients import TENANTS, USERS, Reference, identity

Operation = Literal["upsert", "insert", "update", "delete"]

MOST_ID = 256


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a record may have. `identifier`: it names the record."""

    name: str
    label: str
    type: str = "string"
    identifier: bool = False
    required: bool = False


ID = Field("id", "ID", identifier=True, required=True)
PEOPLE = (
    Field("name", "Name"),
    Field("email", "Email"),
    Field("phone_number", "Phone number"),
    Field("avatar", "Avatar"),
    Field("locale", "Locale"),
    Field("timezone", "Time zone"),
    Field("created_at", "Created at", "date_time"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of records. Only those with `custom` take fields that are not named here."""

    label: str
    fields: tuple[Field, ...]
    operations: tuple[Operation, ...]
    custom: bool = True


ENTITY: tuple[Operation, ...] = ("upsert", "insert", "update", "delete")

KINDS = {
    "user": Kind("Users", (ID, *PEOPLE), ENTITY),
    "tenant": Kind("Tenants", (ID, Field("name", "Name")), ENTITY),
    "object": Kind("Objects", (ID, Field("collection", "Collection", required=True), Field("name", "Name")), ENTITY),
    "audience_member": Kind(
        "Audience members",
        (
            Field("user_id", "User ID", identifier=True, required=True),
            Field("audience", "Audience key", required=True),
            Field("tenant", "Tenant ID"),
        ),
        ("upsert", "delete"),
        custom=False,
    ),
}


def identifier(kind: str) -> str:
    """The field that names records of a kind."""
    return next(each.name for each in KINDS[kind].fields if each.identifier)


def sync(environment: UUID, kind: str, operation: Operation, records: list[Any]) -> list[str | None]:
    """Does records, in order, all that can be done in one transaction. What is wrong with each, None for those that were done."""
    with transaction() as tx:
        return [_problem(tx, environment, kind, operation, each) for each in records]


def _problem(tx: Transaction, environment: UUID, kind: str, operation: Operation, record: Any) -> str | None:
    bells = len(tx.bells)
    try:
        with tx.connection.begin_nested():
            _do(tx, environment, kind, operation, record)
    except StoreUnavailable:
        raise
    except DoorbellError as error:
        problem = error.message
    except DataError:
        problem = "a value cannot be stored"
    else:
        return None
    del tx.bells[bells:]
    return problem


def _do(tx: Transaction, environment: UUID, kind: str, operation: Operation, record: Any) -> None:
    if not isinstance(record, Mapping):
        raise InvalidParams("the record is no map")
    if kind == "audience_member":
        _change_member(tx, environment, operation, record)
        return
    where = _reference(kind, record)
    if operation == "delete":
        recipients.delete(tx, environment, where)
        return
    if operation != "upsert" and (get_recipient(tx, environment, where) is None) != (operation == "insert"):
        return
    properties = {name: each for name, each in record.items() if name not in ("id", "collection")}
    _check(properties)
    recipients.write(tx, environment, identity({**properties, "id": where.id, "collection": where.collection}))


def _reference(kind: str, record: Mapping[str, Any]) -> Reference:
    if kind == "user":
        return Reference(USERS, _user(record, "id"))
    if kind == "tenant":
        return Reference(TENANTS, _name(record, "id"))
    collection = _name(record, "collection")
    if collection.startswith("$"):
        raise InvalidParams("collection must not begin with `$`")
    return Reference(collection, _name(record, "id"))


def _change_member(tx: Transaction, environment: UUID, operation: Operation, record: Mapping[str, Any]) -> None:
    tenant = _name(record, "tenant") if record.get("tenant") else None
    members: list[tuple[Mapping[str, Any], str | None]] = [({"id": _user(record, "user_id")}, tenant)]
    key = _name(record, "audience")
    if operation == "delete":
        audiences.remove(tx, environment, key, members)
    else:
        audiences.add(tx, environment, key, members, create=False)


def _name(record: Mapping[str, Any], field: str) -> str:
    value = record.get(field)
    named = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(named, str) or not named or len(named) > MOST_ID:
        raise InvalidParams(f"{field} must be a text of 1 to {MOST_ID} characters")
    return named


def _user(record: Mapping[str, Any], field: str) -> str:
    named = _name(record, field)
    if "/" in named or "#" in named:
        raise InvalidParams(f"{field} must not contain `/` or `#`")
    return named


def _check(properties: Mapping[str, Any]) -> None:
    for name in ("preferences", "channel_data"):
        if not isinstance(properties.get(name) or {}, Mapping):
            raise InvalidParams(f"{name} must be a map")
    if not isinstance(properties.get("created_at"), str | None):
        raise InvalidParams("created_at must be an ISO 8601 time")
    if len(to_json(properties)) > settings().max_properties:
        raise InvalidParams(f"the properties are larger than {settings().max_properties} bytes")
