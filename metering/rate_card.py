"""The operator's own prices: dated rows, the most specific one in force wins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from metering.model_price import ModelPrice, TokenRates


@dataclass(frozen=True, slots=True)
class Rate:
    """One row: USD per million tokens, per_request in USD.

    `cache_read` and `cache_write` left out cost what `input` costs; reasoning costs what output costs.
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
    price: ModelPrice = field(init=False, repr=False, compare=False)
    """This row compiled; its version names the row's date and a digest of its content."""

    def __post_init__(self) -> None:
        rates = TokenRates(self.input, self.output, self.cache_read, self.cache_write)
        since = "undated" if self.from_date is None else self.from_date.isoformat()
        version = f"rates:{since}:{self._digest()}"
        object.__setattr__(self, "price", ModelPrice(rates, version, self.per_request))

    def _digest(self) -> str:
        """Tells two edits of one row apart, even where its date was left alone."""
        amounts = (self.input, self.output, self.cache_read, self.cache_write, self.per_request)
        text = "|".join(
            (
                self.model,
                self.backend or "",
                *("" if a is None else format(a.normalize(), "f") for a in amounts),
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()[:8]


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


def _start(rate: Rate) -> date:
    return rate.from_date or date.min


def _what(rate: Rate) -> str:
    where = f" on backend {rate.backend}" if rate.backend else ""
    since = f"from {rate.from_date.isoformat()}" if rate.from_date else "without a date"
    return f"model {rate.model}{where} {since}"
