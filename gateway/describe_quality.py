"""What cascades and comparisons mean, as data and as sentences: for `weir check`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from gateway.config import GatewaySettings
from gateway.config_quality import QUALITY_TENANT, CascadeSettings, ShadowSettings


def describe_quality(settings: GatewaySettings) -> dict[str, Any]:
    """JSON-ready."""
    shadow, price = settings.quality.shadow, settings.quality.usd_per_cpu_hour
    return {
        "cascades": {
            name: route.cascade.model_dump(mode="json")
            for name, route in settings.models.items()
            if route.cascade is not None
        },
        "shadow": None if shadow is None else shadow.model_dump(mode="json"),
        "usd_per_cpu_hour": None if price is None else str(price),
        "means": list(_sentences(settings)),
    }


def quality_in_words(description: dict[str, Any]) -> Iterator[str]:
    if not description["means"]:
        return
    yield "Quality"
    for sentence in description["means"]:
        yield f"  {sentence}"
    yield ""


def _sentences(settings: GatewaySettings) -> Iterator[str]:
    for name, route in settings.models.items():
        if route.cascade is not None:
            after = ", then ".join(route.tiers)
            doubtful = _doubtful(route.cascade)
            yield f"{name}: asks {after}, as long as an answer is {doubtful}; streams follow its policy."
    if settings.quality.shadow is not None:
        yield from _of_shadow(settings.quality.shadow)


def _doubtful(cascade: CascadeSettings) -> str:
    signs = [
        (cascade.format, "malformed"),
        (cascade.refusals, "a refusal"),
        (cascade.mean_logprob is not None, f"unsure (mean log-probability below {cascade.mean_logprob})"),
        (
            cascade.low_share is not None,
            f"wavering (over {cascade.low_share} of its tokens below {cascade.low_probability})",
        ),
        (cascade.min_logprob is not None, f"stumbling (a log-probability below {cascade.min_logprob})"),
    ]
    named = [words for looked_at, words in signs if looked_at]
    return " or ".join(named) if named else "doubtful, but nothing is looked at"


def _number(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _of_shadow(shadow: ShadowSettings) -> Iterator[str]:
    routes = "all virtual models" if shadow.routes is None else ", ".join(shadow.routes)
    whose = "all tenants" if shadow.tenants is None else ", ".join(shadow.tenants)
    exact = f"exact checks ({', '.join(shadow.exact)})" if shadow.exact else ""
    judge = f"{shadow.judge} as judge" if shadow.judge else ""
    how = ", then ".join(words for words in (exact, judge) if words)
    percent = _number(shadow.share * 100)
    yield f"compares {percent} % of {routes}, asked by {whose}, with the other tier: {how}."
    yield f"comparisons cost {QUALITY_TENANT} at most {_number(shadow.usd_per_day)} USD a day."
