"""What users have done with guides."""

from __future__ import annotations
