"""Prices that are probably not what was meant: per token or per thousand where per million was asked for, and
far from what the vendor lists. They are questioned, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from metering.token_rates import CLASSES, TokenRates

_PER_TOKEN_BELOW = Decimal("0.0001")
"""USD per million tokens: no model is this cheap, but every model is per single token."""
_PER_THOUSAND_BELOW = {
    "input": Decimal("0.003"),
    "cache_write": Decimal("0.003"),
    "cache_write_1h": Decimal("0.003"),
    "cache_read": Decimal("0.001"),
    "output": Decimal("0.01"),
    "reasoning": Decimal("0.01"),
}
"""The cheapest that any model is listed at, by class."""
_FAR = 10


def doubts(rates: TokenRates, listed: TokenRates | None) -> Iterator[tuple[str, str]]:
    """(class, question) for each rate that looks wrong; `listed` is what the catalogue has, if anything."""
    for name in CLASSES:
        usd = getattr(rates, name)
        if usd is None:
            continue
        reference = None if listed is None else getattr(listed, name)
        question = _beside(name, usd, reference) if reference else _alone(name, usd)
        if question:
            yield name, question


def _alone(name: str, usd: Decimal) -> str | None:
    if 0 < usd < _PER_TOKEN_BELOW:
        return _unit(usd, "token", 1_000_000)
    if 0 < usd < _PER_THOUSAND_BELOW[name]:
        return _unit(usd, "1000 tokens", 1000)
    return None


def _beside(name: str, usd: Decimal, listed: Decimal) -> str | None:
    said = f"; the catalogue has {listed:f}"
    if usd == 0:
        return f"{name} costs nothing here{said}"
    ratio = listed / usd
    if 100_000 <= ratio <= 10_000_000:
        return _unit(usd, "token", 1_000_000) + said
    if 100 <= ratio <= 10_000:
        return _unit(usd, "1000 tokens", 1000) + said
    if ratio > _FAR or ratio * _FAR < 1:
        return f"{usd:f} USD per million tokens is more than {_FAR} times off{said}"
    return _alone(name, usd)


def _unit(usd: Decimal, unit: str, factor: int) -> str:
    return f"{usd:f} USD per million tokens looks like a price per {unit}; multiply it by {factor}"
