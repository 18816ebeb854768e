"""What settings say of each other: names that must exist, names that must not meet, prices, protection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date
from urllib.parse import urlsplit

from gateway.config import LOOPBACK_HOSTS, GatewaySettings, RateSettings, admin_key_problem
from gateway.config_books import FixedSplitSettings, hidden_splits, unnamed_backends
from gateway.config_budgets import UNLIMITED_OUTPUT_TOKENS
from gateway.config_checks_cache import check_cache
from gateway.config_checks_quality import check_quality
from gateway.config_checks_routing import check_routing
from gateway.config_findings import Finding, Names, tenant_exists
from gateway.price_settings import token_rates
from gateway.problems import Path, did_you_mean
from metering.ledger_url import is_postgresql
from metering.model_price import ModelPrice
from metering.price_sense import doubts

ListPrice = Callable[[GatewaySettings, str, str], ModelPrice | None]
"""(settings, backend, public model name) -> the catalogue's price."""


def cross_check(
    settings: GatewaySettings,
    names: Names,
    priced: Callable[[GatewaySettings, str, str], bool] | None,
    stored_tenants: Collection[str] | None,
    today: date,
    listed: ListPrice | None = None,
) -> Iterator[Finding]:
    yield from _protection(settings)
    yield from _ledger(settings.ledger)
    yield from _backends(settings)
    yield from check_routing(settings, names, stored_tenants, priced)
    yield from check_quality(settings, names, stored_tenants)
    yield from check_cache(settings, names, stored_tenants)
    yield from _tenants(settings, names)
    yield from _limits(settings)
    yield from _key_hashes(settings)
    yield from _doubtful_rates(settings, listed)
    yield from _rates(settings, names)
    yield from _same_rates(settings)
    yield from _gpu_rates(settings, names)
    yield from _splits(settings, names, stored_tenants)
    for key, named in (("markup", settings.markup.tenants), ("discount", settings.discount.tenants)):
        for tenant in named:
            yield from tenant_exists((key, "tenants", tenant), tenant, names, stored_tenants)
    yield from _prices(settings, priced, today)


def _protection(settings: GatewaySettings) -> Iterator[Finding]:
    problem = admin_key_problem(settings)
    if problem:
        yield Finding(("admin_key",) if settings.admin_key else ("server", "host"), problem)


def _ledger(url: str) -> Iterator[Finding]:
    if is_postgresql(url):
        try:
            database = urlsplit(url).path.strip("/")
        except ValueError as error:
            yield Finding(("ledger",), f"is no address: {error}")
            return
        if not database:
            yield Finding(("ledger",), "must name a database: postgresql://user:secret@host/database")
    elif not url.startswith("sqlite:///"):
        example = "sqlite:///weir.db (relative), sqlite:////var/lib/weir/weir.db (absolute)"
        yield Finding(("ledger",), f"must be {example} or postgresql://user:secret@host/database")
    elif url in {"sqlite:///", "sqlite:///:memory:"}:
        yield Finding(("ledger",), "must name a file: what is metered has to outlive the process")


def _backends(settings: GatewaySettings) -> Iterator[Finding]:
    for name, backend in settings.backends.items():
        if backend.api_key is None:
            continue
        for url in backend.base_urls:
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
                message = (
                    f"api_key travels unencrypted to {parts.hostname}; use https:// beyond a trusted network"
                )
                yield Finding(("backends", name, "api_key"), message, warning=True)


def _tenants(settings: GatewaySettings, names: Names) -> Iterator[Finding]:
    known = names.models | names.routes
    for tenant_name, tenant in settings.tenants.items():
        here: Path = ("tenants", tenant_name)
        yield from _allowed((*here, "models"), tenant.models, known)
        seen: set[str] = set()
        for position, key in enumerate(tenant.keys):
            at: Path = (*here, "keys", position)
            if key.name in seen:
                yield Finding((*at, "name"), f"{tenant_name} already has a key named {key.name}")
            seen.add(key.name)
            yield from _allowed((*at, "models"), key.models, known)
            for place, model in enumerate(key.models or ()):
                if tenant.models is not None and model in known and model not in tenant.models:
                    message = (
                        f"{model} is not among the models of tenant {tenant_name}; a key can only be narrower"
                    )
                    yield Finding((*at, "models", place), message)


def _limits(settings: GatewaySettings) -> Iterator[Finding]:
    """Limits that refuse every request of an ordinary kind."""
    for tenant_name, tenant in settings.tenants.items():
        here: Path = ("tenants", tenant_name)
        placed = [(here, tenant.limits)]
        placed += [((*here, "keys", position), key.limits) for position, key in enumerate(tenant.keys)]
        for path, limits in placed:
            tokens = None if limits is None else limits.tokens_per_minute
            if tokens is not None and tokens <= UNLIMITED_OUTPUT_TOKENS:
                message = (
                    f"{tokens} is less than the {UNLIMITED_OUTPUT_TOKENS} tokens that a request without "
                    "max_tokens is held for: it is refused, unless its model's max_output_tokens says less"
                )
                yield Finding((*path, "limits", "tokens_per_minute"), message, warning=True)


def _allowed(path: Path, models: tuple[str, ...] | None, known: frozenset[str]) -> Iterator[Finding]:
    for position, model in enumerate(models or ()):
        if model not in known:
            message = f"no model or virtual model is named {model}{did_you_mean(model, known)}"
            yield Finding((*path, position), message)
    if models == ():
        yield Finding(path, "an empty list allows no model; leave it out to allow all", warning=True)


def _key_hashes(settings: GatewaySettings) -> Iterator[Finding]:
    """Two keys with one hash are one key: whose money it spends would depend on the order of the file."""
    first: dict[str, str] = {}
    for tenant_name, tenant in settings.tenants.items():
        for position, key in enumerate(tenant.keys):
            if key.hash in first:
                path: Path = ("tenants", tenant_name, "keys", position, "hash")
                yield Finding(path, f"the same key as {first[key.hash]}; every key is its own")
            first.setdefault(key.hash, f"{tenant_name}/{key.name}")


def _rates(settings: GatewaySettings, names: Names) -> Iterator[Finding]:
    for position, rate in enumerate(settings.rates):
        here: Path = ("rates", position)
        if rate.backend is not None and rate.backend not in names.backends:
            hint = did_you_mean(rate.backend, names.backends)
            yield Finding((*here, "backend"), f"no backend is named {rate.backend}{hint}")
        if rate.model not in names.models:
            hint = did_you_mean(rate.model, names.models)
            yield Finding(
                (*here, "model"), f"no backend serves {rate.model}: this rate is never used{hint}", True
            )


def _doubtful_rates(settings: GatewaySettings, listed: ListPrice | None) -> Iterator[Finding]:
    for position, rate in enumerate(settings.rates):
        here: Path = ("rates", position)
        price = _listed_price(settings, rate, listed)
        for key, question in doubts(token_rates(rate), None if price is None else price.rates):
            yield Finding((*here, key), question, warning=True)
        for number, step in enumerate(rate.over):
            for key, question in doubts(token_rates(step), None):
                yield Finding((*here, "over", number, key), question, warning=True)


def _listed_price(
    settings: GatewaySettings, rate: RateSettings, listed: ListPrice | None
) -> ModelPrice | None:
    if listed is None:
        return None
    for name, backend in settings.backends.items():
        if rate.model in backend.models and rate.backend in (None, name):
            price = listed(settings, name, rate.model)
            if price is not None:
                return price
    return None


def _splits(
    settings: GatewaySettings, names: Names, stored_tenants: Collection[str] | None
) -> Iterator[Finding]:
    here: Path = ("books", "split")
    for position, backend in unnamed_backends(settings.books, names.backends):
        hint = did_you_mean(backend, names.backends)
        yield Finding((*here, position, "backend"), f"no backend is named {backend}{hint}")
    for position in hidden_splits(settings.books.split):
        yield Finding((*here, position), "a rule before this one covers the same cost")
    for position, rule in enumerate(settings.books.split):
        if isinstance(rule.by, FixedSplitSettings):
            for tenant in rule.by.fixed:
                path = (*here, position, "by", "fixed", tenant)
                yield from tenant_exists(path, tenant, names, stored_tenants)


def _gpu_rates(settings: GatewaySettings, names: Names) -> Iterator[Finding]:
    seen: set[tuple[str, date | None]] = set()
    for position, rate in enumerate(settings.gpu_rates):
        here: Path = ("gpu_rates", position)
        if rate.backend not in names.backends:
            hint = did_you_mean(rate.backend, names.backends)
            yield Finding((*here, "backend"), f"no backend is named {rate.backend}{hint}")
        elif settings.backends[rate.backend].gpus is None:
            yield Finding(
                (*here, "backend"), f"{rate.backend} has no gpus: nothing there is paid by the hour"
            )
        if (rate.backend, rate.from_) in seen:
            yield Finding(here, f"a GPU rate of {rate.backend} for the same first day stands above")
        seen.add((rate.backend, rate.from_))


def _same_rates(settings: GatewaySettings) -> Iterator[Finding]:
    seen: set[tuple[str, str | None, date | None]] = set()
    for position, rate in enumerate(settings.rates):
        row = (rate.model, rate.backend, rate.from_)
        if row in seen:
            message = (
                f"a rate of {rate.model} for the same backend and first day stands above; which one holds?"
            )
            yield Finding(("rates", position), message)
        seen.add(row)


def _prices(
    settings: GatewaySettings,
    priced: Callable[[GatewaySettings, str, str], bool] | None,
    today: date,
) -> Iterator[Finding]:
    if priced is None or settings.unknown_price != "refuse":
        return
    for backend_name, backend in settings.backends.items():
        for model in backend.models:
            if backend.gpus is not None or has_rate(settings, backend_name, model, today):
                continue
            if priced(settings, backend_name, model):
                continue
            entry = f"- {{model: {model}, backend: {backend_name}, input: 0.00, output: 0.00}}"
            message = (
                f"no price is known, and unknown_price is refuse: add to rates: `{entry}` with its USD per "
                "million tokens, or set price_provider, or unknown_price to ceiling or flag"
            )
            yield Finding(("backends", backend_name, "models", model), message)


def has_rate(settings: GatewaySettings, backend: str, model: str, today: date) -> bool:
    """Whether the file's own rate card prices this model on this backend on that UTC day."""
    return any(
        rate.model == model
        and rate.backend in (None, backend)
        and (rate.from_ is None or rate.from_ <= today)
        for rate in settings.rates
    )
