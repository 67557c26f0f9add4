"""Outbound webhooks: events told to other machines."""

from __future__ import annotations


def deliver(due_id: int) -> None:
    raise NotImplementedError
