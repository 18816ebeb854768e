"""The file's budgets and limits as the desk takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.config import GatewaySettings
from gateway.config_budgets import BudgetSettings, LimitSettings, RollingSettings
from gateway.config_quality import QUALITY_TENANT, ShadowSettings
from metering.budgets import Budget, Calendar, Rolling, Selector, Unit
from metering.money import usd_to_nanos

MINUTE = Rolling(60, 12)
BUCKETS = 60
"""Of a rolling period: it is up to a sixtieth longer than it says, never shorter."""


def budgets_of(settings: GatewaySettings) -> tuple[Budget, ...]:
    """Everything that may refuse a request, in the file's order."""
    return tuple(_all(settings))


def is_limit(budget: Budget) -> bool:
    """Whether it comes from `limits`: it protects from haste, not from cost."""
    return budget.unit in ("requests", "concurrency") or budget.period == MINUTE


def _all(settings: GatewaySettings) -> Iterator[Budget]:
    for budget in settings.budgets:
        yield _budget(budget, None)
    if settings.quality.shadow is not None:
        yield _of_comparisons(settings.quality.shadow)
    for name, tenant in settings.tenants.items():
        for budget in tenant.budgets:
            yield _budget(budget, name)
        if tenant.limits is not None:
            yield from _limits(tenant.limits, Selector(tenant=name), f"tenant {name}")
        for key in tenant.keys:
            if key.limits is not None:
                selector = Selector(tenant=name, key=key.name)
                yield from _limits(key.limits, selector, f"key {name}/{key.name}")


def _of_comparisons(shadow: ShadowSettings) -> Budget:
    limit, selector = usd_to_nanos(shadow.usd_per_day), Selector(QUALITY_TENANT)
    return Budget("comparisons", selector, "usd", limit, Calendar("day", "UTC"), ((100, "refuse"),))


def _budget(budget: BudgetSettings, tenant: str | None) -> Budget:
    per = budget.per
    if isinstance(per, RollingSettings):
        period: Calendar | Rolling = Rolling(int(per.rolling), BUCKETS)
    else:
        period = Calendar(per, budget.timezone)
    selector = Selector(tenant, budget.project, budget.key, _tag(budget.tag), budget.each or "")
    away = budget.state_away
    exposure = None if away == "closed" else away.open_up_to
    return Budget(
        name=budget.name or selector.label(),
        selector=selector,
        unit="tokens" if budget.usd is None else "usd",
        limit=budget.tokens or 0 if budget.usd is None else usd_to_nanos(budget.usd),
        period=period,
        ladder=tuple(sorted(budget.at.items())),
        open_up_to=None
        if exposure is None
        else (int(exposure) if budget.usd is None else usd_to_nanos(exposure)),
    )


def _tag(tag: Mapping[str, str] | None) -> tuple[str, str] | None:
    return None if tag is None else next(iter(tag.items()))


def _limits(limits: LimitSettings, selector: Selector, whose: str) -> Iterator[Budget]:
    """While the state is away a limit holds per gateway: it protects, it accounts for nothing."""
    asked: tuple[tuple[str, Unit, int | None, Rolling | None], ...] = (
        ("requests per minute", "requests", limits.requests_per_minute, MINUTE),
        ("tokens per minute", "tokens", limits.tokens_per_minute, MINUTE),
        ("requests at once", "concurrency", limits.concurrency, None),
    )
    for what, unit, limit, period in asked:
        if limit is not None:
            yield Budget(f"{whose}: {what}", selector, unit, limit, period, open_up_to=limit)
