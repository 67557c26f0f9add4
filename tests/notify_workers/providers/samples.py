"""Settings of providers that take no made-up text, such as keys that must be real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAMPLES: Mapping[str, Mapping[str, Any]] = {}
