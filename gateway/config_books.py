"""Settings of the books: whose months, when they close, who pays shared costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import inf
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config_types import Name, SecondsOrZero, Settings, Usd
from metering.books.policy import BooksPolicy, SplitRule
from metering.periods import zone_of


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _by(value: object) -> object:
    """One message instead of one for each form that it might have had."""
    if isinstance(value, str) and value in ("use", "even"):
        return value
    weights = value.get("fixed") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(weights, dict):
        raise ValueError("must be use, even, or {fixed: {TENANT: WEIGHT}}")
    for tenant, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < inf:
            raise ValueError(f"the weight of {tenant} must be a number of at least 0")
    if not any(weights.values()):
        raise ValueError("fixed needs a weight above 0")
    return value


class FixedSplitSettings(Settings):
    """Who pays which part."""

    fixed: Mapping[Name, Usd] = Field(
        min_length=1, description="Tenant: weight. Only their proportions count: 7 and 3 are 0.7 and 0.3."
    )


class SplitSettings(Settings):
    """A cost of the house that tenants share when a month closes."""

    cost: Literal["idle", "overhead", "vendor", "gpu"] = Field(
        description="Which: idle GPU time, GPU overhead, or what reconciliation left on the house."
    )
    backend: Name | None = Field(None, description="Only of this backend. Left out, of each by itself.")
    by: Annotated[Literal["use", "even"] | FixedSplitSettings, BeforeValidator(_by)] = Field(
        description="use: by GPU time on the backend, or by cost where there is none; even: the same for "
        "each tenant that used it; or fixed weights."
    )


class BooksSettings(Settings):
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="Whose calendar months are closed: a name like Europe/Berlin."
    )
    close_after: SecondsOrZero = Field(
        172_800.0, description="A month may be closed that long after its end: time for what is late."
    )
    split: tuple[SplitSettings, ...] = Field(
        (), description="Costs of the house that tenants share; the first that covers a cost splits it."
    )


def policy_of(books: BooksSettings) -> BooksPolicy:
    return BooksPolicy(books.timezone, round(books.close_after * 1e6), tuple(map(_rule, books.split)))


def unnamed_backends(books: BooksSettings, backends: Collection[str]) -> Iterator[tuple[int, str]]:
    """(position in `split`, name) of backends that the file does not have."""
    for position, rule in enumerate(books.split):
        if rule.backend is not None and rule.backend not in backends:
            yield position, rule.backend


def hidden_splits(splits: Sequence[SplitSettings]) -> Iterator[int]:
    """Positions of rules that never split anything, because one before covers the same."""
    for position, rule in enumerate(splits):
        if any(each.cost == rule.cost and each.backend in (None, rule.backend) for each in splits[:position]):
            yield position


def _rule(split: SplitSettings) -> SplitRule:
    if isinstance(split.by, FixedSplitSettings):
        return SplitRule(split.cost, "fixed", split.backend, split.by.fixed)
    return SplitRule(split.cost, split.by, split.backend)
