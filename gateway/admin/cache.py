"""/admin/cache: the state of the answer cache, purging, and the pairs of curated routes."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cache.answers import Purge
from cache.seeds import MAX_ANSWER_BYTES, MAX_PROMPT_CHARACTERS, Seed
from gateway.admin.roles import AdminOnly, Finance
from gateway.admin.services import AdminServices
from gateway.errors import BadRequest
from metering.cache_render import json_document
from metering.cache_report import CacheQuery, cache_report

DAY_S = 86_400.0


class PurgeBody(BaseModel):
    """What to drop: all that match every part that is given; everything, with `all`."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field("", max_length=64, description="Of one answer, from `x-weir-cache-id`. Stands alone.")
    tenant: str = Field("", max_length=128)
    route: str = Field("", max_length=128, description="The model or virtual model, as clients name it.")
    older_than_s: float | None = Field(None, ge=0, description="Kept longer ago than that.")
    epoch_below: int = Field(0, ge=0)
    all: bool = Field(False, description="Everything, of every tenant.")


class SeedPair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)
    answer: str = Field(min_length=1, max_length=MAX_ANSWER_BYTES)
    model: str = ""


class SeedBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    route: str
    pairs: tuple[SeedPair, ...] = Field(min_length=1, max_length=1_000)
    ttl_s: float | None = Field(None, gt=0, le=3_650 * DAY_S, description="Ten years, if left out.")


def install(router: APIRouter, services: AdminServices) -> None:

    @router.get("/admin/cache", tags=["Cache"])
    async def status(who: Finance) -> dict[str, Any]:
        """What this process holds, what its lookups gave, for each bound on wrong hits: armed or not, audits,
        and what is missing; and of all gateways and of all time, what was saved and what that cost."""
        money = await asyncio.to_thread(cache_report, services.ledger, CacheQuery())
        return {**services.cache.status(), "money": json_document(money)}

    @router.post("/admin/cache/purge", tags=["Cache"])
    async def purge(body: PurgeBody, who: AdminOnly) -> dict[str, Any]:
        """Drops answers. `acknowledged`: from now on no gateway serves them."""
        what = _purge(body, services.clock.wall_ns() // 1000)
        told = body.model_dump(exclude_defaults=True)
        await asyncio.to_thread(services.audit, who.name, "cache.purge", _subject(body), None, told)
        done = await services.cache.purge(what)
        return {
            "object": "cache.purge",
            "dropped": done.dropped,
            "acknowledged": done.acknowledged,
            "cause": done.cause or None,
        }

    @router.post("/admin/cache/seeds", tags=["Cache"])
    async def seed(body: SeedBody, who: AdminOnly) -> dict[str, Any]:
        """Gives a curated route pairs of its own."""
        pairs = [Seed(pair.prompt, pair.answer, pair.model) for pair in body.pairs]
        told = {"pairs": len(pairs), "ttl_s": body.ttl_s}
        await asyncio.to_thread(services.audit, who.name, "cache.seed", f"route {body.route}", None, told)
        ttl_us = None if body.ttl_s is None else int(body.ttl_s * 1e6)
        return {"object": "cache.seeds", "kept": services.cache.seed(body.route, pairs, ttl_us)}


def _purge(body: PurgeBody, now_us: int) -> Purge:
    """Raises BadRequest where nothing says what is to go."""
    stored_before_us = 0 if body.older_than_s is None else now_us - int(body.older_than_s * 1e6)
    what = Purge(body.id, body.tenant, body.route, stored_before_us, body.epoch_below)
    if body.all != (what == Purge()):
        raise BadRequest("Say what to purge: id, tenant, route, older_than_s, epoch_below; or all, alone.")
    return what


def _subject(body: PurgeBody) -> str:
    parts = ((name, getattr(body, name)) for name in ("id", "tenant", "route"))
    return "cache " + (" ".join(f"{name}={value}" for name, value in parts if value) or "answers")
