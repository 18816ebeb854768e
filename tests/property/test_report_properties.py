"""Conservation: however the ledger is cut up, the pieces add up to the whole, to the nano-dollar."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.days import US_PER_DAY, utc_day
from metering.event import UNPRICED, Event
from metering.outcome import Outcome
from metering.reports import DIMENSIONS, SUM_NAMES, ReportQuery, UsageReport, UsageSums, usage_report
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event

ADDITIVE = SUM_NAMES
nanos = st.none() | st.integers(min_value=0, max_value=10**15)
tokens = st.integers(min_value=0, max_value=10**6)
usages = st.builds(
    lambda uncached, read, write, output, provenance: TokenUsage(
        uncached, read, write, output, output // 2, provenance
    ),
    tokens, tokens, tokens, tokens, st.sampled_from(Provenance),
)  # fmt: skip


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    count = draw(st.integers(min_value=0, max_value=25))
    return [draw(one_event(number)) for number in range(count)]


@st.composite
def one_event(draw: st.DrawFn, number: int) -> Event:
    return make_event(
        number,
        request_id=f"req_{draw(st.integers(min_value=0, max_value=number))}",
        started_us=NEW_YEAR_2026_US + draw(st.integers(min_value=-40, max_value=40)) * (US_PER_DAY // 2),
        tenant=draw(st.sampled_from(["acme", "globex"])),
        served_model=draw(st.sampled_from(["small", "large"])),
        route=draw(st.sampled_from(["", "auto"])),
        outcome=draw(st.sampled_from(Outcome)),
        usage=draw(st.none() | usages),
        list_nanos=draw(nanos),
        cost_nanos=draw(nanos),
        baseline_nanos=draw(nanos),
        stand_in=draw(st.booleans()),
        attempt=draw(st.integers(min_value=0, max_value=3)),
        gpu_ns=draw(nanos),
        gpu_nanos=draw(nanos),
        avoided_nanos=draw(nanos),
        price_version=draw(st.sampled_from(["", UNPRICED, "rates:2026-01-01:abcdef01"])),
        reason=draw(st.sampled_from(["rule:0", "cache:exact", "cache:semantic"])),
    )


def known_sum(amounts: Iterable[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def difference(event: Event) -> int | None:
    if event.baseline_nanos is None or event.cost_nanos is None:
        return None
    return event.baseline_nanos - event.cost_nanos


def saved_by_cache(event: Event) -> int | None:
    if event.avoided_nanos is not None:
        return event.avoided_nanos - (event.cost_nanos or 0)
    return None if event.price_version == UNPRICED else difference(event)


def saved_by_route(event: Event) -> int | None:
    if event.route and event.outcome is Outcome.CACHED:
        if event.avoided_nanos is None:
            return None if event.price_version == UNPRICED else 0
        return None if event.baseline_nanos is None else event.baseline_nanos - event.avoided_nanos
    if event.route and event.outcome is Outcome.ESCALATED:
        return None if event.cost_nanos is None else -event.cost_nanos
    return difference(event) if event.route and event.outcome is Outcome.COMPLETED else 0


def by_hand(chosen: Sequence[Event]) -> UsageSums:
    """The definitions of UsageSums, in Python."""
    hits = [event for event in chosen if event.outcome is Outcome.CACHED]
    worked = [event.usage for event in chosen if event.outcome is not Outcome.CACHED and event.usage]
    earns = (Outcome.COMPLETED, Outcome.CACHED)

    def said_by(provenance: Provenance) -> int:
        return sum(e.cost_nanos or 0 for e in chosen if e.usage and e.usage.provenance is provenance)

    return UsageSums(
        requests=sum(event.attempt <= 1 for event in chosen),
        attempts=sum(event.outcome not in (Outcome.CACHED, Outcome.REJECTED) for event in chosen),
        hits=len(hits),
        input_uncached_tokens=sum(usage.input_uncached for usage in worked),
        cache_read_tokens=sum(usage.cache_read for usage in worked),
        cache_write_tokens=sum(usage.cache_write for usage in worked),
        output_tokens=sum(usage.output for usage in worked),
        reasoning_tokens=sum(usage.reasoning for usage in worked),
        served_from_cache_tokens=sum(event.usage.total for event in hits if event.usage),
        list_nanos=known_sum(event.list_nanos for event in chosen),
        cost_nanos=known_sum(event.cost_nanos for event in chosen),
        baseline_nanos=known_sum(event.baseline_nanos for event in chosen if event.outcome in earns),
        saved_by_cache_nanos=known_sum(saved_by_cache(event) if event in hits else 0 for event in chosen),
        saved_by_route_nanos=known_sum(map(saved_by_route, chosen)),
        unknown_cost_events=sum(event.cost_nanos is None for event in chosen),
        counted_cost_nanos=said_by(Provenance.COUNTED),
        estimated_cost_nanos=said_by(Provenance.ESTIMATED),
        stand_in_events=sum(event.stand_in for event in chosen),
        corrections=0,
        gpu_ns=0,
        gpu_nanos=None,
        provisional_gpu_ns=sum(event.gpu_ns or 0 for event in chosen),
        provisional_gpu_nanos=known_sum(event.gpu_nanos for event in chosen),
        unpriced_hits=sum(saved_by_cache(event) is None for event in hits),
    )


def report_over(written: Sequence[Event], query: ReportQuery) -> UsageReport:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weir.db"
        with closing(SqliteLedger(path)) as ledger:
            ledger.append(written)
            ledger.roll_up()
            ledger.append(written[::2])
            return usage_report(SqliteReader(path), query)


groupings = st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=4, unique=True).map(tuple)


@settings(max_examples=40, deadline=None)
@given(events(), groupings)
def test_the_rows_of_any_grouping_add_up_to_the_totals(
    written: list[Event], grouping: tuple[str, ...]
) -> None:
    report = report_over(written, ReportQuery(grouping))
    assert report.totals == by_hand(written)
    for name in ADDITIVE:
        parts = known_sum(getattr(row.sums, name) for row in report.rows)
        assert (parts or 0) == (getattr(report.totals, name) or 0), name
    assert len({row.group for row in report.rows}) == len(report.rows)


@settings(max_examples=30, deadline=None)
@given(events())
def test_each_row_is_the_sum_of_its_own_events(written: list[Event]) -> None:
    report = report_over(written, ReportQuery(("tenant", "model", "day")))
    for row in report.rows:
        tenant, model, day = row.group
        own = [
            event
            for event in written
            if (event.tenant, event.served_model, utc_day(event.started_us).isoformat())
            == (tenant, model, day)
        ]
        assert row.sums == by_hand(own)


@settings(max_examples=30, deadline=None)
@given(events(), st.integers(min_value=-20, max_value=20), st.integers(min_value=1, max_value=20))
def test_a_filtered_report_is_the_report_of_the_chosen(written: list[Event], start: int, days: int) -> None:
    begin = NEW_YEAR_2026_US + start * US_PER_DAY
    end = begin + days * US_PER_DAY
    query = ReportQuery(from_us=begin, until_us=end, where={"tenant": "acme"})
    chosen = [event for event in written if event.tenant == "acme" and begin <= event.started_us < end]
    assert report_over(written, query).totals == by_hand(chosen)
