"""Sources: events that come in."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["Sources"])
