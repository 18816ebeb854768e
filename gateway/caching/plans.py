"""What the file says of the answer cache, compiled for the road: one plan per virtual model, one for the
rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cache.admission import Exclusions
from cache.bound.audit import MILLION, Level, Promise, promise_of
from cache.bound.compare import Bands
from cache.partition import Group, Scope, Sharing
from cache.personal import KINDS
from gateway.config import GatewaySettings
from gateway.config_cache import (
    GROUP,
    CacheSettings,
    ExclusionSettings,
    RouteCacheSettings,
    SecondOpinionSettings,
    SemanticSettings,
)
from gateway.tenants import Caller
from router.patterns import Pattern

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SecondPlan:
    model: str
    at_least: float
    within_s: float


@dataclass(frozen=True, slots=True)
class SemanticPlan:
    promise: Promise
    level: Level
    regime: str
    threshold: float | None
    """None: the verifier's own."""
    audit_ppm: int
    grey: float
    judge: str | None
    bands: Bands
    curated: bool
    second: SecondPlan | None = None


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Of one name that a client may ask for."""

    exact: bool
    canonical: bool
    semantic: SemanticPlan | None
    exclusions: Exclusions
    ttl_us: int
    epoch: int
    max_entry_bytes: int
    wait_s: float
    natural: bool
    """Streams of kept answers take their time, unless the client says otherwise."""


@dataclass(frozen=True, slots=True)
class CachePlans:
    rest: CachePlan
    routes: Mapping[str, CachePlan]
    by_project: bool
    by_key: bool
    groups: Mapping[str, Group]
    """Tenant -> the group that it shares with; only those that the group names and that opted in."""

    def of(self, model: str) -> CachePlan:
        return self.routes.get(model, self.rest)

    def sharing(self, caller: Caller) -> Sharing:
        group = self.groups.get(caller.tenant)
        if group is not None:
            return group
        return Scope(
            caller.tenant,
            caller.project if self.by_project else None,
            caller.key if self.by_key else None,
        )

    @property
    def regimes(self) -> frozenset[str]:
        """Those that some plan judges by."""
        plans = (self.rest, *self.routes.values())
        return frozenset(plan.semantic.regime for plan in plans if plan.semantic is not None)


NOTHING_KEPT = CachePlans(
    CachePlan(False, False, None, Exclusions(), 0, 0, 0, 0.0, False), {}, False, False, {}
)


def cache_plans(settings: GatewaySettings) -> CachePlans:
    cache = settings.cache
    return CachePlans(
        _plan(cache, RouteCacheSettings()),
        {name: _plan(cache, route.cache) for name, route in settings.models.items()},
        by_project=cache.share in ("project", "key"),
        by_key=cache.share == "key",
        groups=_groups(settings),
    )


def _groups(settings: GatewaySettings) -> dict[str, Group]:
    cache = settings.cache
    if not cache.share.startswith(GROUP):
        return {}
    name = cache.share.removeprefix(GROUP)
    named = cache.groups[name].tenants if name in cache.groups else ()
    opted = {tenant for tenant, told in settings.tenants.items() if told.cache_group == name}
    return {tenant: Group(name) for tenant in named if tenant in opted}


def _plan(cache: CacheSettings, route: RouteCacheSettings) -> CachePlan:
    exact = _first(route.exact, cache.exact)
    semantic = cache.semantic if route.semantic is None else route.semantic or None
    return CachePlan(
        exact=exact,
        canonical=exact and _first(route.canonical, cache.canonical),
        semantic=_semantic(semantic) if exact and semantic is not None else None,
        exclusions=_exclusions(cache.exclude if route.exclude is None else route.exclude),
        ttl_us=int(_first(route.ttl, cache.ttl) * 1e6),
        epoch=_first(route.epoch, cache.epoch),
        max_entry_bytes=cache.max_entry,
        wait_s=cache.wait,
        natural=cache.replay == "natural",
    )


def _first(own: T | None, house: T) -> T:
    return house if own is None else own


def _semantic(semantic: SemanticSettings) -> SemanticPlan:
    return SemanticPlan(
        promise=promise_of(float(semantic.wrong_hits_at_most)),
        level=semantic.bound,
        regime=semantic.regime,
        threshold=semantic.threshold,
        audit_ppm=int(semantic.audit * MILLION),
        grey=semantic.grey,
        judge=semantic.judge,
        bands=Bands(same_from=semantic.same_from),
        curated=semantic.trust == "curated",
        second=None if semantic.second is None else _second(semantic.second),
    )


def _second(second: SecondOpinionSettings) -> SecondPlan:
    return SecondPlan(second.embeddings, second.at_least, second.within)


def _exclusions(exclude: ExclusionSettings) -> Exclusions:
    return Exclusions(
        personal=KINDS if exclude.personal is None else frozenset(exclude.personal),
        own=tuple(map(Pattern, exclude.patterns)),
        time_bound=exclude.time_bound,
        sampled=exclude.sampled,
    )
