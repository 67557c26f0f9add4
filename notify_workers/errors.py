"""The engine's errors. One base; each carries what the wire shows: code, status, field and a message for who must act."""

from __future__ import annotations

from collections.abc import Sequence
from traceback import format_tb


class DoorbellError(Exception):
    """Base. `type` groups codes the way the contract does (api-endpoints §1.7)."""

    code = "internal_error"
    status = 500
    type = "api_error"

    def __init__(self, message: str, *, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = list(errors)


class SettingsInvalid(DoorbellError):
    """Variables of the environment that are missing or wrong, all of them."""

    code = "settings_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("Settings: " + "; ".join(problems))


class NotFound(DoorbellError):
    code = "resource_missing"
    status = 404
    type = "invalid_request_error"


class InvalidParams(DoorbellError):
    """`errors` holds one `{field, message, type}` per problem."""

    code = "invalid_params"
    status = 422
    type = "invalid_request_error"


class StoreUnavailable(DoorbellError):
    """PostgreSQL or Redis does not answer; nothing was changed and the request may be repeated."""

    code = "unavailable"
    status = 503
    type = "api_error"
    retry_after = 1


class Collision(StoreUnavailable):
    """Two transactions waited for each other. This one was undone, and may be repeated at once."""


def kind_and_place(error: Exception) -> str:
    """What a log may have of an error that nobody foresaw. Not what it says: that may quote what people wrote."""
    return f"{type(error).__name__}\n{''.join(format_tb(error.__traceback__))}"
