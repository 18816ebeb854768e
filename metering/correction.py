"""A correction: a row of its own beside the event that it corrects, with differences and no tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from metering.event import Event
from metering.usage import TokenUsage


class Amounts(NamedTuple):
    """Nano-dollars; None where unknown."""

    list_nanos: int | None
    cost_nanos: int | None
    baseline_nanos: int | None
    avoided_nanos: int | None = None
    """Of cache hits alone."""


def correction_of(
    event: Event, *, id: str, price_version: str, difference: Amounts, error: str = ""
) -> Event:
    """The event again, with its own id and `difference` to be added. What was measured once is not repeated;
    no GPU time stays 0, so that the row falls into the category of the one it corrects."""
    return replace(
        event,
        id=id,
        kind="correction",
        corrects=event.id,
        usage=None if event.usage is None else TokenUsage(provenance=event.usage.provenance),
        prefill_us=None,
        decode_us=None,
        gpu_ns=None if event.gpu_ns is None else 0,
        gpu_nanos=None,
        routing=None,
        price_version=price_version,
        list_nanos=difference.list_nanos,
        cost_nanos=difference.cost_nanos,
        baseline_nanos=difference.baseline_nanos,
        avoided_nanos=difference.avoided_nanos,
        error=error,
    )
