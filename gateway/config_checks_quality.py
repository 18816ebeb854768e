"""What the settings of quality say of the rest of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.config import GatewaySettings
from gateway.config_findings import Finding, Names, model_exists, tenant_exists
from gateway.config_quality import ShadowSettings
from gateway.problems import Path, did_you_mean

_SHADOW: Path = ("quality", "shadow")


def check_quality(
    settings: GatewaySettings, names: Names, stored_tenants: Collection[str] | None
) -> Iterator[Finding]:
    for name, route in settings.models.items():
        if route.cascade is not None and len(route.tiers) < 2:
            message = "a cascade needs a second tier to go on to"
            yield Finding(("models", name, "cascade"), message)
    shadow = settings.quality.shadow
    if shadow is None:
        return
    for position, tenant in enumerate(shadow.tenants or ()):
        yield from tenant_exists((*_SHADOW, "tenants", position), tenant, names, stored_tenants)
    yield from _routes(settings, shadow, names)
    if shadow.judge is not None:
        yield from model_exists((*_SHADOW, "judge"), shadow.judge, names)
        yield from _own_judge(settings, shadow, shadow.judge)


def _routes(settings: GatewaySettings, shadow: ShadowSettings, names: Names) -> Iterator[Finding]:
    for position, route in enumerate(shadow.routes or ()):
        path = (*_SHADOW, "routes", position)
        if route not in names.routes:
            hint = did_you_mean(route, names.routes)
            yield Finding(path, f"no virtual model is named {route}{hint}")
        elif route in settings.models and len(settings.models[route].tiers) < 2:
            yield Finding(path, f"{route} has one tier: there is nothing to compare it with", warning=True)


def _own_judge(settings: GatewaySettings, shadow: ShadowSettings, judge: str) -> Iterator[Finding]:
    for name, route in settings.models.items():
        if judge in route.tiers and (shadow.routes is None or name in shadow.routes):
            message = f"{judge} is a tier of {name}: it would judge answers of its own"
            yield Finding((*_SHADOW, "judge"), message, warning=True)
