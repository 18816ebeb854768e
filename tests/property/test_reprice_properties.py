"""Old rows and corrections together are what the new book says, for every tenant, however often it is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.book_charges import BookCharges
from metering.catalogue import EmptyCatalogue
from metering.event import UNPRICED, WAS_UNPRICED, Event
from metering.outcome import Outcome
from metering.prices import PriceBook, PricedModel, Rate
from metering.reprice import Applied, ClosedPeriod, NeedsYes, Plan, applied, apply, plan
from metering.reprice_summary import render, summary
from metering.store.ids import month_of
from metering.terms import Terms
from metering.usage import Provenance, TokenUsage

MODELS = ("small", "large", "free")
SERVED = {(model, "b"): PricedModel(model, "b", None, model) for model in MODELS}


A_MILLION = TokenUsage(1_000_000)


Row = Event


def row(
    number: int = 1,
    tenant: str = "acme",
    model: str = "small",
    usage: TokenUsage | None = A_MILLION,
    cost: int | None = None,
    route: str = "",
    attempt: int = 1,
) -> Row:
    return Row(
        id=f"E{number}", request_id=f"r{number}", attempt=attempt, started_us=number * 1_000_000,
        finished_us=0, tenant=tenant, cost_center="", project="", key="k", tags="{}", api="chat.completions",
        requested_model=model, route=route, tier="", reason="", backend="b", served_model=model,
        outcome=Outcome.COMPLETED, status=200, error="", stream=False, usage=usage, price_version="",
        list_nanos=cost, cost_nanos=cost, baseline_nanos=cost, cache_status="miss", queue_us=0,
        first_token_us=None, total_us=2_000_000, overhead_us=0, stand_in=False,
        prefill_us=3, decode_us=4, gpu_ns=7, gpu_nanos=5,
    )  # fmt: skip


def book(terms: Terms | None = None, **usd: str) -> BookCharges:
    rates = [Rate(model, None, Decimal(each), Decimal(each)) for model, each in usd.items()]
    prices = PriceBook(rates, EmptyCatalogue(), "flag")

    def baseline(route: str, model: str, backend: str) -> tuple[str, str]:
        return {"": (model, backend), "auto": ("large", "b")}[route]

    return BookCharges(prices, terms or Terms(), SERVED, baseline)


class Ledger:
    """Rows by id, insert-or-ignore."""

    def __init__(self, rows: Sequence[Event], open_from_us: int = 0) -> None:
        self.rows: dict[str, Event] = {each.id: each for each in rows}
        self.open_from_us = open_from_us

    def is_open(self, started_us: int) -> bool:
        return started_us >= self.open_from_us

    def write(self, rows: Sequence[Event]) -> None:
        for each in rows:
            self.rows.setdefault(each.id, each)

    def events(self) -> list[Event]:
        return [each for each in self.rows.values() if each.kind != "correction"]

    def already(self) -> dict[str, Applied]:
        return applied(
            (each.corrects, each.list_nanos, each.cost_nanos, each.baseline_nanos, each.avoided_nanos)
            for each in self.rows.values()
            if each.kind == "correction"
        )

    def plan(self, new: BookCharges) -> Plan:
        return plan(self.events(), self.already(), new)

    def cost_by_tenant(self) -> Counter[str]:
        return Counter({t: sum(e.cost_nanos or 0 for e in self.rows.values() if e.tenant == t) for t in "ab"})


usages = st.builds(TokenUsage, *[st.integers(0, 10**6)] * 4)
usd = st.decimals(min_value=0, max_value=100, places=3, allow_nan=False)
rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(MODELS), usages, st.none() | st.integers(0, 10**9)),
    max_size=12,
).map(lambda made: [row(n, tenant, model, use, cost) for n, (tenant, model, use, cost) in enumerate(made)])
books = st.lists(
    st.tuples(st.fixed_dictionaries({model: usd.map(str) for model in MODELS}), usd), min_size=1, max_size=3
)


@given(rows, books)
def test_old_rows_and_corrections_are_the_new_prices_for_every_tenant(
    made: list[Row], history: list[tuple[dict[str, str], Decimal]]
) -> None:
    ledger = Ledger(made)
    for prices, markup in history:
        terms = Terms(markup, tenant_discount={"a": Decimal("0.25")})
        new = book(terms, **prices)
        apply(ledger.plan(new), ledger, yes=True)
        charged = {e.id: new.charge(e) for e in made}
        expected = Counter(
            {
                t: sum(c.amounts.cost_nanos or 0 for e in made if e.tenant == t and (c := charged[e.id]))
                for t in "ab"
            }
        )
        assert ledger.cost_by_tenant() == expected
        again = ledger.plan(new)
        assert again.corrections == ()
        assert not again.needs_yes


@given(rows, books)
def test_a_plan_adds_up_and_leaves_tokens_alone(
    made: list[Row], history: list[tuple[dict[str, str], Decimal]]
) -> None:
    ledger = Ledger(made)
    before = ledger.cost_by_tenant()
    planned = ledger.plan(book(**history[0][0]))
    assert ledger.cost_by_tenant() == before, "nothing is written by planning"
    changes = summary(planned).changes
    assert next(iter(render(summary(planned)))).startswith(f"{len(made)} rows looked at")
    apply(planned, ledger, yes=True)
    for tenant in "ab":
        told = sum(change.cost_nanos for change in changes if change.tenant == tenant)
        assert ledger.cost_by_tenant()[tenant] - before[tenant] == told
    added = [each for each in ledger.rows.values() if each.kind == "correction"]
    assert all(each.usage is not None and each.usage.total == 0 for each in added)
    once = {(each.prefill_us, each.decode_us, each.gpu_ns, each.gpu_nanos) for each in added}
    assert once <= {(None, None, 0, None)}


def test_two_runs_of_one_plan_write_its_rows_once() -> None:
    ledger = Ledger([row(cost=5_000_000)])
    one, other = ledger.plan(book(small="6")), ledger.plan(book(small="6"))
    apply(one, ledger, yes=True)
    apply(other, ledger, yes=True)
    assert len(ledger.rows) == 2
    assert ledger.cost_by_tenant() == Ledger([row()]).cost_by_tenant()
    assert sum(each.cost_nanos or 0 for each in ledger.rows.values()) == 6_000_000_000


def test_prices_there_and_back_again_are_corrected_each_time() -> None:
    ledger = Ledger([row(cost=1_000_000_000)])
    for usd_per_million in ("2", "1", "2", "1"):
        assert apply(ledger.plan(book(small=usd_per_million)), ledger) == 1
    assert len(ledger.rows) == 5
    assert sum(each.cost_nanos or 0 for each in ledger.rows.values()) == 1_000_000_000


def test_a_tenfold_change_is_free_and_more_needs_a_yes() -> None:
    ledger = Ledger([row(cost=1_000_000_000)])
    assert not ledger.plan(book(small="10")).needs_yes
    dearer, cheaper = ledger.plan(book(small="10.01")), ledger.plan(book(small="0.0999"))
    assert dearer.jumps.keys() == cheaper.jumps.keys() == {"small"}
    with pytest.raises(NeedsYes, match="small"):
        apply(dearer, ledger)
    assert len(ledger.rows) == 1
    assert any("by a factor of 10.0" in line and "--yes" in line for line in render(summary(dearer)))
    assert apply(dearer, ledger, yes=True) == 1


def test_from_nothing_and_to_nothing_need_a_yes_and_a_first_price_does_not() -> None:
    assert Ledger([row(cost=0)]).plan(book(small="1")).jumps == {"small": None}
    assert Ledger([row(cost=5)]).plan(book(small="0")).jumps == {"small": None}
    assert not Ledger([row(cost=None)]).plan(book(small="1")).needs_yes


def test_an_unknown_cost_gets_its_first_price_in_full() -> None:
    ledger = Ledger([row(cost=None)])
    apply(ledger.plan(book(Terms(Decimal(2)), small="0.5")), ledger)
    correction = next(each for each in ledger.rows.values() if each.corrects)
    assert (correction.list_nanos, correction.cost_nanos) == (500_000_000, 1_000_000_000)
    assert correction.baseline_nanos == 1_000_000_000
    assert (correction.error, correction.corrects) == ("was_unknown", "E1")


def test_a_first_price_of_nothing_is_news_too_and_only_once() -> None:
    ledger = Ledger([row(cost=None)])
    assert apply(ledger.plan(book(small="0")), ledger) == 1
    assert ledger.plan(book(small="0")).corrections == ()


def test_a_price_that_is_gone_leaves_rows_as_they_are() -> None:
    planned = Ledger([row(cost=5), row(2, cost=None), row(3, usage=None)]).plan(book(large="1"))
    assert planned.corrections == ()
    assert planned.unpriced == {"small": 1}
    assert planned.looked_at == 2


def test_rows_that_gpu_time_paid_for_are_not_priced_by_tokens() -> None:
    paid = replace(row(cost=5), price_version="gpu:b:undated:0a1b2c3d")
    planned = Ledger([paid, row(2, cost=5)]).plan(book(small="0.00001"))
    assert [each.event.id for each in planned.corrections] == ["E2"]
    assert (planned.looked_at, planned.by_gpu_time) == (2, 1)
    assert "1 rows keep their cost: GPU time paid for them, not tokens" in list(render(summary(planned)))


def test_a_correction_has_the_time_of_its_row_and_an_id_of_its_own() -> None:
    event = replace(row(cost=1), id="01KAQ0000000000000000000ZZ")
    one, other = (Ledger([event]).plan(book(small=usd)).corrections[0].id for usd in ("2", "3"))
    assert one != other
    for made in (one, other):
        assert month_of(made) == month_of(event.id)
        assert made[:10] == event.id[:10]


def test_summaries_of_pages_are_the_summary_of_all() -> None:
    made = [row(1, "a", cost=10**9), row(2, "b", cost=10**9), row(3, "a", "large", cost=5), row(4, cost=None)]
    new = book(small="20", free="1")
    pages = [Ledger([each]).plan(new) for each in made]
    assert summary(*pages) == summary(Ledger(made).plan(new))
    assert summary(*pages).needs_yes


def test_a_closed_period_takes_no_corrections() -> None:
    ledger = Ledger([row(1, cost=5), row(2, cost=5)], open_from_us=2_000_000)
    with pytest.raises(ClosedPeriod, match="E1"):
        apply(ledger.plan(book(small="0.00000001")), ledger, yes=True)
    assert len(ledger.rows) == 2


def test_a_hit_stays_free_and_what_it_saved_is_repriced() -> None:
    ledger = Ledger([replace(row(cost=0, attempt=0, route="auto"), baseline_nanos=1)])
    apply(ledger.plan(book(small="1", large="4")), ledger)
    assert sum(each.cost_nanos or 0 for each in ledger.rows.values()) == 0
    assert sum(each.baseline_nanos or 0 for each in ledger.rows.values()) == 4_000_000_000


def hit(avoided: int | None, baseline: int | None, version: str) -> Row:
    made = row(cost=0, attempt=0, route="auto")
    return replace(made, kind="hit", avoided_nanos=avoided, baseline_nanos=baseline, price_version=version)


def sums_of(ledger: Ledger) -> tuple[int, int]:
    """(avoided, baseline)."""
    rows = ledger.rows.values()
    return sum(each.avoided_nanos or 0 for each in rows), sum(each.baseline_nanos or 0 for each in rows)


@pytest.mark.parametrize("avoided", [1, None])
def test_what_a_hit_avoided_is_repriced_with_it_and_then_stays(avoided: int | None) -> None:
    """Of one that nobody could price it becomes known."""
    ledger = Ledger([hit(avoided, 1, UNPRICED if avoided is None else "rates:x")])
    terms = Terms(Decimal(2), Decimal(0), {}, {})
    for small, large in (("1", "4"), ("1", "8"), ("3", "8")):
        new = book(terms, small=small, large=large)
        apply(ledger.plan(new), ledger, yes=True)
        assert sums_of(ledger) == (2 * int(small) * 10**9, 2 * int(large) * 10**9)
        assert not ledger.plan(new).corrections
    added = [each for each in ledger.rows.values() if each.kind == "correction"]
    assert all(each.avoided_nanos is not None for each in added), "None would stand for the baseline"
    assert UNPRICED not in {each.price_version for each in added}
    assert [each.error for each in added if each.error] == ([WAS_UNPRICED] if avoided is None else [])


def test_a_price_that_is_gone_leaves_what_a_hit_avoided_alone() -> None:
    ledger = Ledger([hit(7, 9, "rates:x")])
    apply(ledger.plan(book(large="4")), ledger)
    assert sums_of(ledger) == (7, 4 * 10**9)


def test_a_hit_of_an_older_release_keeps_its_form() -> None:
    ledger = Ledger([hit(None, 1, "")])
    apply(ledger.plan(book(small="1", large="4")), ledger)
    assert [each.avoided_nanos for each in ledger.rows.values()] == [None, None]
    assert sums_of(ledger) == (0, 4 * 10**9)


def test_prices_by_the_second_determine_nothing_of_a_hit() -> None:
    """How long buying its answer took stands in no row."""
    rates = [Rate(model, None, Decimal(1), Decimal(1), per_second=Decimal(1)) for model in ("small", "large")]
    prices = PriceBook(rates, EmptyCatalogue(), "flag")
    by_second = BookCharges(prices, Terms(), SERVED, lambda route, model, backend: ("large", "b"))
    assert not Ledger([hit(7, 9, "rates:x")]).plan(by_second).corrections


def test_a_route_that_is_gone_leaves_its_baseline_alone() -> None:
    ledger = Ledger([row(cost=500_000_000, route="gone")])
    apply(ledger.plan(book(small="1")), ledger)
    assert sum(each.cost_nanos or 0 for each in ledger.rows.values()) == 1_000_000_000
    assert sum(each.baseline_nanos or 0 for each in ledger.rows.values()) == 500_000_000


def test_a_row_is_repriced_in_its_service_tier_and_for_its_seconds() -> None:
    rate = Rate(
        "small",
        None,
        Decimal(1),
        Decimal(1),
        per_second=Decimal("0.5"),
        service_factors=(("batch", Decimal("0.5")),),
    )
    prices = PriceBook([rate], EmptyCatalogue(), "flag")
    charges = BookCharges(prices, Terms(), SERVED, lambda route, model, backend: (model, backend))
    batch = replace(row(cost=1), price_version="rates:old;tier=batch")
    charge = charges.charge(batch)
    assert charge is not None
    assert charge.amounts.list_nanos == 500_000_000 + 1_000_000_000
    assert charge.price_version == f"{rate.price.version};tier=batch"


def test_the_summary_says_what_changes_for_whom() -> None:
    made = [
        row(1, "acme", cost=1_000_000_000),
        row(2, "legal", cost=None),
        row(3, "legal", "large", cost=10**9),
    ]
    lines = list(render(summary(Ledger(made).plan(book(small="2", large="0.5")))))
    assert lines == [
        "3 rows looked at, 3 to correct",
        "",
        "tenant  model  rows  newly priced  cost in USD",
        "acme    small     1             0        +1.00",
        "legal   large     1             0        -0.50",
        "legal   small     1             1        +2.00",
        "total             3             1        +2.50",
    ]


def test_a_correction_keeps_the_provenance_of_what_it_corrects() -> None:
    usage = TokenUsage(1000, provenance=Provenance.COUNTED)
    ledger = Ledger([row(usage=usage, cost=0)])
    apply(ledger.plan(book(small="1")), ledger, yes=True)
    added = [each for each in ledger.rows.values() if each.corrects]
    assert [each.usage for each in added] == [TokenUsage(provenance=Provenance.COUNTED)]
