"""Helpers for Slack and Microsoft Teams."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["Providers"])
