"""Triggering workflows (hop 1) and cancelling them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from jsonschema import ValidationError as DataInvalid
from jsonschema.protocols import Validator
from pydantic_core import to_json
from referencing.exceptions import Unresolvable
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim import idempotency
from api_shim.auth import Caller, Secret, header, secret_caller
from api_shim.bodies import check, parse_json, read_body, read_model
from api_shim.directory import Directory, WorkflowEntry
from api_shim.errors import MOST_PROBLEMS, WorkflowInactive, WorkflowMissing, problem, too_large
from api_shim.ingest import Ingest
from api_shim.openapi import body_of
from api_shim.schemas.common import ObjectReference, properties_of
from api_shim.schemas.workflows import (
    CancelRequest,
    NotifyCancelRequest,
    NotifyRequest,
    NotifyResponse,
    TriggerRequest,
    TriggerResponse,
)
from notify_workers import cancellations
from notify_workers.cancellations import CancellationKey
from notify_workers.errors import InvalidParams
from notify_workers.pending import Entry
from notify_workers.settings import settings
from notify_workers.store import triggers
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Reference
from workflows.shape import join
from workflows.trigger_data import MOST_QUOTED

router = APIRouter(tags=["Workflows"])

TRIGGER_FIELDS = ("recipients", "actor", "tenant", "data", "cancellation_key", "settings")


@router.post(
    "/v1/workflows/{key}/trigger",
    operation_id="triggerWorkflow",
    openapi_extra=body_of(TriggerRequest),
    response_model=TriggerResponse,
)
async def trigger(key: str, request: Request) -> Response:
    """Triggers a workflow for up to 1,000 recipients. Answers once the event is safe; runs start right after."""
    return await trigger_from(key, request)


async def trigger_from(key: str, request: Request) -> Response:
    """The same, without a framework around it."""
    caller = await secret_caller(request)
    run_id, headers = await _trigger(request, caller, key, header(request, b"idempotency-key"))
    return _json({"workflow_run_id": run_id}, headers)


@router.post(
    "/v1/notify",
    operation_id="triggerWorkflow (2)",
    openapi_extra=body_of(NotifyRequest),
    response_model=NotifyResponse,
)
async def notify(request: Request, caller: Secret) -> Response:
    """The old form of a trigger, without idempotency (contract: api-endpoints §1.5)."""
    run_id, headers = await _trigger(request, caller, None, "")
    return _json({"result_id": run_id}, headers)


async def _trigger(
    request: Request, caller: Caller, key: str | None, idempotency_key: str
) -> tuple[str, dict[str, str]]:
    """The id of the run that this request, or an earlier one with its idempotency key, made; and the headers to add."""
    body = await read_body(request)
    written = parse_json(body)
    wanted = check(TriggerRequest if key else NotifyRequest, written)
    key = key or wanted.name  # type: ignore[attr-defined]
    directory: Directory = request.app.state.directory
    workflow = await directory.find_workflow(caller.environment_id, key)
    _check_runnable(key, workflow, written)
    if len(body) > settings().max_properties:
        _check_sizes(written)
    large = len(body) >= settings().large_payload
    payload = _payload(caller, key, written, inline=not large)
    entry = _entry(request, caller, b"" if large else payload, body, idempotency_key)
    if large:
        await run_in_threadpool(_keep_payload, entry.trigger_id, payload)
    ingest: Ingest = request.app.state.ingest
    stored = await ingest.enqueue(entry)
    if stored is None:
        return str(entry.trigger_id), {}
    earlier = idempotency.parse_entry(stored)
    idempotency.check_same(earlier, entry.fingerprint)
    return earlier.trigger_id, earlier.replay_headers(entry.request_id)


def _check_runnable(key: str, workflow: WorkflowEntry | None, written: dict[str, Any]) -> None:
    if workflow is None:
        raise WorkflowMissing(f"There is no workflow `{key}` in this environment")
    if not workflow.active:
        errors = [{"field": "key", "message": "is not active", "type": "workflow_inactive"}]
        raise WorkflowInactive(f"The workflow `{key}` is not active", errors=errors)
    if workflow.data_schema is not None:
        errors = list(islice(_data_errors(workflow.data_schema, written.get("data") or {}), MOST_PROBLEMS))
        if errors:
            raise InvalidParams("The data does not match the workflow's schema", errors=errors)


def _data_errors(schema: Validator, data: dict[str, Any]) -> Iterator[dict[str, str]]:
    try:
        yield from (_data_error(each) for each in schema.iter_errors(data))
    except Unresolvable as error:
        message = f"cannot be checked: the workflow's schema refers to `{error.ref}`, which is not in it"
        yield {"field": "data", "message": message, "type": "$ref"}
    except RecursionError:
        yield {"field": "data", "message": "is nested too deeply to be checked", "type": "recursion"}


def _data_error(each: DataInvalid) -> dict[str, str]:
    field = join("data", *each.absolute_path)
    return {"field": field, "message": each.message[:MOST_QUOTED], "type": str(each.validator)}


def _check_sizes(written: dict[str, Any]) -> None:
    """Nobody's properties may be larger inline than they may be in a request of their own."""
    most = settings().max_properties
    named = {f"recipients[{index}]": each for index, each in enumerate(written["recipients"])}
    for field, entity in {**named, "actor": written.get("actor"), "tenant": written.get("tenant")}.items():
        if isinstance(entity, dict) and len(to_json(properties_of(entity))) > most:
            raise too_large(field, most)


def _entry(request: Request, caller: Caller, payload: bytes, body: bytes, idempotency_key: str) -> Entry:
    request_id = request.scope["state"]["request_id"]
    if not idempotency_key:
        return Entry(uuid4(), payload)
    return Entry(
        uuid4(),
        payload,
        entry_name=idempotency.entry_name(caller.environment_id, idempotency_key),
        fingerprint=idempotency.fingerprint(request, body),
        keep_milliseconds=int(settings().idempotency_window * 1000),
        request_id=request_id,
    )


def _payload(caller: Caller, key: str, written: dict[str, Any], *, inline: bool) -> bytes:
    """What the engine accepts: the request as written, with where it belongs."""
    fields = {name: written[name] for name in TRIGGER_FIELDS if written.get(name) is not None}
    return to_json({**fields, "environment_id": str(caller.environment_id), "workflow": key, "inline": inline})


def _keep_payload(trigger_id: UUID, payload: bytes) -> None:
    with transaction() as tx:
        triggers.keep_payload(tx, trigger_id, payload)


@router.post(
    "/v1/workflows/{key}/cancel",
    operation_id="cancelWorkflow (2)",
    openapi_extra=body_of(CancelRequest),
    status_code=204,
    response_class=Response,
)
async def cancel(key: str, request: Request, caller: Secret) -> Response:
    """Cancels what was triggered with a cancellation key. Once this is answered, none of it starts a step or a send."""
    wanted, _ = await read_model(request, CancelRequest)
    return await _cancel(request, caller, key, wanted)


@router.post(
    "/v1/notify/cancel",
    operation_id="cancelWorkflow",
    openapi_extra=body_of(NotifyCancelRequest),
    status_code=204,
    response_class=Response,
)
async def notify_cancel(request: Request, caller: Secret) -> Response:
    """The old form of a cancellation."""
    wanted, _ = await read_model(request, NotifyCancelRequest)
    return await _cancel(request, caller, wanted.name, wanted)


async def _cancel(request: Request, caller: Caller, key: str, wanted: CancelRequest) -> Response:
    directory: Directory = request.app.state.directory
    if await directory.find_workflow(caller.environment_id, key) is None:
        raise WorkflowMissing(f"There is no workflow `{key}` in this environment")
    if wanted.recipients == []:
        raise problem("recipients", "must name somebody, or be left out for everybody")
    recipients = [_reference(each) for each in wanted.recipients or []]
    target = CancellationKey(caller.environment_id, key, wanted.cancellation_key)
    stopped = await run_in_threadpool(cancellations.cancel, target, recipients)
    return Response(status_code=204, headers={} if stopped is None else {"x-doorbell-cancelled": f"runs={stopped}"})


def _reference(recipient: str | ObjectReference) -> Reference:
    return Reference(USERS, recipient) if isinstance(recipient, str) else Reference(recipient.collection, recipient.id)


def _json(body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(to_json(body), media_type="application/json", headers=headers)
