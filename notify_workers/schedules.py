"""The door to schedules: triggers that are owed at times."""

from __future__ import annotations


def run(due_id: int) -> None:
    raise NotImplementedError
