"""Predicted lengths of answers, fed by what is metered."""

from __future__ import annotations

from metering.event import Event
from metering.ledger import LedgerReader
from metering.outcome import Outcome
from metering.reports import ReportQuery, usage_report
from metering.store.names import US_PER_HOUR
from metering.usage import Provenance
from router.output_length import Metered, OutputLengths

SEEDED_HOURS = 7 * 24
"""Of the ledger, counted from the start of this hour."""
_REPORTED = frozenset({Provenance.VENDOR, Provenance.ENGINE})
EMBEDDINGS = "embeddings"


def learn_from(lengths: OutputLengths, event: Event) -> None:
    """Of whole answers alone, as those who made them counted."""
    usage = event.usage
    if (
        usage is None
        or event.outcome is not Outcome.COMPLETED
        or usage.provenance not in _REPORTED
        or event.api == EMBEDDINGS
    ):
        return
    asked = usage.input_total if event.routing is None else event.routing.prompt_tokens
    lengths.learn(event.requested_model, event.tenant, asked, usage.output)


def metered_lengths(reader: LedgerReader, now_us: int) -> list[Metered]:
    """What the ledger's sums say of the last days. Blocks. Raises LedgerError."""
    until_us = now_us - now_us % US_PER_HOUR
    query = ReportQuery(
        ("requested_model", "tenant", "api"),
        from_us=until_us - SEEDED_HOURS * US_PER_HOUR,
        until_us=until_us,
        where={"outcome": Outcome.COMPLETED.value},
    )
    return [
        Metered(route, tenant, row.sums.attempts, row.sums.output_tokens)
        for row in usage_report(reader, query).rows
        for route, tenant, api in [row.group]
        if api != EMBEDDINGS
    ]
