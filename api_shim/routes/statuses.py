"""Engagement with messages: one, several, or all of a channel."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["Messages"])
