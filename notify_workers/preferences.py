"""The door to the preference sets of users and objects (contract: semantics §11.2, §11.4).

What is read of a set is what it says together with the defaults below it; what is written is the set alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from notify_workers.errors import InvalidParams
from notify_workers.settings import settings
from notify_workers.store import preferences as rows
from notify_workers.store.preferences import Known
from notify_workers.store.session import Transaction
from workflows.preference_sets import PARTS, Strategy, merge_sets, preference_problems
from workflows.preferences import effective
from workflows.recipients import USERS, Reference
from workflows.scope import Preferences

DEFAULT = "default"


def read(tx: Transaction, environment: UUID, of: Reference, name: str, tenant: str | None = None) -> dict[str, Any]:
    """One set with its `id`; who has written none gets the defaults. `name` is `default` or a tenant's id.

    `tenant`: the tenant whose default lies below the set `default`.
    """
    tenants = [each for each in (tenant, name) if each and each != DEFAULT]
    return _shown(rows.known(tx, environment, of, *tenants), name, tenant)


def sets(tx: Transaction, environment: UUID, of: Reference) -> list[dict[str, Any]]:
    """Every set that was written, and `default` in any case, which is the first."""
    known = rows.known(tx, environment, of)
    names = dict.fromkeys([DEFAULT, *sorted(known.own)])
    return [_shown(known, name) for name in names]


def _shown(known: Known, name: str, tenant: str | None = None) -> dict[str, Any]:
    below = name if name != DEFAULT else tenant
    layers = Preferences(
        recipient=known.own.get(DEFAULT),
        recipient_tenant=known.own.get(name) if below else None,
        tenant=known.tenants.get(below) if below else None,
        environment=known.environment,
    )
    return {"id": name, **effective(layers)}


def write(
    tx: Transaction,
    environment: UUID,
    of: Reference,
    name: str,
    document: Mapping[str, Any],
    strategy: Strategy = "replace",
) -> None:
    """Changes a set of somebody's, who is made when they are unknown.

    `strategy` is what happens without a `__persistence_strategy__`. Raises `InvalidParams` with every problem.
    """
    check(document)
    change(tx, environment, of, name, lambda known: merge_sets(known, document, strategy))


def check(document: Mapping[str, Any], path: str = "") -> None:
    """Raises `InvalidParams` with the path of each problem of a preference set that stands at `path`."""
    problems = list(preference_problems(path, document))
    if problems:
        errors = [{"field": each.path, "message": f"must be {each.expected}", "type": "value"} for each in problems]
        fields = ", ".join(dict.fromkeys(each.path for each in problems))
        raise InvalidParams(f"The preferences are not valid: {fields}", errors=errors)


Change = Callable[[Mapping[str, Any] | None], Mapping[str, Any]]
"""From the set that is stored, None when there is none, to the one that shall be."""


def change(tx: Transaction, environment: UUID, of: Reference, name: str, new: Change) -> None:
    """Changes a set while nobody else does."""
    known = rows.hold(tx, environment, of)
    own = known.get(name)
    changed = new(own if isinstance(own, Mapping) else None)
    known[name] = {part: changed[part] for part in PARTS if part in changed}
    _check_size(known[name])
    rows.replace(tx, environment, of, known)


def _check_size(changed: Mapping[str, Any]) -> None:
    most = settings().max_properties
    if len(to_json(changed)) > most:
        message = f"must not be larger than {most} bytes"
        errors = [{"field": "body", "message": message, "type": "too_large"}]
        raise InvalidParams(f"A preference set {message}", errors=errors)


def remove(tx: Transaction, environment: UUID, of: Reference, name: str) -> None:
    """Removing a set that nobody has written changes nothing."""
    rows.remove(tx, environment, of, name)


def set_one_of_many(tx: Transaction, environment: UUID, context: Mapping[str, Any], user_id: Any) -> None:
    """An item of the bulk operation `users.set_preferences`: the set is replaced, whatever it says of strategies."""
    of = Reference(USERS, user_id)
    change(tx, environment, of, context["name"], lambda _: merge_sets(None, context["preferences"]))
