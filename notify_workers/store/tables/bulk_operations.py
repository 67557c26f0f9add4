"""Bulk operations and their progress."""

from __future__ import annotations
