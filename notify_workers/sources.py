"""The door to sources: events that come in, and what they make happen (contract: api-endpoints §5.1).

All actions of an event are one transaction. One that cannot be done is undone alone and recorded, and the others are done; such
an event is done again when it is delivered again, and its triggers have the same ids then, so that nothing is doubled.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic_core import to_json
from sqlalchemy.exc import DataError

from notify_workers import audiences, recipients, subscriptions, triggers
from notify_workers.errors import DoorbellError, InvalidParams, StoreUnavailable
from notify_workers.settings import settings
from notify_workers.source_signatures import secret_problem
from notify_workers.store import sources as rows
from notify_workers.store.session import Transaction, transaction
from notify_workers.store.sources import Source
from workflows.errors import StepFailed
from workflows.recipients import TENANTS, USERS, Reference, identity, reference
from workflows.source_events import TYPES, SourceEvent, events, is_path
from workflows.source_mappings import Action, actions, mapping_problems

SETTINGS = ("secret", "event_type_path", "idempotency_key_path", "user_id_path", "handle_identifies")

MOST_ID = 256


def configure(environment: UUID, key: str, source_type: str, document: Mapping[str, Any]) -> Source:
    """Makes a source or configures it anew: `{name, enabled, settings, mappings}`. Raises `InvalidParams` with every problem."""
    problems = list(_problems(key, source_type, document))
    if problems:
        errors = [{"field": each.split(" ")[0], "message": each, "type": "source"} for each in problems]
        raise InvalidParams(f"The source is not valid: {'; '.join(problems)}", errors=errors)
    with transaction() as tx:
        return rows.put(
            tx,
            id=uuid4(),
            environment=environment,
            key=key,
            name=document.get("name") or key,
            type=source_type,
            token=secrets.token_urlsafe(24),
            settings=dict(document.get("settings") or {}),
            mappings=list(document.get("mappings") or []),
            enabled=document.get("enabled", True),
        )


def _problems(key: str, source_type: str, document: Mapping[str, Any]) -> list[str]:
    given = document.get("settings") or {}
    if source_type not in TYPES:
        return [f"type must be one of {', '.join(TYPES)}"]
    if not isinstance(given, Mapping):
        return ["settings must be a map"]
    unknown = [f"{name} is not known" for name in document if name not in ("name", "enabled", "settings", "mappings")]
    unknown += [f"settings.{name} is not known" for name in given if name not in SETTINGS]
    paths = [
        f"settings.{name} must be a path that begins with body., headers. or preprocess."
        for name in SETTINGS[1:4]
        if given.get(name) is not None and not is_path(given[name])
    ]
    secret = secret_problem(source_type, given.get("secret"))
    unknown += ["name must be a text"] if not isinstance(document.get("name", ""), str) else []
    unknown += ["enabled must be true or false"] if not isinstance(document.get("enabled", True), bool) else []
    named = [] if key and len(key) <= MOST_ID and "\0" not in key else ["key must have 1 to 256 characters"]
    return [*named, *unknown, *paths, *([secret] if secret else []), *mapping_problems(document.get("mappings") or [])]


def receive(source: Source, headers: Mapping[str, str], body: Mapping[str, Any]) -> int:
    """Does what a verified request asks for; the number of its events. Each is a transaction of its own."""
    found = events(source.type, source.settings, body, headers)
    for each in found:
        with transaction() as tx:
            _process(tx, source, each)
    return len(found)


def _process(tx: Transaction, source: Source, event: SourceEvent) -> None:
    event_id = origin = uuid4()
    done = False
    if event.key is not None:
        origin, done = rows.claim_key(tx, source.id, event.type, event.key, event_id, settings().source_window)
    outcomes = [] if done else _act(tx, source, event, origin)
    if event.key is not None and not done and all(each["status"] == "done" for each in outcomes):
        rows.key_done(tx, source.id, event.type, event.key)
    user = event.user_id if event.user_id and len(event.user_id) <= MOST_ID else None
    if user is not None and not done and origin == event_id:
        rows.signal(tx, source, user, event.type, event.body)
    rows.log_event(
        tx,
        source,
        id=event_id,
        type=event.type,
        key=event.key,
        status="duplicate" if done else _status(outcomes),
        actions=outcomes,
        body=event.body,
        user=user,
    )


def _status(outcomes: list[dict[str, Any]]) -> str:
    if not outcomes:
        return "ignored"
    return "done" if all(each["status"] == "done" for each in outcomes) else "partial"


def _act(tx: Transaction, source: Source, event: SourceEvent, origin: UUID) -> list[dict[str, Any]]:
    planned = actions(source.type, source.settings, source.mappings, event)
    return [_outcome(tx, source, uuid5(origin, str(place)), each) for place, each in enumerate(planned)]


def _outcome(tx: Transaction, source: Source, action_id: UUID, action: Action) -> dict[str, Any]:
    problem = action.problem or _done(tx, source, action_id, action)
    outcome = {"type": action.type, "status": "skipped" if problem else "done", "parameters": dict(action.parameters)}
    if problem:
        outcome["error"] = problem
    elif action.type == "workflows_trigger":
        outcome["workflow_run_id"] = str(action_id)
    return outcome


def _done(tx: Transaction, source: Source, action_id: UUID, action: Action) -> str | None:
    """Why an action could not be done; then nothing of it was."""
    bells = len(tx.bells)
    try:
        with tx.connection.begin_nested():
            DOERS[action.type](tx, source.environment_id, action_id, action.parameters)
    except StoreUnavailable:
        raise
    except (DoorbellError, StepFailed) as error:
        problem = str(error)
    except DataError:
        problem = "a value cannot be stored"
    else:
        return None
    del tx.bells[bells:]
    return problem


# The actions: `(tx, environment, id, parameters)`. Parameters that are needed are there; what they are is checked here.


def _name(parameters: Mapping[str, Any], field: str = "id") -> str:
    value = parameters[field]
    named = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(named, str) or not named or len(named) > MOST_ID:
        raise _wrong(field, "must be a text of 1 to 256 characters")
    return named


def _user(value: Any, field: str = "id") -> str:
    named = _name({field: value}, field)
    if "/" in named or "#" in named:
        raise _wrong(field, "must not contain `/` or `#`")
    return named


def _wrong(field: str, message: str) -> InvalidParams:
    return InvalidParams(f"{field} {message}", errors=[{"field": field, "message": message, "type": "value_error"}])


def _entity(value: Any, field: str) -> Any:
    """A recipient as on the wire: an id, an inline user or an inline object."""
    if isinstance(value, Mapping):
        if "id" not in value:
            raise _wrong(field, "must have an id")
        collection = value.get("collection")
        if collection not in (None, USERS):
            return {**value, "id": _name(value), "collection": _name(value, "collection")}
        return {**value, "id": _user(value["id"], field)}
    return _user(value, field)


def _entities(value: Any, field: str = "recipients") -> list[Any]:
    found = [_entity(each, field) for each in (value if isinstance(value, list) else [value])]
    if len(found) > settings().max_recipients:
        raise _wrong(field, f"must not name more than {settings().max_recipients}")
    return found


def _write(tx: Transaction, environment: UUID, where: Reference, parameters: Mapping[str, Any]) -> None:
    properties = parameters.get("properties") or {}
    if len(to_json(properties)) > settings().max_properties:
        raise _wrong("properties", f"must not be larger than {settings().max_properties} bytes")
    reserved = {name: each for name, each in properties.items() if name not in ("id", "collection")}
    said = identity({**_checked(reserved), "id": where.id, "collection": where.collection})
    recipients.write(tx, environment, said)


def _checked(properties: dict[str, Any]) -> dict[str, Any]:
    """What has a meaning of its own must have its own kind."""
    for name in ("preferences", "channel_data"):
        if not isinstance(properties.get(name) or {}, Mapping):
            raise _wrong(f"properties.{name}", "must be a map")
    if not isinstance(properties.get("created_at"), str | None):
        raise _wrong("properties.created_at", "must be an ISO 8601 time")
    return properties


def _identify_user(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    _write(tx, environment, Reference(USERS, _user(parameters["id"])), parameters)


def _delete_user(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    recipients.delete(tx, environment, Reference(USERS, _user(parameters["id"])))


def _object(parameters: Mapping[str, Any]) -> Reference:
    collection = _name(parameters, "collection")
    if collection.startswith("$"):
        raise _wrong("collection", "must not begin with `$`")
    return Reference(collection, _name(parameters))


def _set_object(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    _write(tx, environment, _object(parameters), parameters)


def _delete_object(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    recipients.delete(tx, environment, _object(parameters))


def _set_tenant(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    _write(tx, environment, Reference(TENANTS, _name(parameters)), parameters)


def _delete_tenant(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    recipients.delete(tx, environment, Reference(TENANTS, _name(parameters)))


def _subscribe(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    named = _entities(parameters["recipients"])
    subscriptions.add(tx, environment, _object(parameters), named, parameters.get("properties"))


def _unsubscribe(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    named = [reference(each) for each in _entities(parameters["recipients"])]
    subscriptions.remove(tx, environment, _object(parameters), named)


def _member(parameters: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str | None]]:
    tenant = _name(parameters, "tenant") if parameters.get("tenant") else None
    return [({"id": _user(parameters["id"])}, tenant)]


def _add_member(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    audiences.add(tx, environment, _name(parameters, "audience"), _member(parameters), create=False)


def _remove_member(tx: Transaction, environment: UUID, _: UUID, parameters: Mapping[str, Any]) -> None:
    audiences.remove(tx, environment, _name(parameters, "audience"), _member(parameters))


def _trigger(tx: Transaction, environment: UUID, action_id: UUID, parameters: Mapping[str, Any]) -> None:
    actor, tenant = parameters.get("actor"), parameters.get("tenant")
    key = _name(parameters, "workflow")
    payload = {
        "environment_id": str(environment),
        "workflow": key,
        "recipients": _entities(parameters["recipients"]),
        "actor": _entity(actor, "actor") if actor is not None else None,
        "tenant": _name(parameters, "tenant") if tenant is not None else None,
        "data": dict(parameters.get("data") or {}),
        "cancellation_key": _name(parameters, "cancellation_key") if parameters.get("cancellation_key") else None,
        "source": {"type": "integration"},
    }
    if not triggers.trigger_within(tx, action_id, payload):
        raise _wrong("workflow", f"`{key}` is no active workflow")


DOERS: dict[str, Callable[[Transaction, UUID, UUID, Mapping[str, Any]], None]] = {
    "users_identify": _identify_user,
    "users_delete": _delete_user,
    "objects_set": _set_object,
    "objects_delete": _delete_object,
    "tenants_set": _set_tenant,
    "tenants_delete": _delete_tenant,
    "objects_subscribe": _subscribe,
    "objects_unsubscribe": _unsubscribe,
    "audiences_add_member": _add_member,
    "audiences_remove_member": _remove_member,
    "workflows_trigger": _trigger,
}
