"""/admin/budgets: what budgets and limits leave, by the very numbers that refuse."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gateway.admin.roles import AnyRole
from gateway.admin.services import AdminServices
from gateway.budget_view import standing_json


def install(router: APIRouter, services: AdminServices) -> None:

    @router.get("/admin/budgets", tags=["Usage"])
    async def budgets(
        who: AnyRole,
        tenant: Annotated[str | None, Query(description="Only this tenant's.")] = None,
    ) -> dict[str, Any]:
        """Every budget and limit that has been used: limit, spent, reserved, remaining, reset. A key with the
        role tenant sees its own tenant's only."""
        whose = who.scope(tenant)
        standings = [s for s in await services.standings() if whose is None or s.tenant == whose]
        return {"object": "list", "data": [standing_json(standing) for standing in standings]}
