"""/admin/backends, /admin/config and /admin/reload: how the gateway itself is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from gateway.admin.roles import ADMIN, AdminOnly, allow
from gateway.admin.services import AdminServices, AuditRecord, ConfigInForce
from gateway.effective import effective
from gateway.version import __version__


def routes(services: AdminServices) -> APIRouter:
    router = APIRouter(tags=["Gateway"])

    @router.get("/admin/backends", dependencies=[Depends(allow(ADMIN))])
    def backends() -> dict[str, Any]:
        """Every backend and its URLs: health, circuit, load."""
        return {"object": "list", "data": list(services.backends())}

    @router.get("/admin/config", dependencies=[Depends(allow(ADMIN))])
    def config() -> dict[str, Any]:
        """The configuration in force, defaults included and secrets masked."""
        in_force = services.config()
        return {**_head(in_force), "settings": effective(in_force.settings)}

    @router.post("/admin/reload")
    async def reload(who: AdminOnly) -> dict[str, Any]:
        """Reads the configuration file again. With a mistake in it, the old one stays in force."""
        before = services.config().version
        in_force = await services.reload()
        services.audit(AuditRecord(who.name, "reload", in_force.path))
        return {**_head(in_force), "changed": in_force.version != before}

    return router


def _head(in_force: ConfigInForce) -> dict[str, Any]:
    return {
        "object": "config",
        "gateway_version": __version__,
        "version": in_force.version,
        "sha256": in_force.text_hash,
        "path": in_force.path,
        "warnings": list(in_force.warnings),
    }
