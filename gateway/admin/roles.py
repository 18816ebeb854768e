"""The role that an endpoint takes, as a FastAPI dependency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from gateway.admin.access import Principal, demand
from gateway.config import Role

ADMIN: frozenset[Role] = frozenset({"admin"})
READERS: frozenset[Role] = frozenset({"admin", "finance"})
EVERYONE: frozenset[Role] = frozenset({"admin", "finance", "tenant"})

PRINCIPAL = "weir.principal"
"""Where the app leaves who asks, in the ASGI scope."""


def allow(roles: frozenset[Role]) -> Callable[[Request], Awaitable[Principal]]:
    async def check(request: Request) -> Principal:
        principal = cast("Principal", request.scope[PRINCIPAL])
        demand(principal, roles)
        return principal

    return check


AdminOnly = Annotated[Principal, Depends(allow(ADMIN))]
Finance = Annotated[Principal, Depends(allow(READERS))]
"""Reads everything, and keeps the books."""
AnyRole = Annotated[Principal, Depends(allow(EVERYONE))]
