"""Census and Hightouch."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["Integrations"])
