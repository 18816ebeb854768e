"""One version of the configuration, compiled for the road: names resolved, prices bound, rules in order.

A request reads one snapshot at its start and keeps it to its end; a reload swaps the next one in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from gateway.backends.base import Backend
from gateway.backends.registry import backend_for
from gateway.budget_settings import budgets_of, is_limit
from gateway.caching.plans import NOTHING_KEPT, CachePlans, cache_plans
from gateway.compile_routes import Engine, GainModels, asks_budgets, compile_routes, engines_of
from gateway.config import BackendSettings, GatewaySettings, ModelSettings
from gateway.gain_models import gain_model
from gateway.gpu_time import gpu_price
from gateway.price_settings import rates_of
from gateway.quality.plans import CascadePlan, ShadowPlan, cascades_of, shadow_of
from metering.budgets import Budget
from metering.catalogue import Catalogue
from metering.gpu.work import DEFAULT_WEIGHTS
from metering.price_bound import PriceBound, price_bound
from metering.prices import ModelPrice, PriceBook, PricedModel
from router.decision import Candidate, Route

MAX_TARIFFS = 10_000


@dataclass(frozen=True, slots=True)
class Served:
    """One public model on one backend."""

    model: str
    backend: str
    upstream_model: str
    adapter: Backend
    settings: ModelSettings
    token_ids: str
    context_tokens: int | None
    price_provider: str | None
    stand_in: bool


class Tariff(NamedTuple):
    """What one tenant pays for one model on one backend, on one day, by way of one route."""

    price: ModelPrice | None
    """None where it is unknown."""
    markup: Decimal
    baseline: ModelPrice | None
    """Of the model that would have served without routing."""
    bound: PriceBound | None
    """The most that an attempt can cost; None where `price` is."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    version: int
    settings: GatewaySettings
    served: Mapping[tuple[str, str], Served]
    """(public model, backend) -> how it is served."""
    direct: Mapping[str, tuple[Candidate, ...]]
    """Public model -> candidates, for clients that name one."""
    routes: Mapping[str, Route]
    prices: PriceBook
    budgets: tuple[Budget, ...] = ()
    """Everything that may refuse a request."""
    limited: bool = False
    """Some of them are limits: answers tell what is left."""
    thrifty: bool = False
    """Some of them prefer the cheap tiers when they run out."""
    spending: bool = False
    """Some route or rule looks at how far they are spent."""
    engines: Mapping[str, tuple[Engine, ...]] = field(default_factory=dict)
    """Public name -> those of its backends whose load a decision looks at."""
    cascades: Mapping[str, CascadePlan] = field(default_factory=dict)
    """Route -> how its answers are judged; only those that ask the cheapest tier first."""
    caches: CachePlans = NOTHING_KEPT
    shadow: ShadowPlan | None = None
    """Which answers are compared with another tier's; None: none."""
    _tariffs: dict[tuple[str, str, str, str, date], Tariff] = field(default_factory=dict)

    def tariff(self, tenant: str, route: str, model: str, backend: str, day: date) -> Tariff:
        """Found once, then looked up: a configuration has few of them, and its days age out with it."""
        key = (tenant, route, model, backend, day)
        found = self._tariffs.get(key)
        if found is None:
            if len(self._tariffs) >= MAX_TARIFFS:
                self._tariffs.clear()
            found = self._tariffs[key] = self._tariff(*key)
        return found

    def _tariff(self, tenant: str, route: str, model: str, backend: str, day: date) -> Tariff:
        dearest = self.baseline(route, model, backend)
        known = dearest in self.served  # a kept answer may be of a model that the file no longer names
        price = self.price(model, backend, day) if (model, backend) in self.served else None
        markup = self.markup(tenant)
        return Tariff(
            price,
            markup,
            self.price(*dearest, day) if known else None,
            None if price is None else price_bound(price, markup),
        )

    def price(self, model: str, backend: str, day: date) -> ModelPrice | None:
        served = self.served[model, backend]
        return self.prices.price(model, backend, served.price_provider, served.upstream_model, day)

    def markup(self, tenant: str) -> Decimal:
        """The factor on list prices: markup and discount in one."""
        return self.settings.terms.factor(tenant)

    def baseline(self, route: str, model: str, backend: str) -> tuple[str, str]:
        """(model, backend) that would have served without routing: the route's dearest tier."""
        if not route:
            return model, backend
        dearest = self.routes[route].tiers[-1][0]
        return dearest.model, dearest.backend

    def models(self) -> tuple[str, ...]:
        """Everything a client may name: routes first, then models."""
        return (*self.routes, *self.direct)


def compile_snapshot(
    settings: GatewaySettings,
    version: int,
    catalogue: Catalogue,
    today: date,
    gain_models: GainModels = gain_model,
) -> Snapshot:
    served = {
        (name, backend_name): _served(name, model, backend_name, backend, catalogue)
        for backend_name, backend in settings.backends.items()
        for name, model in backend.models.items()
    }
    priced = [PricedModel(s.model, s.backend, s.price_provider, s.upstream_model) for s in served.values()]
    prices = PriceBook(rates_of(settings), catalogue, settings.unknown_price, priced)
    draft = Snapshot(version, settings, served, {}, {}, prices)
    direct = {
        model: tuple(_candidate(draft, model, backend, "direct", today) for backend in backends)
        for model, backends in settings.concrete_models.items()
    }
    routes = compile_routes(settings, direct, gain_models)
    budgets = budgets_of(settings)
    limited = any(map(is_limit, budgets))
    thrifty = any(action == "economy" for budget in budgets for _, action in budget.ladder)
    return Snapshot(
        version,
        settings,
        served,
        direct,
        routes,
        prices,
        budgets,
        limited,
        thrifty,
        spending=bool(budgets) and asks_budgets(routes),
        engines=engines_of(settings, routes, direct),
        cascades=cascades_of(settings),
        caches=cache_plans(settings),
        shadow=shadow_of(settings),
    )


def _served(
    name: str, model: ModelSettings, backend_name: str, backend: BackendSettings, catalogue: Catalogue
) -> Served:
    is_vendor = backend.kind == "openai"
    provider = backend.price_provider or ("openai" if is_vendor else None)
    context = model.context_tokens
    if context is None and backend.launch is not None:
        context = backend.launch.context_tokens
    if context is None and provider is not None:
        context = catalogue.context_window(provider, model.upstream)
    return Served(
        model=name,
        backend=backend_name,
        upstream_model=model.upstream,
        adapter=backend_for(backend.kind),
        settings=model,
        token_ids=model.token_ids or ("engine" if is_vendor else "cl100k_base"),
        context_tokens=context,
        price_provider=provider,
        stand_in=backend.stand_in_for is not None,
    )


def _candidate(draft: Snapshot, model: str, backend: str, tier: str, today: date) -> Candidate:
    served = draft.served[model, backend]
    price = draft.price(model, backend, today)
    features = served.settings.supports
    rates = _by_the_hour(draft.settings, backend, today) if price is None else None
    return Candidate(
        model=model,
        backend=backend,
        tier=tier,
        context_tokens=served.context_tokens,
        features=served.adapter.features if features is None else frozenset(features),
        input_nanos_per_token=rates and rates[0] if price is None else price.input_nanos_per_token,
        output_nanos_per_token=rates and rates[1] if price is None else price.output_nanos_per_token,
        cached_nanos_per_token=None if price is None else price.cached_nanos_per_token,
    )


def _by_the_hour(settings: GatewaySettings, backend: str, today: date) -> tuple[float, float] | None:
    """What a token's work costs on an engine that is paid by the hour and has nothing else to do, before any
    of its work was measured: (input, output), for ranking."""
    price = gpu_price(settings, backend, today)
    if price is None:
        return None
    weights = DEFAULT_WEIGHTS
    per_thousand = 1_000 * price.gpus
    return (
        price.nanos_for(per_thousand * weights.prefill_ns_per_token) / 1_000,
        price.nanos_for(per_thousand * weights.decode_ns_per_token) / 1_000,
    )
