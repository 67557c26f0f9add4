"""Tenants: set, get, list, delete, and the same in bulk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Caller, Secret
from api_shim.bodies import check, read_model
from api_shim.openapi import body_of, query_of
from api_shim.pages import Page, page
from api_shim.paths import check_name
from api_shim.query import parse_query
from api_shim.routes.users import check_sizes, identity_of, start_bulk, write
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.common import PageInfo, TenantProperties
from api_shim.schemas.tenants import (
    BulkDeleteTenantsQuery,
    BulkSetTenantsRequest,
    ListTenantsResponse,
    Tenant,
    TenantQuery,
    TenantsQuery,
)
from notify_workers import recipients as door
from notify_workers.errors import NotFound
from notify_workers.store import environments, recipients
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import transact, transaction
from workflows.recipients import TENANTS, Reference

router = APIRouter(tags=["Tenants"])


async def tenant_of_path(id: str) -> Reference:
    return Reference(TENANTS, check_name("id", id))


TenantOfPath = Annotated[Reference, Depends(tenant_of_path)]


@router.get("/v1/tenants", operation_id="listTenants", openapi_extra=query_of(TenantsQuery))
def list_tenants(request: Request, caller: Secret) -> ListTenantsResponse:
    """Tenants by id. `tenant_id` and `name` are exact."""
    query = check(TenantsQuery, parse_query(request.url.query))
    with transaction() as tx:
        rows = recipients.page_of_recipients(
            tx,
            caller.environment_id,
            TENANTS,
            after=query.after_key,
            before=query.before_key,
            limit=query.limit,
            identifier=query.tenant_id,
            name=query.name,
        )
    found: Page = page(query, rows, lambda tenant: tenant.reference.id)
    return ListTenantsResponse(entries=[Tenant.of(each) for each in found.rows], page_info=PageInfo(**found.info()))


@router.post(
    "/v1/tenants/bulk/delete", operation_id="bulkDeleteTenants", openapi_extra=query_of(BulkDeleteTenantsQuery)
)
def bulk_delete(request: Request, caller: Secret) -> BulkOperation:
    """Deletes tenants, in the background. Their ids are in the query."""
    query = check(BulkDeleteTenantsQuery, parse_query(request.url.query))
    return start_bulk(caller, "tenants.delete", query.tenant_ids, TENANTS)


@router.post("/v1/tenants/bulk/set", operation_id="bulkSetTenants", openapi_extra=body_of(BulkSetTenantsRequest))
async def bulk_set(request: Request, caller: Secret) -> BulkOperation:
    """Sets tenants, in the background. One that is an id only is made, if nobody knows it."""
    _, written = await read_model(request, BulkSetTenantsRequest)
    items = [{"id": each} if isinstance(each, str) else each for each in written["tenants"]]
    check_sizes("tenants", items)
    return await run_in_threadpool(start_bulk, caller, "tenants.set", items, TENANTS)


@router.get("/v1/tenants/{id}", operation_id="getTenant", openapi_extra=query_of(TenantQuery))
def get_tenant(tenant: TenantOfPath, request: Request, caller: Secret) -> Tenant:
    """`resolve_full_preference_settings` merges the environment's default preferences into the tenant's."""
    query = check(TenantQuery, parse_query(request.url.query))
    with transaction() as tx:
        known = recipients.get_recipient(tx, caller.environment_id, tenant)
    if known is None:
        raise NotFound(f"There is no tenant `{tenant.id}`")
    return _shown(known, caller, query)


@router.put(
    "/v1/tenants/{id}",
    operation_id="setTenant",
    openapi_extra={**body_of(TenantProperties), **query_of(TenantQuery)},
)
async def set_tenant(tenant: TenantOfPath, request: Request, caller: Secret) -> Tenant:
    """Creates a tenant or changes one: only the properties sent change, and maps are merged deeply."""
    query = check(TenantQuery, parse_query(request.url.query))
    wanted, written = await read_model(request, TenantProperties)
    identity = identity_of(tenant, wanted, written)
    return await run_in_threadpool(lambda: _shown(write(caller, identity), caller, query))


def _shown(tenant: Recipient, caller: Caller, query: TenantQuery) -> Tenant:
    if not query.resolve_full_preference_settings:
        return Tenant.of(tenant)
    with transaction() as tx:
        return Tenant.of(tenant, environments.default_preferences(tx, caller.environment_id))


@router.delete("/v1/tenants/{id}", operation_id="deleteTenant", status_code=204)
def delete_tenant(tenant: TenantOfPath, caller: Secret) -> Response:
    """Forgets a tenant, its settings and its own messages. Messages and runs of others keep its id.

    Deleting an unknown tenant is no error.
    """
    transact(lambda tx: door.delete(tx, caller.environment_id, tenant))
    return Response(status_code=204)
