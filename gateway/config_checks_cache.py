"""What the settings of the cache say of the rest of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.config import GatewaySettings
from gateway.config_cache import GROUP, SemanticSettings
from gateway.config_findings import Finding, Names, model_exists, tenant_exists
from gateway.problems import Path, did_you_mean


def check_cache(
    settings: GatewaySettings, names: Names, stored_tenants: Collection[str] | None
) -> Iterator[Finding]:
    cache = settings.cache
    if cache.semantic is not None:
        yield from _semantic(("cache", "semantic"), cache.semantic, names, exact=cache.exact)
        if cache.semantic.trust == "curated":
            message = "only a route has curated pairs: write it under models.ROUTE.cache.semantic"
            yield Finding(("cache", "semantic", "trust"), message)
    for name, route in settings.models.items():
        exact = cache.exact if route.cache.exact is None else route.cache.exact
        if route.cache.semantic:
            path = ("models", name, "cache", "semantic")
            yield from _semantic(path, route.cache.semantic, names, exact=exact)
    yield from _groups(settings, names, stored_tenants)


def _semantic(path: Path, semantic: SemanticSettings, names: Names, *, exact: bool) -> Iterator[Finding]:
    if not exact:
        yield Finding(path, "identical requests must be served (exact: true) before similar ones are")
    if semantic.judge is not None:
        yield from model_exists((*path, "judge"), semantic.judge, names)
    if semantic.second is not None:
        yield from model_exists((*path, "second", "embeddings"), semantic.second.embeddings, names)


def _groups(
    settings: GatewaySettings, names: Names, stored_tenants: Collection[str] | None
) -> Iterator[Finding]:
    groups = settings.cache.groups
    for name, group in groups.items():
        for position, tenant in enumerate(group.tenants):
            path = ("cache", "groups", name, "tenants", position)
            yield from tenant_exists(path, tenant, names, stored_tenants)
            known = settings.tenants.get(tenant)
            if known is None or known.cache_group != name:
                message = (
                    f"{tenant} shares nothing: it has not opted in (tenants.{tenant}.cache_group: {name})"
                )
                yield Finding(path, message, warning=True)
    for tenant, opted in settings.tenants.items():
        if opted.cache_group is None:
            continue
        where: Path = ("tenants", tenant, "cache_group")
        if opted.cache_group not in groups:
            hint = did_you_mean(opted.cache_group, groups)
            yield Finding(where, f"cache.groups has no group {opted.cache_group}{hint}")
        elif tenant not in groups[opted.cache_group].tenants:
            yield Finding(where, f"the group {opted.cache_group} does not name {tenant}")
    wanted = settings.cache.share.removeprefix(GROUP)
    if settings.cache.share.startswith(GROUP) and wanted not in groups:
        hint = did_you_mean(wanted, groups)
        yield Finding(("cache", "share"), f"cache.groups has no group {wanted}{hint}")
