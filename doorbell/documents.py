"""Documents that commands read: files that hold one JSON object."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click


def read_document(file: TextIO) -> dict[str, Any]:
    """The object. Raises `click.ClickException`, naming the file."""
    try:
        document = json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise click.ClickException(f"{file.name} holds no JSON object")
    return document
