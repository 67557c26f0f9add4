"""The door to what is set once for an environment: its variables, and what applies to everybody's preferences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from notify_workers import allow_list, resources
from notify_workers.store import environments as rows
from workflows.errors import DocumentInvalid
from workflows.preference_sets import preference_problems


def set_variables(environment: UUID, variables: Mapping[str, Any]) -> None:
    """Replaces the variables that templates see as `vars`; every process uses them from its next step on."""
    with resources.configuration() as tx:
        rows.set_variables(tx, environment, variables)


def set_default_preferences(environment: UUID, preferences: Mapping[str, Any]) -> None:
    """Replaces the preference set of everybody who has said nothing else. Raises `DocumentInvalid` with every problem."""
    if problems := list(preference_problems("", preferences)):
        raise DocumentInvalid("the environment's preferences", problems)
    with resources.configuration() as tx:
        rows.set_default_preferences(tx, environment, preferences)


def set_enhanced_security(environment: UUID, *, on: bool) -> None:
    """Whether browsers must prove with a user token whom they act for."""
    with resources.configuration() as tx:
        rows.set_enhanced_security(tx, environment, on=on)


def set_recipient_allow_list(environment: UUID, patterns: Sequence[str] | None) -> None:
    """Whom its messages may go to, from the next step and the next attempt on; None: everybody.

    Raises `PatternInvalid`.
    """
    kept = None if patterns is None else allow_list.checked(patterns)
    with resources.configuration() as tx:
        rows.set_recipient_allow_list(tx, environment, kept)
