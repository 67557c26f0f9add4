"""Outbound webhooks and what they are owed."""

from __future__ import annotations
