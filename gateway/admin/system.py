"""/admin/backends, /admin/config and /admin/reload: how the gateway itself is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from gateway.admin.access import author_of
from gateway.admin.paging import BY_ID, PageQuery, page
from gateway.admin.roles import ADMIN, AdminOnly, allow
from gateway.admin.services import AdminServices, ConfigInForce
from gateway.effective import effective
from gateway.version import __version__


def install(router: APIRouter, services: AdminServices) -> None:

    @router.get("/admin/backends", tags=["Gateway"], dependencies=[Depends(allow(ADMIN))])
    def backends(query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
        """Every backend and its URLs, by name: health, circuit, load."""
        return page(services.backends(), BY_ID, query, dict)

    @router.get("/admin/config", tags=["Gateway"], dependencies=[Depends(allow(ADMIN))])
    def config() -> dict[str, Any]:
        """The configuration in force, defaults included and secrets masked."""
        in_force = services.config()
        return {**_head(in_force), "settings": effective(in_force.settings)}

    @router.post("/admin/reload", tags=["Gateway"])
    async def reload(who: AdminOnly) -> dict[str, Any]:
        """Reads the configuration file again. With a mistake in it, the old one stays in force."""
        return _head(await services.reload(author_of(who, services.clock)))


def _head(in_force: ConfigInForce) -> dict[str, Any]:
    return {
        "object": "config",
        "gateway_version": __version__,
        "version": in_force.version,
        "sha256": in_force.text_hash,
        "path": in_force.path,
        "warnings": list(in_force.warnings),
    }
