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
