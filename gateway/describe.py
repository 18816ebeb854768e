"""What a configuration means, in plain words and as data: for `weir check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.budget_settings import is_limit
from gateway.config import GatewaySettings
from gateway.describe_cache import cache_in_words, describe_cache
from gateway.describe_quality import describe_quality, quality_in_words
from gateway.describe_routing import describe_routes, describe_rules, routing_in_words
from gateway.effective import state_shown
from gateway.snapshot import Snapshot
from metering.budgets import Budget
from metering.budgets.model import format_amount
from metering.ledger_url import without_password


def describe(snapshot: Snapshot, today: date) -> dict[str, Any]:
    """JSON-ready, without secrets."""
    settings = snapshot.settings
    return {
        "listen": f"http://{settings.server.host}:{settings.server.port}",
        "admin_key": settings.admin_key is not None,
        "ledger": without_password(settings.ledger),
        "state": state_shown(settings.state),
        "unknown_price": settings.unknown_price,
        "backends": [_backend(settings, name) for name in settings.backends],
        "models": [_model(snapshot, model, backend, today) for model, backend in snapshot.served],
        "routes": describe_routes(settings),
        "rules": describe_rules(settings),
        "quality": describe_quality(settings),
        "cache": describe_cache(settings),
        "budgets": [_budget(budget) for budget in snapshot.budgets],
        "tenants": [
            {
                "name": name,
                "cost_center": tenant.cost_center,
                "models": None if tenant.models is None else list(tenant.models),
                "keys": [{"name": key.name, "role": key.role, "project": key.project} for key in tenant.keys],
                "markup": str(snapshot.markup(name)),
            }
            for name, tenant in settings.tenants.items()
        ],
    }


def _budget(budget: Budget) -> dict[str, Any]:
    away = budget.open_up_to
    return {
        "name": budget.name,
        "covers": budget.selector.label(),
        "terms": budget.terms,
        "limit": is_limit(budget),
        "at": {str(percent): action for percent, action in budget.ladder},
        "state_away": "closed" if away is None else f"open up to {format_amount(budget.unit, away)}",
    }


def _backend(settings: GatewaySettings, name: str) -> dict[str, Any]:
    backend = settings.backends[name]
    return {
        "name": name,
        "kind": backend.kind,
        "urls": list(backend.base_urls),
        "launches": backend.launch.weights if backend.launch else None,
        "api_key": backend.api_key is not None,
        "stand_in_for": backend.stand_in_for,
    }


def _model(snapshot: Snapshot, model: str, backend: str, today: date) -> dict[str, Any]:
    served = snapshot.served[model, backend]
    price = snapshot.price(model, backend, today)
    return {
        "name": model,
        "backend": backend,
        "upstream": served.upstream_model,
        "context_tokens": served.context_tokens,
        "input_usd_per_million": None if price is None else _number(price.rates.input),
        "output_usd_per_million": None if price is None else _number(price.rates.output),
        "price_source": None if price is None else price.version.partition(":")[0],
        "stand_in": served.stand_in,
    }


def _number(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def in_words(description: Mapping[str, Any]) -> Iterator[str]:
    """Lines of text."""
    yield f"Listens on {description['listen']}, management {_admin(description)}."
    yield f"Meters into {description['ledger']}; a model without a price: {description['unknown_price']}."
    yield ""
    yield "Backends"
    for backend in description["backends"]:
        yield f"  {backend['name']}: {_backend_words(backend)}"
    yield ""
    yield "Models"
    for model in description["models"]:
        yield f"  {model['name']} on {model['backend']}: {_model_words(model)}"
    yield ""
    yield from routing_in_words(description)
    yield from quality_in_words(description["quality"])
    yield from cache_in_words(description["cache"])
    yield ""
    yield from _tenants(description["tenants"])
    yield from _budgets(description)


def _admin(description: Mapping[str, Any]) -> str:
    return (
        "with the admin key" if description["admin_key"] else "with keys whose role is admin (no admin_key)"
    )


def _backend_words(backend: Mapping[str, Any]) -> str:
    where = f"started here from {backend['launches']}" if backend["launches"] else ", ".join(backend["urls"])
    key = ", with a key" if backend["api_key"] else ""
    stand_in = f" (stand-in for {backend['stand_in_for']})" if backend["stand_in_for"] else ""
    return f"{backend['kind']}, {where}{key}{stand_in}"


def _model_words(model: Mapping[str, Any]) -> str:
    context = model["context_tokens"]
    words = f"context {context:,} tokens" if context else "context unknown"
    if model["input_usd_per_million"] is None:
        return f"{words}, price unknown"
    price = f"${model['input_usd_per_million']} in, ${model['output_usd_per_million']} out per million tokens"
    return f"{words}, {price} ({model['price_source']})"


def _tenants(tenants: list[dict[str, Any]]) -> Iterator[str]:
    if not tenants:
        yield "No tenants in this file: they come from the key store (`weir tenants create`)."
        return
    yield "Tenants"
    for tenant in tenants:
        models = "all models" if tenant["models"] is None else ", ".join(tenant["models"])
        keys = ", ".join(_key(key) for key in tenant["keys"]) or "no keys in this file"
        markup = "" if Decimal(tenant["markup"]) == 1 else f"; markup {tenant['markup']}"
        yield f"  {tenant['name']}: {models}; keys: {keys}{markup}"


def _budgets(description: Mapping[str, Any]) -> Iterator[str]:
    if not description["budgets"]:
        return
    yield ""
    yield f"Budgets and limits, counted in {description['state']}"
    for budget in description["budgets"]:
        if budget["limit"]:
            yield f"  {budget['covers']}: {budget['terms']}"
            continue
        ladder = ", ".join(f"{action} at {percent} %" for percent, action in budget["at"].items())
        shared = not description["state"].startswith("memory:")
        away = f"; without its state {budget['state_away']}" if shared else ""
        yield f"  {budget['covers']}: {budget['terms']}; {ladder}{away}"


def _key(key: Mapping[str, Any]) -> str:
    return key["name"] if key["role"] == "tenant" else f"{key['name']} ({key['role']})"
