"""Which of the contract's operations clients have called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())

IN_NO_SDK = {
    "triggerWorkflow (2)",
    "cancelWorkflow",
    "unarchiveMessage",
    "markMessageUnread (2)",
    "markMessageUnseen",
    "markUserGuideAsArchived",
    "markUserGuideAsInteracted",
    "markUserGuideAsSeen",
}
"""Operations that no client has a method for: old forms."""

IN_OLD_SDKS = {
    f"update{owner}Preference{part}"
    for owner in ("User", "Object")
    for part in ("Categories", "Category", "ChannelTypes", "ChannelType", "Workflows", "Workflow")
}
"""Operations that only old clients have a method for."""

IN_SDKS = {
    operation["operationId"]
    for methods in CONTRACT["paths"].values()
    for method, operation in methods.items()
    if method in {"get", "put", "post", "delete"}
} - (IN_NO_SDK | IN_OLD_SDKS)
"""Operations that the newest clients of servers have a method for."""

IN_BROWSERS = {
    *("getUser", "identifyUser", "getUserChannelData", "setUserChannelData"),
    *("getObjectChannelData", "setObjectChannelData"),
    *("listUserPreferenceSets", "getUserPreferenceSet", "updateUserPreferenceSet"),
    *(each for each in IN_OLD_SDKS if each.startswith("updateUser")),
    *("listUserInAppFeedItems", "bulkUpdateMessagesForChannel", "getMessage"),
    *("markMessageSeen", "markMessageUnseen (2)", "markMessageRead", "markMessageUnread", "markMessageInteracted"),
    *("archiveMessage", "unarchiveMessage (2)", "batchMarkMessagesAsInteracted"),
    *(f"batchMarkMessagesAs{status}" for status in ("Seen", "Unseen", "Read", "Unread", "Archived", "Unarchived")),
    *("listUserGuides", "resetUserGuideEngagement"),
    *(f"markUserGuideAs{status} (2)" for status in ("Seen", "Interacted", "Archived")),
    *("slackProviderAuthCheck", "listChannelsForSlackProvider", "slackProviderRevokeAccess"),
    *("msTeamsProviderAuthCheck", "listTeamsForMsTeamsProvider", "listChannelsForMsTeamsProvider"),
    "msTeamsProviderRevokeAccess",
}
"""Operations that the client of browsers has a method for."""


def operations(calls: Iterable[str]) -> set[str]:
    """The operations of calls such as `GET /v1/users/jane`. Fixed paths go before those with parameters."""
    return {found for call in calls if (found := _operation(*call.split(" ", 1)))}


def _operation(method: str, path: str) -> str | None:
    for template, methods in sorted(CONTRACT["paths"].items(), key=lambda each: each[0].count("{")):
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if method.lower() in methods and re.fullmatch(pattern, path):
            return str(methods[method.lower()]["operationId"])
    return None
