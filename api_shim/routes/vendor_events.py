"""What vendors tell of messages. The address names the channel, and nobody can guess it; most vendors sign, too."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.bodies import read_body
from api_shim.errors import AuthenticationFailed
from notify_workers import vendor_reports
from notify_workers.errors import StoreUnavailable
from notify_workers.settings import settings
from notify_workers.vendor_events import VendorRequest
from notify_workers.vendor_reports import Receiver

router = APIRouter(tags=["Providers"])

SOON = 0.5
"""Seconds after which an attempt that was overtaken by its own event has mostly said how it went."""


@router.api_route(
    "/v1/providers/{channel_id}/events/{token}",
    methods=["GET", "POST"],
    response_class=Response,
    include_in_schema=False,
)
async def receive(channel_id: UUID, token: str, request: Request) -> Response:
    """Also events of messages that are not there are answered with 200: their vendor would send them again for days."""
    receiver = await run_in_threadpool(vendor_reports.find, channel_id, token)
    body = await read_body(request, settings().vendor_event_body)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.scope["headers"]}
    told = VendorRequest(_url(request), headers, body)
    if await run_in_threadpool(_early, receiver, told):
        await asyncio.sleep(SOON)
        if await run_in_threadpool(_early, receiver, told):
            raise StoreUnavailable("The message is still being sent; tell it again")
    return Response(status_code=200)


def _url(request: Request) -> str:
    """As the vendor was told it: what a proxy has made of host and scheme says nothing."""
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    return f"{settings().public_url}{path.partition(b'?')[0].decode('latin-1')}{'?' if query else ''}{query}"


def _early(receiver: Receiver, told: VendorRequest) -> bool:
    provider = vendor_reports.verified(receiver, told)
    if provider is None:
        raise AuthenticationFailed("invalid_signature", "The signature is missing, wrong or too old")
    return vendor_reports.receive(receiver, provider, told).early > 0
