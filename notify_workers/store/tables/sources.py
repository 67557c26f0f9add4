"""Sources and the events that came from them."""

from __future__ import annotations
