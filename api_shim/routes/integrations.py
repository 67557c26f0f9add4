"""Census and Hightouch: data warehouses whose records become users, tenants, objects and members of audiences.

Census' custom destinations are a published protocol (https://developers.getcensus.com/custom-destinations). Hightouch's
embedded destinations have its methods, and `list_modes`, under names of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api_shim.auth import Caller, Secret
from api_shim.bodies import read_model
from api_shim.openapi import body_of
from api_shim.schemas.integrations import RpcError, RpcRequest, RpcResponse
from notify_workers import warehouse_syncs
from notify_workers.settings import settings
from notify_workers.warehouse_syncs import KINDS, Field, Kind, Operation

router = APIRouter(tags=["Integrations"])

METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
"""JSON-RPC 2.0's own codes of errors."""

PARALLEL_BATCHES, RECORDS_PER_SECOND = 4, 1000


class Refused(Exception):
    """A call that the protocol answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = RpcError(code=code, message=message)


Method = Callable[[Caller, Mapping[str, Any]], dict[str, Any]]


@router.post(
    "/v1/integrations/census/custom-destination",
    operation_id="processCensusRpcRequest",
    openapi_extra=body_of(RpcRequest),
    response_model_exclude_none=True,
)
async def census(request: Request, caller: Secret) -> RpcResponse:
    """Answers a call of Census. What the protocol calls an error is one inside of a 200."""
    wanted, _ = await read_model(request, RpcRequest)
    return await run_in_threadpool(_answer, CENSUS, caller, wanted)


@router.post(
    "/v1/integrations/hightouch/embedded-destination",
    operation_id="processHightouchRpcRequest",
    openapi_extra=body_of(RpcRequest),
    response_model_exclude_none=True,
)
async def hightouch(request: Request, caller: Secret) -> RpcResponse:
    """Answers a call of Hightouch."""
    wanted, _ = await read_model(request, RpcRequest)
    return await run_in_threadpool(_answer, HIGHTOUCH, caller, wanted)


def _answer(methods: Mapping[str, Method], caller: Caller, wanted: RpcRequest) -> RpcResponse:
    method = methods.get(wanted.method)
    try:
        if method is None:
            raise Refused(METHOD_NOT_FOUND, f"There is no method `{wanted.method[:100]}`")
        return RpcResponse(id=wanted.id, result=method(caller, wanted.params or {}))
    except Refused as refused:
        return RpcResponse(id=wanted.id, error=refused.error)


def _test(_: Caller, __: Mapping[str, Any]) -> dict[str, Any]:
    return {"success": True}


def _name_of(value: Any, *fields: str) -> str:
    """The name of a kind of records: a text, or a map that has it in one of the fields."""
    named = next((value[each] for each in fields if each in value), None) if isinstance(value, Mapping) else value
    if not isinstance(named, str) or named not in KINDS:
        raise Refused(INVALID_PARAMS, f"object must be one of {', '.join(KINDS)}")
    return named


def _records(params: Mapping[str, Any], *names: str) -> list[Any]:
    records = next((params[each] for each in names if each in params), None)
    if not isinstance(records, list):
        raise Refused(INVALID_PARAMS, f"{names[0]} must be a list")
    if len(records) > settings().max_bulk:
        raise Refused(INVALID_PARAMS, f"{names[0]} must not have more than {settings().max_bulk} members")
    return records


def _operation(kind: str, value: Any) -> Operation:
    if value not in KINDS[kind].operations:
        raise Refused(INVALID_PARAMS, f"the operation must be one of {', '.join(KINDS[kind].operations)}")
    return cast(Operation, value)


def _results(caller: Caller, kind: str, operation: Operation, records: list[Any]) -> list[dict[str, Any]]:
    """One for each record, in order."""
    identifier = warehouse_syncs.identifier(kind)
    problems = warehouse_syncs.sync(caller.environment_id, kind, operation, records)
    return [
        {
            "identifier": record.get(identifier) if isinstance(record, Mapping) else None,
            "success": problem is None,
            **({} if problem is None else {"error_message": problem}),
        }
        for record, problem in zip(records, problems, strict=True)
    ]


# Census


def _census_objects(_: Caller, __: Mapping[str, Any]) -> dict[str, Any]:
    return {"objects": [_census_object(name, kind) for name, kind in KINDS.items()]}


def _census_object(name: str, kind: Kind) -> dict[str, Any]:
    custom = {"can_create_fields": "on_write"} if kind.custom else {}
    return {"object_api_name": name, "label": kind.label, **custom}


def _census_fields(_: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"fields": [_census_field(each) for each in KINDS[_census_kind(params)].fields]}


def _census_field(field: Field) -> dict[str, Any]:
    return {
        "field_api_name": field.name,
        "label": field.label,
        "identifier": field.identifier,
        "required": field.required,
        "createable": True,
        "updateable": True,
        "type": field.type,
        "array": False,
    }


def _census_kind(params: Mapping[str, Any]) -> str:
    return _name_of(params.get("object"), "object_api_name")


def _census_operations(_: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the protocol names; `delete` is done too when it is asked for."""
    known = KINDS[_census_kind(params)].operations
    return {"operations": [each for each in known if each != "delete"]}


def _census_speed(_: Caller, __: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "maximum_batch_size": min(100, settings().max_bulk),
        "maximum_parallel_batches": PARALLEL_BATCHES,
        "maximum_records_per_second": RECORDS_PER_SECOND,
    }


def _census_sync(caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    plan = params.get("sync_plan")
    if not isinstance(plan, Mapping):
        raise Refused(INVALID_PARAMS, "sync_plan must be a map")
    kind = _census_kind(plan)
    records, operation = _records(params, "records"), _operation(kind, plan.get("operation"))
    return {"record_results": _results(caller, kind, operation, records)}


CENSUS: dict[str, Method] = {
    "test_connection": _test,
    "list_objects": _census_objects,
    "list_fields": _census_fields,
    "supported_operations": _census_operations,
    "get_sync_speed": _census_speed,
    "sync_batch": _census_sync,
}


# Hightouch


def _hightouch_objects(_: Caller, __: Mapping[str, Any]) -> dict[str, Any]:
    return {"objects": [{"id": name, "label": kind.label} for name, kind in KINDS.items()]}


def _hightouch_kind(params: Mapping[str, Any]) -> str:
    return _name_of(params.get("object"), "id", "object_api_name")


def _hightouch_modes(_: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    known = KINDS[_hightouch_kind(params)].operations
    return {"modes": [{"id": each, "label": each.capitalize()} for each in known]}


def _hightouch_fields(_: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS[_hightouch_kind(params)]
    fields = [
        {
            "id": each.name,
            "label": each.label,
            "type": each.type,
            "identifier": each.identifier,
            "required": each.required,
        }
        for each in kind.fields
    ]
    return {"fields": fields, "custom_fields": kind.custom}


def _hightouch_sync(caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    kind = _hightouch_kind(params)
    mode = params.get("mode")
    operation = _operation(kind, mode.get("id") if isinstance(mode, Mapping) else mode)
    return {"results": _results(caller, kind, operation, _records(params, "records", "rows"))}


HIGHTOUCH: dict[str, Method] = {
    "test_connection": _test,
    "list_objects": _hightouch_objects,
    "list_modes": _hightouch_modes,
    "supported_operations": _hightouch_modes,
    "list_fields": _hightouch_fields,
    "get_sync_speed": _census_speed,
    "sync_batch": _hightouch_sync,
}
