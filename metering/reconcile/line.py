"""One line of what a vendor charged or counted, in the same form for every vendor."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from metering.money import usd_to_nanos


class ImportFailed(ValueError):
    """The file cannot be read as what it should be. The message names file, place and field."""


class LineKind(StrEnum):
    """What a line is about. Only tokens are held against the ledger; the others stand for themselves."""

    TOKENS = "tokens"
    OTHER = "other"
    """A meter that the gateway does not have: searches, code execution, storage, audio."""
    CREDIT = "credit"
    TAX = "tax"
    PURCHASE = "purchase"
    ADJUSTMENT = "adjustment"
    """The vendor corrected an amount of its own."""


CLASSES = ("input", "cache_read", "cache_write", "output")
"""Disjoint classes of tokens, as in the ledger: `input` is what no cache held; `output` has the reasoning."""
TOTAL = "tokens"
"""The class of a line that tells no classes apart."""


class VendorLine(NamedTuple):
    vendor: str
    """A provider's id: openai, anthropic, aws, azure, google."""
    day: date
    """UTC; the day on which the charged period begins."""
    kind: LineKind
    model: str | None
    """As the vendor writes it; None where the line is about no model, or about all of them."""
    meter: str | None
    """One of CLASSES or TOTAL for tokens; the vendor's own words otherwise."""
    quantity: Decimal | None
    """Tokens, or whatever the meter counts; None where the line is about money alone."""
    cost_nanos: int | None
    """Nano-dollars; None where the line is about quantities alone. Never 0 for an unknown cost."""
    currency: str = "USD"
    project: str = ""
    key: str = ""
    """The vendor's id of the API key."""
    reference: str = ""
    """Where it stands: `costs.json: data[3].results[0]`, `focus.csv: row 12`."""


class Imported(NamedTuple):
    """What a file says, and the days that it speaks of, also those without a line."""

    lines: list[VendorLine]
    days: frozenset[date]
    left_out: int = 0
    """Rows of services that are no business of an inference gateway."""
    left_out_nanos: int = 0


class NanoRounder:
    """Amounts to nano-dollars so that a file's lines add up to its exact sum, rounded once.

    Vendors write fractions of a nano-dollar. Each amount differs from its own rounding by less than one.
    """

    def __init__(self) -> None:
        self._exact, self._given = Decimal(0), 0

    def nanos(self, usd: Decimal) -> int:
        """Raises ValueError for what is no finite number."""
        if not usd.is_finite():
            raise ValueError(f"{usd} is not an amount of money")
        self._exact += usd
        nanos = usd_to_nanos(self._exact) - self._given
        self._given += nanos
        return nanos


def days_between(first: date, last: date) -> frozenset[date]:
    """Both included."""
    return frozenset(first + timedelta(days=count) for count in range((last - first).days + 1))


def merged(parts: Iterable[Imported]) -> Imported:
    """Several files as one."""
    lines: list[VendorLine] = []
    days: frozenset[date] = frozenset()
    left_out = left_out_nanos = 0
    for part in parts:
        lines += part.lines
        days |= part.days
        left_out += part.left_out
        left_out_nanos += part.left_out_nanos
    return Imported(lines, days, left_out, left_out_nanos)
