"""/admin/tenants and /admin/keys."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.access import author_of
from gateway.admin.paging import Order, PageQuery, Place, page
from gateway.admin.roles import READERS, AdminOnly, allow
from gateway.admin.services import AdminServices
from gateway.config import Role
from gateway.instants import show_instant
from gateway.keydirectory import KeyView, TenantView, expiry_us

Models = Annotated[
    tuple[str, ...] | None, Field(description="Models and virtual models that may be used; all if left out.")
]
Expires = Annotated[
    datetime | date | None, Field(description="The first moment at which it no longer works (UTC).")
]


class NewTenant(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    cost_center: str = Field("", description="Carried to every row of the ledger.")
    models: Models = None
    expires: Expires = None


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tenant: str = Field(description="A tenant of the configuration file or of the key store.")
    name: str = Field(description="Shown in reports and logs. Never used again, not even after a revocation.")
    project: str = Field("", description="Where this key's spend is booked.")
    role: Role = Field("tenant", description="admin (all), finance (read all), tenant (inference, read own).")
    models: Models = None
    expires: Expires = None


class Expiry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    expires: Annotated[datetime | date | None, Field(description="null takes the expiry away.")]


class KeysQuery(PageQuery):
    tenant: str | None = None


def install(router: APIRouter, services: AdminServices) -> None:
    _install_tenants(router, services)
    _install_keys(router, services)
    _install_key_changes(router, services)


def _install_tenants(router: APIRouter, services: AdminServices) -> None:
    keys = services.keys

    @router.get("/admin/tenants", tags=["Tenants and keys"], dependencies=[Depends(allow(READERS))])
    def list_tenants(query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
        """Every tenant of the configuration file, then every one of the key store."""
        return page(keys.tenants(), _TENANTS, query, _tenant)

    @router.post("/admin/tenants", status_code=201, tags=["Tenants and keys"])
    def create_tenant(body: NewTenant, who: AdminOnly) -> dict[str, Any]:
        """Makes a tenant in the key store."""
        view = keys.create_tenant(
            body.name,
            cost_center=body.cost_center,
            models=body.models,
            expires_us=expiry_us(body.expires),
            by=author_of(who, services.clock),
        )
        services.refresh_keys()
        return _tenant(view)

    @router.delete("/admin/tenants/{name:path}", tags=["Tenants and keys"])
    def revoke_tenant(name: str, who: AdminOnly) -> dict[str, Any]:
        """Revokes a tenant of the key store, and with it all its keys, at once."""
        keys.revoke_tenant(name, by=author_of(who, services.clock))
        services.refresh_keys()
        return {"object": "tenant", "name": name, "revoked": True}


def _install_keys(router: APIRouter, services: AdminServices) -> None:
    keys = services.keys

    @router.get("/admin/keys", tags=["Tenants and keys"], dependencies=[Depends(allow(READERS))])
    def list_keys(query: Annotated[KeysQuery, Query()]) -> dict[str, Any]:
        """Every key, without its secret, by tenant and name."""
        return page(keys.keys(query.tenant), _KEYS, query, _key)

    @router.post("/admin/keys", status_code=201, tags=["Tenants and keys"])
    def create_key(body: NewKey, who: AdminOnly) -> dict[str, Any]:
        """Makes a key in the key store. `key` in the answer is the secret: it is shown this once."""
        plain, view = keys.create_key(
            body.tenant,
            body.name,
            project=body.project,
            role=body.role,
            models=body.models,
            expires_us=expiry_us(body.expires),
            by=author_of(who, services.clock),
        )
        services.refresh_keys()
        return {"key": plain, **_key(view)}


def _install_key_changes(router: APIRouter, services: AdminServices) -> None:
    keys = services.keys

    @router.patch("/admin/keys/{tenant_and_name:path}", tags=["Tenants and keys"])
    def expire_key(tenant_and_name: str, body: Expiry, who: AdminOnly) -> dict[str, Any]:
        """Sets or takes away the expiry of a key of the key store. The path is `{tenant}/{name}`."""
        tenant, _, name = tenant_and_name.rpartition("/")
        keys.expire_key(tenant, name, expiry_us(body.expires), by=author_of(who, services.clock))
        services.refresh_keys()
        return {
            "object": "key",
            "tenant": tenant,
            "name": name,
            "expires": show_instant(expiry_us(body.expires)),
        }

    @router.delete("/admin/keys/{tenant_and_name:path}", tags=["Tenants and keys"])
    def revoke_key(tenant_and_name: str, who: AdminOnly) -> dict[str, Any]:
        """Revokes a key of the key store at once. The path is `{tenant}/{name}`."""
        tenant, _, name = tenant_and_name.rpartition("/")
        keys.revoke_key(tenant, name, by=author_of(who, services.clock))
        services.refresh_keys()
        return {"object": "key", "tenant": tenant, "name": name, "revoked": True}


def _place_of_tenant(text: str) -> Place:
    source, sign, name = text.partition(":")
    if not sign or source not in {"file", "store"}:
        raise ValueError(f"{text!r} is no place in the list of tenants")
    return source, name


def _place_of_key(text: str) -> Place:
    tenant, sign, name = text.rpartition("/")
    if not sign:
        raise ValueError(f"{text!r} is no place in the list of keys")
    return tenant, name


_TENANTS: Order[TenantView] = Order(
    lambda view: (view.source, view.name), lambda view: f"{view.source}:{view.name}", _place_of_tenant
)
_KEYS: Order[KeyView] = Order(
    lambda view: (view.tenant, view.name), lambda view: f"{view.tenant}/{view.name}", _place_of_key
)


def _tenant(view: TenantView) -> dict[str, Any]:
    return {
        "object": "tenant",
        "name": view.name,
        "cost_center": view.cost_center,
        "models": view.models,
        **_life(view),
    }


def _key(view: KeyView) -> dict[str, Any]:
    return {
        "object": "key",
        "tenant": view.tenant,
        "name": view.name,
        "project": view.project,
        "role": view.role,
        "models": view.models,
        **_life(view),
    }


def _life(view: TenantView | KeyView) -> dict[str, Any]:
    return {
        "source": view.source,
        "created": show_instant(view.created_us),
        "expires": show_instant(view.expires_us),
        "revoked": show_instant(view.revoked_us),
    }
