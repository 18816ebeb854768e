"""What the file says of quality, compiled for the road."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.config import GatewaySettings
from gateway.config_quality import CascadeSettings
from router.cascade import Bar


@dataclass(frozen=True, slots=True)
class CascadePlan:
    bar: Bar
    without_logprobs: set[tuple[str, str]] = field(default_factory=set)
    """(model, backend) that refuse requests for log-probabilities, found out on the way."""


def cascades_of(settings: GatewaySettings) -> Mapping[str, CascadePlan]:
    """Route -> how its cascade judges; only those that have one."""
    return {
        name: CascadePlan(_bar(route.cascade))
        for name, route in settings.models.items()
        if route.cascade is not None
    }


def _bar(cascade: CascadeSettings) -> Bar:
    return Bar(
        mean_logprob=cascade.mean_logprob,
        low_probability=cascade.low_probability,
        low_share=None if cascade.low_share is None else float(cascade.low_share),
        min_logprob=cascade.min_logprob,
        refusals=cascade.refusals,
        phrases=tuple(phrase.lower() for phrase in cascade.phrases),
        format=cascade.format,
    )


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """Which answers are compared with another tier's, and how. See ShadowSettings."""

    share: float
    judge: str | None
    exact: tuple[str, ...]
    routes: frozenset[str] | None
    tenants: frozenset[str] | None
    concurrency: int
    queue: int


def shadow_of(settings: GatewaySettings) -> ShadowPlan | None:
    shadow = settings.quality.shadow
    if shadow is None:
        return None
    return ShadowPlan(
        share=float(shadow.share),
        judge=shadow.judge,
        exact=shadow.exact,
        routes=None if shadow.routes is None else frozenset(shadow.routes),
        tenants=None if shadow.tenants is None else frozenset(shadow.tenants),
        concurrency=shadow.concurrency,
        queue=shadow.queue,
    )
