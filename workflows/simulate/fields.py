"""The fields of one event of a stream, read one by one; every problem is kept with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from workflows.errors import Problem
from workflows.recipients import Reference, reference
from workflows.windows import parse_timestamp

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:\d+[wdhms])+")
_RECIPIENT = 'an id, or {"id": …} with what is said of the recipient, "collection" included for an object'


def parse_span(text: str) -> timedelta | None:
    """`3d2h`; None for anything else."""
    if not _DURATION.fullmatch(text):
        return None
    try:
        return timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(\w)", text)))
    except OverflowError:
        return None


@dataclass
class Fields:
    """The event at `place` (`line 3`). What is wrong with a field is kept, and something harmless is read instead."""

    place: str
    document: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)
    _read: set[str] = field(default_factory=set)

    def complain(self, name: str, expected: str) -> None:
        self.problems.append(Problem(f"{self.place}, {name}", self.document.get(name.split("[")[0]), expected))

    def get(self, name: str) -> Any:
        self._read.add(name)
        return self.document.get(name)

    def text(self, name: str, expected: str, default: str | None = None) -> str:
        """A text that is not empty; without a default it must be there."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value:
            self.complain(name, expected)
            return default or ""
        return value

    def optional(self, name: str, expected: str) -> str | None:
        return self.text(name, expected, "") or None

    def one_of(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self.get(name)
        if value is None and default is not None:
            return default
        if value not in choices:
            self.complain(name, f"one of {', '.join(choices)}")
            return default or choices[0]
        return str(value)

    def number(self, name: str) -> int | None:
        value = self.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            self.complain(name, "a whole number from 1")
            return None
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            self.complain(name, "true or false")
        return default if not isinstance(value, bool) else value

    def mapping(self, name: str, expected: str = "an object") -> dict[str, Any]:
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            self.complain(name, expected)
        return value if isinstance(value, dict) else {}

    def entity(self, name: str) -> str | dict[str, Any] | None:
        """A recipient, actor or tenant as on the wire; None when it is not there."""
        value = self.get(name)
        if value is not None and not _is_entity(value):
            self.complain(name, _RECIPIENT)
            return None
        return value  # type: ignore[no-any-return]  # `_is_entity` has seen it.

    def entities(self, name: str, *, needed: bool = True) -> tuple[str | dict[str, Any], ...]:
        """One or more of them; none only when the field is not needed and not there."""
        value = self.get(name)
        if value is None and not needed:
            return ()
        if not isinstance(value, list) or not value:
            self.complain(name, 'a list of recipients, such as ["jane"]')
            return ()
        for index, each in enumerate(value):
            if not _is_entity(each):
                self.problems.append(Problem(f"{self.place}, {name}[{index}]", each, _RECIPIENT))
        return tuple(each for each in value if _is_entity(each))

    def reference(self, name: str) -> Reference:
        found = self.entity(name)
        if found is None:
            if self.document.get(name) is None:
                self.complain(name, _RECIPIENT)
            return reference("")
        return reference(found)

    def time(self, name: str, start: datetime) -> datetime:
        """A timestamp, or `+3d2h` after the start, which is also what an event without a time happens at."""
        value = self.get(name)
        if value is None:
            return start
        span = parse_span(value[1:]) if isinstance(value, str) and value.startswith("+") else None
        try:
            moment = start + span if span is not None else parse_timestamp(value)
        except OverflowError:
            moment = None
        if moment is None:
            self.complain(name, "a timestamp such as 2026-01-01T09:00:00Z, or +3d2h after the start")
            return start
        if moment < start:
            self.complain(name, f"a time not before the start, {start.isoformat()}")
        return max(start, moment)

    def no_others(self) -> None:
        """Complains about fields that nobody has read."""
        for name in sorted(self.document.keys() - self._read):
            close = "".join(f" (perhaps {match})" for match in get_close_matches(name, self._read, n=1))
            self.complain(name, f"only {', '.join(sorted(self._read))} in such an event{close}")


def _is_entity(value: object) -> bool:
    if isinstance(value, str):
        return bool(value)
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not value["id"]:
        return False
    if not isinstance(value.get("collection"), str | None):
        return False
    return all(isinstance(value.get(name) or {}, dict) for name in ("preferences", "channel_data", "$trigger_data"))
