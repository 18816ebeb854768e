"""The export of a ledger, on both databases: what is billed is what the ledger says, for everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from metering.catalogue import EmptyCatalogue
from metering.correction import Amounts, correction_of
from metering.days import US_PER_DAY
from metering.event import WAS_UNKNOWN, Event
from metering.focus.export import Export, export, months_of
from metering.focus.prices import BookPrices
from metering.focus.row import FocusRow, Span
from metering.focus.values import plain
from metering.ledger_url import open_ledger, open_reader
from metering.model_price import LongContextTier, TokenRates
from metering.money import apply_markup
from metering.outcome import Outcome
from metering.periods import ReportError
from metering.prices import PriceBook
from metering.rate_card import Rate
from metering.reports import ReportQuery, usage_report
from metering.store.ids import id_beside, lowest_id
from metering.store.names import US_PER_HOUR
from metering.terms import Terms
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.gpu_ledger import Place, attempt, up
from tests.postgres import Server

D = Decimal
JANUARY = months_of(date(2026, 1, 1), date(2026, 1, 31), "UTC")
TERMS = Terms(
    D("1.1"), tenant_markup=dict.fromkeys(("t0", "t1", "t2"), D(1)), tenant_discount={"b": D("0.15")}
)
RATE = Rate(
    "gpt",
    None,
    D("2.5"),
    D(10),
    cache_read=D("0.333"),
    reasoning=D(12),
    per_request=D("0.0001"),
    tiers=(LongContextTier(5_000, TokenRates(D(5), D(20))),),
)
ON_GPU = {"backend": "gpu1", "served_model": "qwen3-8b"}


def prices(*rates: Rate) -> BookPrices:
    def usd_per_hour(backend: str, day: date) -> Decimal | None:
        return D("3.6") if backend == "gpu1" else None

    return BookPrices(PriceBook(rates or (RATE,), EmptyCatalogue(), "flag"), TERMS, {}, usd_per_hour)


def row(number: int, **changes: object) -> Event:
    """Of one of three tenants, an hour after the last; every fourth has a long context."""
    tenant = "abc"[number % 3]
    usage = TokenUsage(1_000 + number + 5_000 * (number % 4 == 0), 203, 0, 301, 99, Provenance.VENDOR)
    listed = RATE.price.cost_nanos(usage)
    cost = apply_markup(listed, TERMS.factor(tenant))
    typical = {
        "tenant": tenant,
        "backend": "vendor",
        "served_model": "gpt",
        "started_us": NEW_YEAR_2026_US + number * US_PER_HOUR,
        "usage": usage,
        "price_version": RATE.price.version,
        "list_nanos": listed,
        "cost_nanos": cost,
        "baseline_nanos": cost,
    }
    return make_event(number, **{**typical, **changes})


def exported(url: str, by_us: int = US_PER_DAY, book: BookPrices | None = None) -> Export:
    return export(open_reader(url), book or prices(), JANUARY, by_us)


def ledger_cost(url: str) -> int:
    """As the statements count it: what rows cost, and GPU time that is nobody's request's."""
    report = usage_report(open_reader(url), ReportQuery(("category",)))
    idle = sum(r.sums.gpu_nanos or 0 for r in report.rows if r.group[0] in {"idle", "overhead"})
    return (report.totals.cost_nanos or 0) + idle


def of_kind(found: Export, kind: str) -> list[FocusRow]:
    return [row for row in found.rows if row.kind == kind]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Tokens, hits, failures, corrections, GPU time with idle time, and costs that nobody knows: made once,
    and only read."""
    if request.param == "sqlite":
        yield filled(f"sqlite:///{tmp_path_factory.mktemp('focus') / 'weir.db'}")
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as url:
        yield filled(url)


def filled(ledger_url: str) -> str:
    failed = Outcome.UPSTREAM_FAILED
    gone = {"usage": None, "list_nanos": None, "cost_nanos": None, "baseline_nanos": None}
    with closing(open_ledger(ledger_url)) as books:
        place = Place(books, ledger_url)
        books.write_up_times([up(0, 20, down_s=20)])
        books.append([attempt(number, number, number + 4) for number in range(1, 5)])
        place.close(40)
        made = [row(number) for number in range(100, 160)]
        made += [
            correction_of(
                made[3], id="01KAQ000000000000000000C01", price_version="rates:new",
                difference=Amounts(-70, -77, -77),
            ),
            row(200, outcome=Outcome.CACHED, attempt=0, kind="hit", list_nanos=0, cost_nanos=0),
            row(201, usage=None, price_version="", list_nanos=0, cost_nanos=0, outcome=failed),
            row(202, **gone),
            row(203, **gone, tenant="c"),
        ]  # fmt: skip
        made.append(
            correction_of(
                made[-1], id="01KAQ000000000000000000C02", price_version="rates:new",
                difference=Amounts(500, 550, 550), error=WAS_UNKNOWN,
            )
        )  # fmt: skip
        books.append(made)
    return ledger_url


@pytest.mark.parametrize("by_us", [US_PER_DAY, US_PER_HOUR])
def test_what_is_billed_is_the_ledgers_cost(full: str, by_us: int) -> None:
    found = exported(full, by_us)
    assert found.billed_nanos == ledger_cost(full)
    report = usage_report(open_reader(full), ReportQuery(("tenant", "category"), None, None))
    by_tenant = Counter[str]()
    for each in found.rows:
        by_tenant[each.tenant] += each.billed_nanos
    for tenant in ("a", "b", "c", "t0", "t1", "t2"):
        cost = sum(r.sums.cost_nanos or 0 for r in report.rows if r.group[0] == tenant)
        assert by_tenant[tenant] == cost, tenant


def test_every_kind_of_charge_has_its_rows(full: str) -> None:
    found = exported(full)
    kinds = Counter(each.kind for each in found.rows)
    assert {"usage", "gpu", "idle", "correction"} == set(kinds)
    assert {each.price_basis for each in found.rows if each.kind != "correction"} == {"rates"}
    meters = {each.sku.meter for each in of_kind(found, "usage") if each.sku is not None}
    assert meters == {"Input Tokens", "Cached Input Tokens", "Output Tokens", "Reasoning Tokens", "Requests"}
    long = [each for each in found.rows if each.sku and each.sku.details.get("x_ContextTier") == "over-5000"]
    assert {
        plain(each.priced.list_price) for each in long if each.priced and each.sku.meter == "Input Tokens"
    } == {"0.000005"}
    assert sum(each.requests for each in of_kind(found, "usage")) == 60


def test_a_correction_within_an_open_period_is_an_adjustment(full: str) -> None:
    corrections = of_kind(exported(full), "correction")
    assert sorted(each.billed_nanos for each in corrections) == [-77, 550]
    assert {each.category for each in corrections} == {"Adjustment"}
    assert not any(each.is_correction for each in corrections)


def test_gpu_time_is_that_of_the_closed_windows(full: str) -> None:
    found = exported(full)
    seconds = sum(
        (each.priced.quantity for each in found.rows if each.priced and each.priced.unit == "GPU-Seconds"),
        D(0),
    )
    assert seconds == 20
    (idle,) = of_kind(found, "idle")
    assert (idle.tenant, idle.unused_capacity, idle.sub_account) == ("", True, "__house__")
    assert idle.billed_nanos == ledger_cost(full) - sum(
        each.billed_nanos for each in found.rows if each.kind != "idle"
    )


def test_a_cost_that_nobody_knows_is_in_no_row_and_is_told(full: str) -> None:
    """litellm#37992: usage that is missing is not usage of nothing."""
    (unknown,) = exported(full).unknown
    assert unknown == (row(202).tenant, "gpt", "vendor", 1)


def test_gpu_time_of_open_windows_is_the_first_figure(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as books:
        books.append([attempt(1, 0, 4)])
    (only,) = exported(ledger_url).rows
    assert only.priced is not None
    assert (plain(only.priced.quantity), only.billed_nanos) == ("4.0", 4000)


def test_rows_are_cut_into_hours_or_days_of_the_period(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as books:
        books.append([row(24), row(27), row(30 * 24), row(31 * 24)])
    days = exported(ledger_url).rows
    assert len({each.charge for each in days}) == 2
    hours = {each.charge for each in exported(ledger_url, US_PER_HOUR).rows}
    assert {span.end_us - span.start_us for span in hours} == {US_PER_HOUR}
    assert len(hours) == 3
    assert {each.billing for each in days} == {JANUARY[0].billing}


def test_months_of_a_time_zone_cut_utc_days(ledger_url: str) -> None:
    (month,) = months_of(date(2026, 1, 1), date(2026, 1, 31), "Europe/Berlin")
    with closing(open_ledger(ledger_url)) as books:
        books.append([row(1, started_us=month.billing.start_us), row(2, started_us=month.billing.end_us)])
    found = export(open_reader(ledger_url), prices(), [month], US_PER_DAY)
    assert {each.charge for each in found.rows} == {
        Span(month.billing.start_us, month.billing.start_us + US_PER_HOUR)
    }


def test_a_row_of_the_card_that_was_edited_leaves_an_average(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as books:
        books.append([row(1), row(4)])
    edited = Rate("gpt", None, D(3), D(11))
    found = exported(ledger_url, book=prices(edited))
    assert {(each.price_basis, each.sku.meter) for each in found.rows if each.sku} == {("average", "Tokens")}
    assert found.billed_nanos == ledger_cost(ledger_url)


def test_labels_that_look_like_secrets_or_addresses_stay_behind(ledger_url: str) -> None:
    labels = '{"env":"live","owner":"jane@example.com","project":"theirs","token":"sk-abcdefgh12345678"}'
    with closing(open_ledger(ledger_url)) as books:
        books.append([row(1, tags=labels)])
    found = exported(ledger_url)
    assert {tuple(each.tags.items()) for each in found.rows} == {
        (("cost_center", "CC-100"), ("env", "live"), ("project", "site"))
    }
    assert found.withheld_labels == 2


def test_rows_that_retention_deleted_are_asked_for_in_vain(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as books:
        books.append([row(1, id=id_beside(lowest_id(NEW_YEAR_2026_US), bytes(10)))])
        books.roll_up()
        books.drop_before(NEW_YEAR_2026_US + 62 * US_PER_DAY)
    with pytest.raises(ReportError, match="deleted"):
        exported(ledger_url)


def test_the_days_of_a_period_fall_into_their_months() -> None:
    first, second = months_of(date(2026, 1, 30), date(2026, 2, 2), "UTC")
    assert (first.name, second.name) == ("2026-01", "2026-02")
    assert not first.is_whole
    assert (
        first.span.end_us - first.span.start_us == second.span.end_us - second.span.start_us == 2 * US_PER_DAY
    )
    assert all(month.is_whole for month in months_of(date(2026, 1, 1), date(2026, 2, 28), "UTC"))
    with pytest.raises(ReportError, match="ends before it starts"):
        months_of(date(2026, 2, 1), date(2026, 1, 1), "UTC")
    assert datetime.fromtimestamp(first.billing.start_us / 1e6, UTC) + timedelta(days=31) == datetime(
        2026, 2, 1, tzinfo=UTC
    )


def test_gpu_time_at_another_price_than_todays_has_an_average(full: str) -> None:
    changed = prices()
    dearer = BookPrices(changed.book, changed.terms, {}, lambda backend, day: D("7.2"))
    found = exported(full, book=dearer)
    assert {each.price_basis for each in [*of_kind(found, "gpu"), *of_kind(found, "idle")]} == {"average"}
    assert found.billed_nanos == ledger_cost(full)
    assert Fraction(D("7.2")) / 3600 == dearer.gpu_usd_per_second("gpu1", NEW_YEAR_2026_US)


def test_gpu_time_under_terms_that_changed_keeps_its_list_price(full: str) -> None:
    changed = prices()
    found = exported(full, book=BookPrices(changed.book, Terms(D(2)), {}, changed.gpu_usd_per_hour))
    assert {each.price_basis for each in of_kind(found, "gpu")} == {"average-terms"}
    assert {plain(each.priced.list_price) for each in of_kind(found, "gpu") if each.priced} == {"0.001"}
    assert found.billed_nanos == ledger_cost(full)
