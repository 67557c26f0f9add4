"""What a trigger's data must look like: the workflow's own JSON Schema, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from workflows.shape import join

NOTHING_REMOTE: Registry[Any] = Registry()
"""Where a schema's references are looked up besides in itself: data must never make us fetch an address."""

MOST_QUOTED = 300
"""Characters of a violation that are shown: it quotes the value, which may be megabytes."""


def data_validator(schema: Mapping[str, Any]) -> Validator:
    return validator_for(schema, default=Draft202012Validator)(schema, registry=NOTHING_REMOTE)


def first_problem(validator: Validator, data: Mapping[str, Any]) -> str | None:
    """What is wrong with the data, in words: its first violation. None when it follows the schema."""
    try:
        for error in validator.iter_errors(data):
            return f"{join('data', *error.absolute_path)}: {error.message[:MOST_QUOTED]}"
    except Unresolvable as error:
        return f"data cannot be checked: the workflow's schema refers to `{error.ref}`, which is not in it"
    except RecursionError:
        return "data is nested too deeply to be checked"
    return None
