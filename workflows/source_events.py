"""What the bodies of known sources say: which events they hold, about whom, and what that makes of a user.

A source's type knows how its sender writes events (contract: api-endpoints §5.1). Paths are dotted and begin with what they
look into: `body.data.id`, `headers.x-topic`, `preprocess.email`. A number is a place in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ROOTS = ("body", "headers", "preprocess")

LONGEST_KEY = 255
"""Characters of an idempotency key; a longer one is none."""


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One event. `user_id` is whom it is about, `preprocess` what the source's type has made of it."""

    type: str
    key: str | None
    user_id: str | None
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    preprocess: Mapping[str, Any]

    def look_up(self, path: str) -> Any:
        """What is at a path; None where nothing is."""
        return _look_up({"body": self.body, "headers": self.headers, "preprocess": self.preprocess}, path)


def _look_up(found: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal() and len(part) < 10 and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def is_path(value: object) -> bool:
    return isinstance(value, str) and value.partition(".")[0] in ROOTS and value != "headers"


@dataclass(frozen=True, slots=True)
class SourceType:
    """How a sender writes events: where their type, their key and their user stand, and what users' properties are."""

    type_path: str
    key_path: str
    user_path: str
    preprocess: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    mappings: Sequence[Mapping[str, Any]] = ()


def events(
    source_type: str, settings: Mapping[str, Any], body: Mapping[str, Any], headers: Mapping[str, str]
) -> list[SourceEvent]:
    """A request's events, in order; those without a type are left out. Segment and RudderStack may send a `batch`."""
    bodies = body.get("batch") if source_type in BATCHED and isinstance(body.get("batch"), list) else [body]
    found = (_event(TYPES[source_type], settings, each, headers) for each in bodies or () if isinstance(each, Mapping))
    return [each for each in found if each is not None]


def _event(
    kind: SourceType, settings: Mapping[str, Any], body: Mapping[str, Any], headers: Mapping[str, str]
) -> SourceEvent | None:
    preprocess = kind.preprocess(body)
    seen = {"body": body, "headers": headers, "preprocess": preprocess}
    event_type = _text(_look_up(seen, settings.get("event_type_path") or kind.type_path))
    key = _text(_look_up(seen, settings.get("idempotency_key_path") or kind.key_path))
    user_id = _text(_look_up(seen, settings.get("user_id_path") or kind.user_path))
    if not event_type or len(event_type) > LONGEST_KEY:
        return None
    return SourceEvent(event_type, key if key and len(key) <= LONGEST_KEY else None, user_id, body, headers, preprocess)


def _text(value: object) -> str | None:
    """A name: a text, or a number as one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _nothing(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def _identify(event_type: str, action: str = "users_identify") -> dict[str, Any]:
    parameters = {"id": "preprocess.id", "properties": "preprocess.properties"}
    return {"event_type": event_type, "action_type": action, "action_parameters": parameters}


# Clerk (https://clerk.com/docs/webhooks): `{type, data}`, the user in `data` or, of a session, in `data.user`.


def _clerk(body: Mapping[str, Any]) -> Mapping[str, Any]:
    about = body.get("data")
    if not isinstance(about, Mapping):
        return {}
    if about.get("object") == "session" or "user_id" in about:
        user = about.get("user")
        return {
            "id": about.get("user_id"),
            "properties": _clerk_user(user) if isinstance(user, Mapping) and "email_addresses" in user else {},
        }
    return {"id": about.get("id"), "properties": _clerk_user(about)}


def _clerk_user(user: Mapping[str, Any]) -> dict[str, Any]:
    """A user's properties; what Clerk does not know any more is null here too."""
    names = [each for each in (user.get("first_name"), user.get("last_name")) if isinstance(each, str) and each]
    return {
        "name": " ".join(names) or _text(user.get("username")),
        "email": _primary(user, "email_address"),
        "phone_number": _primary(user, "phone_number"),
        "avatar": _text(user.get("image_url")) or _text(user.get("profile_image_url")),
        **({"created_at": created} if (created := _milliseconds(user.get("created_at"))) else {}),
    }


def _primary(user: Mapping[str, Any], name: str) -> str | None:
    """Of a list of addresses the one that `primary_<name>_id` names."""
    addresses = user.get(f"{name}es" if name.endswith("ss") else f"{name}s")
    wanted = user.get(f"primary_{name}_id")
    known = [each for each in addresses if isinstance(each, Mapping)] if isinstance(addresses, list) else []
    return next((_text(each.get(name)) for each in known if wanted and each.get("id") == wanted), None)


def _milliseconds(value: object) -> str | None:
    """A time in milliseconds since 1970 as ISO 8601."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 253_402_300_800_000:
        return None
    return datetime.fromtimestamp(value / 1000, UTC).isoformat()


# Segment (https://segment.com/docs/connections/spec) and RudderStack, which writes the same events.


def _segment(body: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = body.get("type")
    traits = body.get("traits") if isinstance(body.get("traits"), Mapping) else {}
    return {
        "type": body.get("event") if kind == "track" else kind,
        "id": body.get("userId"),
        "properties": _traits(traits) if isinstance(traits, Mapping) else {},
    }


TRAITS = {"phone": "phone_number"}

SECONDS = 100_000_000_000
"""A time since 1970 that is less is in seconds, not in milliseconds."""


def _traits(traits: Mapping[str, Any]) -> dict[str, Any]:
    """A user's properties: the traits, those that have a name of their own here under that one."""
    found = {TRAITS.get(name, name): value for name, value in traits.items() if name not in ("id", "collection")}
    if created := _created(found.get("createdAt")):
        del found["createdAt"]
        found["created_at"] = created
    names = [each for each in (traits.get("firstName"), traits.get("lastName")) if isinstance(each, str) and each]
    return {"name": " ".join(names), **found} if names else found


def _created(value: object) -> str | None:
    """A time as ISO 8601; None for what is none, which stays what it is."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).isoformat()
        except ValueError:
            return None
    if isinstance(value, int) and not isinstance(value, bool) and value < SECONDS:
        return _milliseconds(value * 1000)
    return _milliseconds(value)


SEGMENT = SourceType("preprocess.type", "body.messageId", "body.userId", _segment, (_identify("identify"),))
CLERK = SourceType(
    "body.type",
    "headers.svix-id",
    "preprocess.id",
    _clerk,
    (
        _identify("user.created"),
        _identify("user.updated"),
        _identify("session.created"),
        _identify("user.deleted", "users_delete"),
    ),
)

TYPES = {
    "http": SourceType("body.type", "headers.webhook-id", "body.user_id", _nothing),
    "segment": SEGMENT,
    "rudderstack": SEGMENT,
    "clerk": CLERK,
}
BATCHED = ("segment", "rudderstack")
