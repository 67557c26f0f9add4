"""Recipients whose traces are being deleted."""

from __future__ import annotations
