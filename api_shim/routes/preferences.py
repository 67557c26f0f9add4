"""Preference sets of users and objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Caller, Public, Secret
from api_shim.bodies import check, parse_value, read_body, read_model
from api_shim.errors import problem
from api_shim.openapi import body_of, query_of
from api_shim.paths import KeyOfPath, ObjectOfPath, SetOfPath, UserOfPath
from api_shim.query import parse_query
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.preferences import (
    BulkSetUserPreferencesRequest,
    PreferenceSet,
    PreferenceSetRequest,
    PreferencesQuery,
)
from notify_workers import bulk_operations, preferences
from notify_workers.settings import settings
from notify_workers.store.session import transaction
from workflows.preference_sets import Strategy, part_of_set
from workflows.recipients import Reference

router = APIRouter(tags=["Preferences"])

USER_SET = "/v1/users/{user_id}/preferences/{id}"
OBJECT_SET = "/v1/objects/{collection}/{object_id}/preferences/{id}"


@router.post(
    "/v1/users/bulk/preferences",
    operation_id="bulkSetUserPreferences",
    openapi_extra=body_of(BulkSetUserPreferencesRequest),
)
async def set_many(request: Request, caller: Secret) -> BulkOperation:
    """Replaces one set of many users, some time later."""
    wanted, written = await read_model(request, BulkSetUserPreferencesRequest)
    most = settings().max_bulk
    if len(wanted.user_ids) > most:
        raise problem("user_ids", f"must be at most {most}", "too_long")
    preferences.check(written["preferences"], "preferences")
    return await run_in_threadpool(_set_many, caller, wanted, written["preferences"])


def _set_many(caller: Caller, wanted: BulkSetUserPreferencesRequest, written: Mapping[str, Any]) -> BulkOperation:
    users = sorted(set(wanted.user_ids))  # locked in one order
    context = {"name": wanted.preferences.id, "preferences": dict(written)}
    with transaction() as tx:
        row = bulk_operations.start(tx, caller.environment_id, "users.set_preferences", users, context)
    return BulkOperation.of(row)


# Users


@router.get("/v1/users/{user_id}/preferences", operation_id="listUserPreferenceSets")
def list_of_user(user: UserOfPath, caller: Public) -> list[PreferenceSet]:
    """Every set that was written, and `default` in any case."""
    allowed = caller.tenants("preferences/read", user)
    if not allowed:
        caller.require("preferences/read", user)
    found = _list(caller, user)
    return [each for each in found if allowed is None or (_tenant_of(each.id) or "") in allowed]


@router.get(USER_SET, operation_id="getUserPreferenceSet", openapi_extra=query_of(PreferencesQuery))
def get_of_user(request: Request, user: UserOfPath, id: SetOfPath, caller: Public) -> PreferenceSet:
    """One set, over the defaults below it. Who has written none gets the defaults."""
    query = check(PreferencesQuery, parse_query(request.url.query))
    caller.require("preferences/read", user, _tenant_of(id) or query.tenant)
    return _get(caller, user, id, query.tenant)


@router.put(USER_SET, operation_id="updateUserPreferenceSet", openapi_extra=body_of(PreferenceSetRequest))
async def put_of_user(user: UserOfPath, id: SetOfPath, request: Request, caller: Public) -> PreferenceSet:
    """Replaces the set, or merges deeply with `__persistence_strategy__: merge`."""
    caller.require("preferences/write", user, _tenant_of(id))
    return await _put(caller, user, id, request)


@router.delete(USER_SET, operation_id="deleteUserPreferenceSet", status_code=204)
def delete_of_user(user: UserOfPath, id: SetOfPath, caller: Secret) -> Response:
    """Removes the set: the defaults apply again."""
    return _delete(caller, user, id)


@router.put(f"{USER_SET}/categories", operation_id="updateUserPreferenceCategories", deprecated=True)
async def put_categories_of_user(user: UserOfPath, id: SetOfPath, request: Request, caller: Public) -> PreferenceSet:
    """Merges settings of categories into the set."""
    return await _put_part_of_user(caller, user, id, request, "categories")


@router.put(f"{USER_SET}/categories/{{key}}", operation_id="updateUserPreferenceCategory", deprecated=True)
async def put_category_of_user(
    user: UserOfPath, id: SetOfPath, key: KeyOfPath, request: Request, caller: Public
) -> PreferenceSet:
    """Merges one category's setting into the set: true, false, or an object."""
    return await _put_part_of_user(caller, user, id, request, "categories", key)


@router.put(f"{USER_SET}/channel_types", operation_id="updateUserPreferenceChannelTypes", deprecated=True)
async def put_channel_types_of_user(user: UserOfPath, id: SetOfPath, request: Request, caller: Public) -> PreferenceSet:
    """Merges settings of channel types into the set."""
    return await _put_part_of_user(caller, user, id, request, "channel_types")


@router.put(f"{USER_SET}/channel_types/{{type}}", operation_id="updateUserPreferenceChannelType", deprecated=True)
async def put_channel_type_of_user(
    user: UserOfPath, id: SetOfPath, type: str, request: Request, caller: Public
) -> PreferenceSet:
    """Merges one channel type's setting into the set: true, false, `{"subscribed": true}` or conditions."""
    return await _put_part_of_user(caller, user, id, request, "channel_types", type)


@router.put(f"{USER_SET}/workflows", operation_id="updateUserPreferenceWorkflows", deprecated=True)
async def put_workflows_of_user(user: UserOfPath, id: SetOfPath, request: Request, caller: Public) -> PreferenceSet:
    """Merges settings of workflows into the set."""
    return await _put_part_of_user(caller, user, id, request, "workflows")


@router.put(f"{USER_SET}/workflows/{{key}}", operation_id="updateUserPreferenceWorkflow", deprecated=True)
async def put_workflow_of_user(
    user: UserOfPath, id: SetOfPath, key: KeyOfPath, request: Request, caller: Public
) -> PreferenceSet:
    """Merges one workflow's setting into the set: true, false, or an object."""
    return await _put_part_of_user(caller, user, id, request, "workflows", key)


# Objects


@router.get("/v1/objects/{collection}/{object_id}/preferences", operation_id="listObjectPreferenceSets")
def list_of_object(thing: ObjectOfPath, caller: Secret) -> list[PreferenceSet]:
    """Every set that was written, and `default` in any case."""
    return _list(caller, thing)


@router.get(OBJECT_SET, operation_id="getObjectPreferenceSet")
def get_of_object(thing: ObjectOfPath, id: SetOfPath, caller: Secret) -> PreferenceSet:
    """One set, over the defaults below it."""
    return _get(caller, thing, id)


@router.put(OBJECT_SET, operation_id="updateObjectPreferenceSet", openapi_extra=body_of(PreferenceSetRequest))
async def put_of_object(thing: ObjectOfPath, id: SetOfPath, request: Request, caller: Secret) -> PreferenceSet:
    """Replaces the set, or merges deeply with `__persistence_strategy__: merge`. Makes the object if it is unknown."""
    return await _put(caller, thing, id, request)


@router.delete(OBJECT_SET, operation_id="deleteObjectPreferenceSet", status_code=204)
def delete_of_object(thing: ObjectOfPath, id: SetOfPath, caller: Secret) -> Response:
    """Removes the set: the defaults apply again."""
    return _delete(caller, thing, id)


@router.put(f"{OBJECT_SET}/categories", operation_id="updateObjectPreferenceCategories", deprecated=True)
async def put_categories_of_object(
    thing: ObjectOfPath, id: SetOfPath, request: Request, caller: Secret
) -> PreferenceSet:
    """Merges settings of categories into the set."""
    return await _put_part(caller, thing, id, request, "categories")


@router.put(f"{OBJECT_SET}/categories/{{key}}", operation_id="updateObjectPreferenceCategory", deprecated=True)
async def put_category_of_object(
    thing: ObjectOfPath, id: SetOfPath, key: KeyOfPath, request: Request, caller: Secret
) -> PreferenceSet:
    """Merges one category's setting into the set."""
    return await _put_part(caller, thing, id, request, "categories", key)


@router.put(f"{OBJECT_SET}/channel_types", operation_id="updateObjectPreferenceChannelTypes", deprecated=True)
async def put_channel_types_of_object(
    thing: ObjectOfPath, id: SetOfPath, request: Request, caller: Secret
) -> PreferenceSet:
    """Merges settings of channel types into the set."""
    return await _put_part(caller, thing, id, request, "channel_types")


@router.put(f"{OBJECT_SET}/channel_types/{{type}}", operation_id="updateObjectPreferenceChannelType", deprecated=True)
async def put_channel_type_of_object(
    thing: ObjectOfPath, id: SetOfPath, type: str, request: Request, caller: Secret
) -> PreferenceSet:
    """Merges one channel type's setting into the set."""
    return await _put_part(caller, thing, id, request, "channel_types", type)


@router.put(f"{OBJECT_SET}/workflows", operation_id="updateObjectPreferenceWorkflows", deprecated=True)
async def put_workflows_of_object(
    thing: ObjectOfPath, id: SetOfPath, request: Request, caller: Secret
) -> PreferenceSet:
    """Merges settings of workflows into the set."""
    return await _put_part(caller, thing, id, request, "workflows")


@router.put(f"{OBJECT_SET}/workflows/{{key}}", operation_id="updateObjectPreferenceWorkflow", deprecated=True)
async def put_workflow_of_object(
    thing: ObjectOfPath, id: SetOfPath, key: KeyOfPath, request: Request, caller: Secret
) -> PreferenceSet:
    """Merges one workflow's setting into the set."""
    return await _put_part(caller, thing, id, request, "workflows", key)


# Both


def _tenant_of(name: str) -> str | None:
    """The tenant that a set belongs to; None for `default`."""
    return None if name == preferences.DEFAULT else name


def _list(caller: Caller, of: Reference) -> list[PreferenceSet]:
    with transaction() as tx:
        return [PreferenceSet(**each) for each in preferences.sets(tx, caller.environment_id, of)]


def _get(caller: Caller, of: Reference, name: str, tenant: str | None = None) -> PreferenceSet:
    with transaction() as tx:
        return PreferenceSet(**preferences.read(tx, caller.environment_id, of, name, tenant))


async def _put(caller: Caller, of: Reference, name: str, request: Request) -> PreferenceSet:
    _, written = await read_model(request, PreferenceSetRequest)
    return await run_in_threadpool(_write, caller, of, name, written, "replace")


async def _put_part_of_user(
    caller: Caller, user: Reference, name: str, request: Request, part: str, key: str | None = None
) -> PreferenceSet:
    caller.require("preferences/write", user, _tenant_of(name))
    return await _put_part(caller, user, name, request, part, key)


async def _put_part(
    caller: Caller, of: Reference, name: str, request: Request, part: str, key: str | None = None
) -> PreferenceSet:
    """`key`: the one entry that the body is about; without it, the body is a map of entries."""
    body = parse_value(await read_body(request))
    if key is None and not isinstance(body, dict):
        raise problem("body", "must be a JSON object", "object")
    return await run_in_threadpool(_write, caller, of, name, part_of_set(part, key, body), "merge")


def _delete(caller: Caller, of: Reference, name: str) -> Response:
    """Deleting what is not there changes nothing."""
    with transaction() as tx:
        preferences.remove(tx, caller.environment_id, of, name)
    return Response(status_code=204)


def _write(caller: Caller, of: Reference, name: str, document: Mapping[str, Any], strategy: Strategy) -> PreferenceSet:
    with transaction() as tx:
        preferences.write(tx, caller.environment_id, of, name, document, strategy)
        return PreferenceSet(**preferences.read(tx, caller.environment_id, of, name))
