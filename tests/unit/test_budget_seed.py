"""What the ledger answers when a counter asks what was spent before."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.budgets.model import Selector, Unit
from metering.budgets.periods import Span
from metering.budgets.seed import read_seeds
from metering.budgets.store import SeedAmount, SeedAsk
from metering.correction import Amounts, correction_of
from metering.event import WAS_UNKNOWN, Event
from metering.ledger_url import open_ledger, open_reader
from metering.reports import ReportQuery, usage_report
from metering.store.ids import lowest_id
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event

T0 = 1_767_225_600_000_000
DAY = 86_400_000_000
USAGE = TokenUsage(
    provenance=Provenance.VENDOR, input_uncached=5, cache_read=7, cache_write=11, output=13, reasoning=3
)


def row(number: int, at_us: int = T0, **changes: Any) -> Event:
    given_ = {"usage": USAGE, "cost_nanos": 100, "process": "p1", "tags": "{}", **changes}
    return make_event(
        number, id=lowest_id(at_us) + f"{number:016}", started_us=at_us, finished_us=at_us + 1_000, **given_
    )


def ask(unit: Unit = "usd", start: int = T0, end: int = T0 + DAY, **more: Any) -> SeedAsk:
    return SeedAsk("family", more.pop("selector", Selector()), unit, Span(start, end), **more)


def seeds(url: str, events: list[Event], *asks: SeedAsk) -> list[Any]:
    with closing(open_ledger(url)) as ledger:
        ledger.append(events)
    return list(read_seeds(open_reader(url), asks))


def test_one_scan_answers_all_that_ask(ledger_url: str) -> None:
    events = [
        row(1, tenant="acme", project="web", key="alice"),
        row(2, tenant="acme", project="web", key="bob", process="p2"),
        row(3, tenant="globex", project="web", key="alice", tags='{"team":"a"}'),
        row(4, at_us=T0 + DAY, tenant="acme", project="web", key="alice"),
    ]
    found = seeds(
        ledger_url,
        events,
        ask(),
        ask("tokens", selector=Selector(tenant="acme")),
        ask(selector=Selector(each="key")),
        ask(selector=Selector(tag=("team", "a"))),
        ask(selector=Selector(tag=("team", "b"))),
        ask(start=T0 + DAY, end=T0 + 2 * DAY),
        ask(selector=Selector(project="web", key="alice", each="tenant"), end=T0 + 2 * DAY),
    )
    assert found == [
        {(): {"p1": SeedAmount(200, 0), "p2": SeedAmount(100, 0)}},
        {(): {"p1": SeedAmount(36, 0), "p2": SeedAmount(36, 0)}},
        {
            ("acme", "alice"): {"p1": SeedAmount(100, 0)},
            ("acme", "bob"): {"p2": SeedAmount(100, 0)},
            ("globex", "alice"): {"p1": SeedAmount(100, 0)},
        },
        {(): {"p1": SeedAmount(100, 0)}},
        {},
        {(): {"p1": SeedAmount(100, 0)}},
        {("acme",): {"p1": SeedAmount(200, 0)}, ("globex",): {"p1": SeedAmount(100, 0)}},
    ]


def test_hits_cost_nothing_and_corrections_stand_beside_the_processes(ledger_url: str) -> None:
    first, unknown = row(1), row(2, cost_nanos=None)
    events = [
        first,
        unknown,
        row(3, kind="hit", cost_nanos=0),
        correction_of(first, id=lowest_id(T0) + "A" * 16, price_version="2", difference=Amounts(0, -30, 0)),
        correction_of(
            unknown,
            id=lowest_id(T0) + "B" * 16,
            price_version="2",
            difference=Amounts(50, 50, 50),
            error=WAS_UNKNOWN,
        ),
    ]
    assert seeds(ledger_url, events, ask(), ask("tokens"), ask(process="p1")) == [
        {(): {"p1": SeedAmount(100, 1), "corrections": SeedAmount(20, -1)}},
        {(): {"p1": SeedAmount(72, 0), "corrections": SeedAmount(0, 0)}},
        {(): {"p1": SeedAmount(100, 1)}},
    ]


def test_what_a_process_counts_by_itself_is_left_out(ledger_url: str) -> None:
    events = [row(1), row(2, at_us=T0 + 10_000_000), row(3, at_us=T0 + 10_000_000, process="p2")]
    early, late = (("p1", T0 + 500),), (("p1", T0 + 5_000_000), ("p3", 1))
    assert seeds(ledger_url, events, ask(cuts=early), ask(cuts=late), ask()) == [
        {(): {"p2": SeedAmount(100, 0)}},
        {(): {"p1": SeedAmount(100, 0), "p2": SeedAmount(100, 0)}},
        {(): {"p1": SeedAmount(200, 0), "p2": SeedAmount(100, 0)}},
    ]


def test_nobody_asks_the_ledger_for_nothing(ledger_url: str) -> None:
    assert seeds(ledger_url, []) == []


TENANTS, PROCESSES = st.sampled_from("ab"), st.sampled_from("xy")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3 * DAY), st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 10**12)
        ),
        max_size=20,
    )
)
def test_the_number_that_refuses_is_the_number_that_reports_show(
    tmp_path_factory: Any, rows: list[tuple[int, str, str, int]]
) -> None:
    """litellm#40050: what was enforced was not what was recorded."""
    url = f"sqlite:///{tmp_path_factory.mktemp('seed') / 'weir.db'}"
    events = [
        row(number, at_us=T0 + at, tenant=tenant, process=process, cost_nanos=cost)
        for number, (at, tenant, process, cost) in enumerate(rows)
    ]
    spans = [(T0, T0 + DAY), (T0 + DAY // 2, T0 + 2 * DAY)]
    asks = [ask(start=start, end=end, selector=Selector(tenant="a")) for start, end in spans]
    found = seeds(url, events, *asks)
    for (start, end), sums in zip(spans, found, strict=True):
        report = usage_report(open_reader(url), ReportQuery(("tenant",), start, end, {"tenant": "a"}))
        assert sum(it.amount for it in sums.get((), {}).values()) == (report.totals.cost_nanos or 0)
