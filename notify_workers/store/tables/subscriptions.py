"""Who is subscribed to which object."""

from __future__ import annotations
