"""The log of API requests."""

from __future__ import annotations
