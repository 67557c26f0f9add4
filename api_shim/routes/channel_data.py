"""Channel data of users and objects."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["Channel data"])
