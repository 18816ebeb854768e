"""Whatever was used at whatever price: what is billed is the ledger's cost, and every product is exact."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.focus.book_rows import rows_of_entries
from metering.focus.check import check
from metering.focus.columns import VERSIONS, Version, columns
from metering.focus.ledger_read import Place, Usage
from metering.focus.meters import Sums
from metering.focus.render import Issuer, cells
from metering.focus.row import FocusRow, Span
from metering.focus.usage_rows import UsageRows
from metering.focus.write import csv_cell
from metering.model_price import ModelPrice, TokenRates
from metering.money import apply_markup
from metering.usage import TokenUsage
from tests.fakes.book_tables import entry
from tests.fakes.focus_prices import FixedPrices

DAY_US = 86_400_000_000
BILLING = Span(1_767_225_600_000_000, 1_767_225_600_000_000 + 31 * DAY_US)
ISSUER = Issuer("acme", "Acme")

rates = st.decimals(0, 100, places=6)
prices = st.builds(
    ModelPrice,
    st.builds(TokenRates, rates, rates, st.none() | rates, st.none() | rates, st.none() | rates, rates),
    st.just("rates:x"),
    per_request=st.decimals(0, 1, places=9),
    per_second=st.decimals(0, 1, places=7),
)
factors = st.decimals(0, 3, places=4)
counts = st.integers(0, 10**7)


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    output, write = draw(counts), draw(counts)
    reasoning, hour = draw(st.integers(0, output)), draw(st.integers(0, write))
    return TokenUsage(draw(counts), draw(counts), write, output, reasoning, cache_write_1h=hour)


attempts = st.lists(st.tuples(usages(), st.integers(0, 10**9)), min_size=1, max_size=6)


def charged(price: ModelPrice, factor: Decimal, given: Sequence[tuple[TokenUsage, int]]) -> Sums:
    listed = [price.cost_nanos(usage, duration_us) for usage, duration_us in given]
    columns = zip(
        *(
            (u.input_uncached, u.cache_read, u.cache_write, u.cache_write_1h, u.output, u.reasoning, us)
            for u, us in given
        ),
        strict=True,
    )
    costs = [apply_markup(nanos, factor) for nanos in listed]
    return Sums(len(given), *(sum(column) for column in columns), sum(listed), sum(costs))


def rows(sums: Sums, known: ModelPrice | None, factor: Decimal) -> list[FocusRow]:
    place = Place(BILLING.start_us, "acme", "CC-1", "site", '{"env":"live"}', "vendor", "gpt")
    maker = UsageRows(BILLING, BILLING, DAY_US, FixedPrices(known, factor))
    return list(maker.of_usage(Usage(place, "rates:x", 0, BILLING.start_us, sums)))


def violations(found: Sequence[FocusRow], version: Version) -> list[object]:
    specs = columns("cost-and-usage", version)
    written = [
        {name: csv_cell(cell, specs[name]) or None for name, cell in cells(row, version, ISSUER).items()}
        for row in found
    ]
    return list(check(list(specs), written, specs))


@settings(max_examples=60)
@given(prices, factors, attempts)
def test_billed_is_the_ledgers_cost_to_the_nano_dollar(
    price: ModelPrice, factor: Decimal, given: list[tuple[TokenUsage, int]]
) -> None:
    sums = charged(price, factor, given)
    found = rows(sums, price, factor)
    assert sum(row.billed_nanos for row in found) == sums.cost_nanos
    assert {row.price_basis for row in found} <= {"rates"}
    for version in VERSIONS:
        assert violations(found, version) == []


@settings(max_examples=60)
@given(prices, st.none() | prices, factors, factors, attempts)
def test_it_is_too_where_prices_or_terms_changed_since(
    price: ModelPrice,
    known: ModelPrice | None,
    factor: Decimal,
    factor_now: Decimal,
    given: list[tuple[TokenUsage, int]],
) -> None:
    sums = charged(price, factor, given)
    found = rows(sums, known, factor_now)
    assert sum(row.billed_nanos for row in found) == sums.cost_nanos
    assert violations(found, "1.2") == []


@given(st.lists(st.tuples(st.integers(0, 10**15), st.sampled_from(["even", "fixed", "use"])), max_size=9))
def test_parts_of_a_shared_cost_add_up_and_so_do_their_ratios(parts: list[tuple[int, str]]) -> None:
    made = [
        entry(number, "split", nanos, tenant=f"t{number}", details=f'{{"method": "{method}"}}')
        for number, (nanos, method) in enumerate(parts)
    ]
    whole = entry(99, "split", -sum(nanos for nanos, _ in parts), tenant="")
    found = list(rows_of_entries(BILLING, [whole, *made]))
    assert sum(row.billed_nanos for row in found) == 0
    ratios = [row.allocation.ratio for row in found if row.allocation is not None]
    assert sum(ratios) == (1 if parts else 0)
