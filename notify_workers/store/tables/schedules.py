"""Schedules: triggers that are owed at times."""

from __future__ import annotations
