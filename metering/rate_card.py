"""The operator's own prices: dated rows, the most specific one in force wins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from metering.model_price import LongContextTier, ModelPrice, in_service_tier
from metering.token_rates import CLASSES, TokenRates, check_rate


@dataclass(frozen=True, slots=True)
class Rate:
    """One row: USD per million tokens, per_request and per_second in USD.

    Classes left out cost what they are a kind of, as `TokenRates` says.
    Raises ValueError, naming the field, if a rate is negative or not finite.
    """

    model: str
    """The public name."""
    backend: str | None
    """Only for this backend; None for all."""
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    per_request: Decimal = Decimal(0)
    from_date: date | None = None
    """First UTC day it holds; None holds since ever, until the first dated row."""
    reasoning: Decimal | None = None
    cache_write_1h: Decimal | None = None
    per_second: Decimal = Decimal(0)
    tiers: tuple[LongContextTier, ...] = ()
    """Ascending: rates for all tokens of an attempt with more input than that."""
    service_factors: tuple[tuple[str, Decimal], ...] = ()
    """(service tier, factor on the token rates): ("batch", 0.5) is half price."""
    price: ModelPrice = field(init=False, repr=False, compare=False)
    """This row compiled; its version names the row's date and a digest of its content."""

    def __post_init__(self) -> None:
        rates = TokenRates(**{name: getattr(self, name) for name in CLASSES})
        for tier, factor in self.service_factors:
            check_rate(tier, factor)
        since = "undated" if self.from_date is None else self.from_date.isoformat()
        version = f"rates:{since}:{self._digest()}"
        standard = ModelPrice(rates, version, self.per_request, self.tiers, self.per_second)
        services = tuple((tier, _scaled(standard, tier, factor)) for tier, factor in self.service_factors)
        object.__setattr__(self, "price", replace(standard, by_service=services))

    def _digest(self) -> str:
        """Tells two edits of one row apart, even where its date was left alone. A field that is not set adds
        nothing: a row keeps its version when a later release knows more fields."""
        amounts = (self.input, self.output, self.cache_read, self.cache_write, self.per_request)
        parts = [self.model, self.backend or "", *(_digits(amount) for amount in amounts)]
        parts += [f"{name}={_digits(amount)}" for name, amount in self._further() if amount]
        parts += [f"over={tier.over_input_tokens}:{_all_digits(tier.rates)}" for tier in self.tiers]
        parts += [f"{tier}*{_digits(factor)}" for tier, factor in self.service_factors]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]

    def _further(self) -> tuple[tuple[str, Decimal | None], ...]:
        return (
            ("reasoning", self.reasoning),
            ("cache_write_1h", self.cache_write_1h),
            ("per_second", self.per_second),
        )


class RateCard:
    """Rows by (model, backend). Raises ValueError if two rows hold for the same thing from the same day."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rows: dict[tuple[str, str | None], list[Rate]] = {}
        for rate in sorted(rates, key=_start):
            rows = self._rows.setdefault((rate.model, rate.backend), [])
            if rows and rows[-1].from_date == rate.from_date:
                raise ValueError(f"two rates for {_what(rate)}")
            rows.append(rate)

    def find(self, model: str, backend: str, at: date) -> Rate | None:
        """The backend's own row before the model's general one; among those, the newest in force."""
        for key in ((model, backend), (model, None)):
            in_force = [rate for rate in self._rows.get(key, ()) if _start(rate) <= at]
            if in_force:
                return in_force[-1]
        return None

    def in_force(self, at: date) -> list[Rate]:
        """One row per model and backend named on the card."""
        newest = ([rate for rate in rows if _start(rate) <= at][-1:] for rows in self._rows.values())
        return [rate for rows in newest for rate in rows]


def _scaled(standard: ModelPrice, tier: str, factor: Decimal) -> ModelPrice:
    dearer = tuple(LongContextTier(t.over_input_tokens, t.rates.times(factor)) for t in standard.tiers)
    return replace(
        standard,
        rates=standard.rates.times(factor),
        tiers=dearer,
        version=in_service_tier(standard.version, tier),
    )


def _start(rate: Rate) -> date:
    return rate.from_date or date.min


def _digits(amount: Decimal | None) -> str:
    return "" if amount is None else format(amount.normalize(), "f")


def _all_digits(rates: TokenRates) -> str:
    return ",".join(_digits(getattr(rates, name)) for name in CLASSES)


def _what(rate: Rate) -> str:
    where = f" on backend {rate.backend}" if rate.backend else ""
    since = f"from {rate.from_date.isoformat()}" if rate.from_date else "without a date"
    return f"model {rate.model}{where} {since}"
