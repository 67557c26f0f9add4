"""Files that a trigger brings in its data (contract: semantics §20, gaps §6).

Knock sends only those of the trigger that opened a batch. Here every activity that is rendered brings its own.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from workflows.content import Attachment
from workflows.email.headers import header_value
from workflows.errors import StepFailed
from workflows.scope import Scope

_SPACE = re.compile(r"\s+")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;[\x20-\x7e]*)?")
_CONTENT_ID = re.compile(r"[!-;=?-~]+")
_FIELDS = ("name", "content_type", "content", "content_id", "disposition")


def attachments(scope: Scope, path: str) -> tuple[Attachment, ...]:
    """What stands at that path of the data, oldest activity first; what is exactly the same only once.

    Raises `StepFailed`, naming the field of the attachment that is wrong.
    """
    found = (attachment for place, value in _sources(scope, path) for attachment in _list(place, value))
    return tuple(dict.fromkeys(found))


def _sources(scope: Scope, path: str) -> Iterator[tuple[str, Any]]:
    """A single activity's attachments are looked for in the data first, which later steps may have changed."""
    names = path.removeprefix("data.").split(".")
    current = _at(scope.data, names)
    if len(scope.activities) > 1 or current is None:
        for number, activity in enumerate(scope.activities):
            yield f"activities[{number}].{path}", _at(activity, names)
    yield path, current


def _at(value: Any, names: list[str]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _list(path: str, value: Any) -> Iterator[Attachment]:
    """One attachment may stand there without a list around it."""
    if value is None or value == "":
        return
    if isinstance(value, Mapping):
        yield _attachment(path, value)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield _attachment(f"{path}[{number}]", item)
    else:
        raise _wrong(path, "is no list of attachments")


def _attachment(path: str, given: Any) -> Attachment:
    if not isinstance(given, Mapping):
        raise _wrong(path, "is no attachment: an object with name, content_type and content")
    fields = {name: _text(path, name, given.get(name)) for name in _FIELDS}
    name, content_id, disposition = (
        header_value(fields["name"]),
        fields["content_id"].strip("<>"),
        fields["disposition"],
    )
    if not name:
        raise _wrong(f"{path}.name", "is empty")
    if not _TYPE.fullmatch(fields["content_type"]):
        raise _wrong(f"{path}.content_type", "is no MIME type, such as application/pdf")
    if content_id and not _CONTENT_ID.fullmatch(content_id):
        raise _wrong(f"{path}.content_id", "may hold only ASCII letters, digits and punctuation without < and >")
    if disposition not in ("", "inline", "attachment"):
        raise _wrong(f"{path}.disposition", "is neither inline nor attachment")
    is_inline = disposition == "inline" or (bool(content_id) and not disposition)
    return Attachment(name, fields["content_type"], _base64(path, fields["content"]), content_id, is_inline)


def _text(path: str, name: str, value: Any) -> str:
    if value is None and name in ("content_id", "disposition"):
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{path}.{name}", "is missing" if value is None else "is no text")
    return value


def _base64(path: str, content: str) -> str:
    """Without white space, which base64 may have in it."""
    content = _SPACE.sub("", content)
    try:
        b64decode(content, validate=True)
    except ValueError as error:
        raise _wrong(f"{path}.content", f"is not base64: {error}") from error
    return content


def _wrong(path: str, problem: str) -> StepFailed:
    return StepFailed(f"the attachment `{path}` {problem}")
