"""Which of the contract's operations clients have called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())

NOT_IN_SDKS = {
    "triggerWorkflow (2)",
    "cancelWorkflow",
    "unarchiveMessage",
    "markMessageUnread (2)",
    "markMessageUnseen",
    "markUserGuideAsArchived",
    "markUserGuideAsInteracted",
    "markUserGuideAsSeen",
    *(
        f"update{owner}Preference{part}"
        for owner in ("User", "Object")
        for part in ("Categories", "Category", "ChannelTypes", "ChannelType", "Workflows", "Workflow")
    ),
}
"""Operations that no client has a method for: old forms."""

IN_SDKS = {
    operation["operationId"]
    for methods in CONTRACT["paths"].values()
    for method, operation in methods.items()
    if method in {"get", "put", "post", "delete"}
} - NOT_IN_SDKS


def operations(calls: Iterable[str]) -> set[str]:
    """The operations of calls such as `GET /v1/users/jane`. Fixed paths go before those with parameters."""
    return {found for call in calls if (found := _operation(*call.split(" ", 1)))}


def _operation(method: str, path: str) -> str | None:
    for template, methods in sorted(CONTRACT["paths"].items(), key=lambda each: each[0].count("{")):
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if method.lower() in methods and re.fullmatch(pattern, path):
            return str(methods[method.lower()]["operationId"])
    return None
