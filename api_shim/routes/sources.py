"""Sources: events that come in. Their signature is the credential, beside the address, which nobody can guess."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.bodies import parse_json, read_body
from api_shim.errors import AuthenticationFailed
from notify_workers import sources
from notify_workers.errors import NotFound
from notify_workers.source_signatures import signed_headers, verified
from notify_workers.store import sources as rows
from notify_workers.store.session import transaction
from notify_workers.store.sources import Source

router = APIRouter(tags=["Sources"])


@router.post("/v1/sources/{token}", status_code=204, response_class=Response, include_in_schema=False)
async def receive(token: str, request: Request) -> Response:
    """Does what an event asks for. An event that was done already is answered in the same way, and nothing is repeated."""
    source = await run_in_threadpool(_find, token)
    body = await read_body(request)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.scope["headers"]}
    if not verified(source.type, source.settings["secret"], headers, body):
        raise AuthenticationFailed("invalid_signature", "The signature is missing, wrong or too old")
    await run_in_threadpool(sources.receive, source, signed_headers(source.type, headers), parse_json(body))
    return Response(status_code=204)


def _find(token: str) -> Source:
    with transaction() as tx:
        source = rows.find(tx, token)
    if source is None or not source.enabled:
        raise NotFound("There is no such source")
    return source
