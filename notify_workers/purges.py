"""Deleting what a deleted recipient has left behind."""

from __future__ import annotations


def run(due_id: int) -> None:
    raise NotImplementedError
