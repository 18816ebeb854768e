"""The quality report over real ledgers: comparisons, savings net of what they cost, feedback by tier."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli import main
from metering.event import Event
from metering.ledger import LedgerUnavailable
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.periods import ReportError
from metering.quality.interval import FEWEST_HOURS, mean_of, sum_of
from metering.quality.ledger import QualityLedger
from metering.quality.prefix import TierInput, lost_nanos
from metering.quality.render import render_csv, render_json, render_text
from metering.quality.report import QualityQuery, QualityReport, quality_report
from metering.quality.rows import FeedbackRow, VerdictRow
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event

HOUR_US = 3_600_000_000
VERDICT = VerdictRow(
    id="", at_us=NEW_YEAR_2026_US, request_id="req_1", event_id="1", tenant="acme", route="auto",
    served="small", served_tier="small", served_model="s", other_tier="large", other_model="l",
    gain=0.2, threshold=0.3, known=1, model_version="m1", verdict="tie", small_good=1.0, large_good=1.0,
    method="judge", judge_model="j", cost_nanos=30, reading=b"\x00\x01",
)  # fmt: skip


def house_event(number: int, tier: str, cost_nanos: int, **changes: Any) -> Event:
    named = {"tenant": "weir-quality", "project": "auto", "key": tier, "route": "", "tier": tier}
    return make_event(number, **{**named, "cost_nanos": cost_nanos, "baseline_nanos": cost_nanos, **changes})


def events() -> Iterator[Event]:
    """Six answers of the small tier and two of the large one, one of them after an escalation."""
    for number in range(6):
        yield make_event(number, cost_nanos=100, baseline_nanos=1000, overhead_us=1000)
    for number in (6, 7):
        yield make_event(number, tier="large", cost_nanos=1000, baseline_nanos=1000, overhead_us=1000)
    yield make_event(8, request_id="req_7", outcome=Outcome.ESCALATED, cost_nanos=100, overhead_us=500)
    yield make_event(9, route="", tier="direct", cost_nanos=5, baseline_nanos=5)
    yield house_event(20, "shadow", 700)
    yield house_event(21, "judge", 40)
    yield house_event(22, "judge", 60)


def filled(address: str) -> str:
    """Eight answers; four comparisons, one of them undecided; feedback of three keys."""
    with closing(open_ledger(address)) as ledger:
        ledger.append(list(events()))
    quality = QualityLedger(address)
    found = [("tie", 1.0, 1.0), ("other", 0.0, 1.0), ("served", 1.0, 0.0), ("unknown", None, None)]
    for number, (verdict, small, large) in enumerate(found):
        quality.write_verdict(
            replace(VERDICT, id=f"V{number}", verdict=verdict, small_good=small, large_good=large)
        )
    for tenant, key, request, score in (
        ("acme", "a", "req_1", 1.0),
        ("acme", "b", "req_1", 0.0),
        ("acme", "a", "req_7", 0.5),
        ("globex", "a", "req_1", 1.0),
    ):
        quality.write_feedback(FeedbackRow(tenant, key, request, NEW_YEAR_2026_US, score, ""))
    return address


@pytest.fixture
def url(tmp_path: Path) -> str:
    return filled(f"sqlite:///{tmp_path / 'weir.db'}")


@pytest.fixture
def either_url(ledger_url: str) -> str:
    """Once per database."""
    return filled(ledger_url)


def report_of(url: str, **query: Any) -> QualityReport:
    return quality_report(open_reader(url), QualityQuery(**query))


def test_savings_are_net_of_escalations_comparisons_and_judge(either_url: str) -> None:
    (route,) = report_of(either_url).routes
    assert (route.route, dict(route.answers)) == ("auto", {"large": 2, "small": 6})
    assert (route.escalated, route.escalated_nanos, route.large_share) == (1, 100, 0.25)
    assert route.saved_nanos == 6 * 900 - 100
    assert (route.shadow_nanos, route.judge_nanos, route.gateway_nanos) == (700, 100, None)
    assert route.net is not None
    assert route.net == (6 * 900 - 100 - 800, None, None)
    assert route.left_out == ("lost_prefix_cache", "gateway_time")


def test_the_gateways_time_is_priced_where_a_price_is_known(either_url: str) -> None:
    (route,) = report_of(either_url, usd_per_cpu_hour=Decimal("0.36")).routes
    assert route.gateway_nanos == 850  # 8.5 ms at 100 nano-dollars a millisecond
    assert route.net is not None
    assert route.net.value == 6 * 900 - 100 - 800 - 850
    assert route.left_out == ("lost_prefix_cache",)


def test_what_leaving_the_dearest_model_lost_of_its_cache_is_taken_off(tmp_path: Path) -> None:
    """The dearest tier reads 600 of 1,000 tokens from its cache; the cheap one read 100 of its 1,000."""
    address = f"sqlite:///{tmp_path / 'weir.db'}"
    with closing(open_ledger(address)) as ledger:
        for number, tier, read in ((1, "small", 100), (2, "large", 600)):
            usage = TokenUsage(1000 - read, read, 0, 10, 0, Provenance.VENDOR)
            ledger.append([make_event(number, tier=tier, usage=usage, list_nanos=1000, cost_nanos=1100)])
    (unknown,) = report_of(address).routes
    (known,) = report_of(address, cache_discounts={"auto": Decimal(2)}).routes
    assert (unknown.lost_prefix_nanos, "lost_prefix_cache" in unknown.left_out) == (None, True)
    assert known.lost_prefix_nanos == 500 * 2 * 1000 * 11 // 10
    assert "lost_prefix_cache" not in known.left_out
    assert known.net is not None
    assert unknown.net is not None
    assert known.net.value == unknown.net.value - known.lost_prefix_nanos


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_what_was_lost_is_never_negative_and_unknown_without_a_rate(
    read: int, more: int, read_elsewhere: int, elsewhere: int
) -> None:
    tiers = {
        "large": TierInput(read + more, read),
        "small": TierInput(read_elsewhere + elsewhere, read_elsewhere),
    }
    lost = lost_nanos(tiers, "large", Decimal("0.5"), Fraction(1))
    assert (lost is None) == (read == 0)
    assert lost is None or 0 <= lost <= (read_elsewhere + elsewhere) * 500
    assert lost_nanos(tiers, "tier-3", Decimal(1), Fraction(1)) is None


def test_regret_and_agreement_are_of_what_was_decided(url: str) -> None:
    (route,) = report_of(url).routes
    assert (route.compared, route.unknown) == (3, 1)
    for share in (route.regret, route.agreement, route.quality_lost):
        assert share is not None
        assert share.value == pytest.approx(1 / 3)
        assert 0 <= share.low < share.value < share.high <= 1


def test_feedback_meets_requests_of_its_own_tenant_only(either_url: str) -> None:
    report = report_of(either_url)
    told = [(each.route, each.tier, each.words, each.mean_score) for each in report.feedback]
    assert told == [("auto", "large", 1, 0.5), ("auto", "small", 2, 0.5)]
    assert report.unmatched_feedback == 1


def test_the_last_word_of_a_key_counts_and_an_older_one_never_replaces_it(either_url: str) -> None:
    quality = QualityLedger(either_url)
    quality.write_feedback(FeedbackRow("acme", "a", "req_7", NEW_YEAR_2026_US + 1, 0.25, "hm"))
    quality.write_feedback(FeedbackRow("acme", "a", "req_7", NEW_YEAR_2026_US - 1, 1.0, "old"))
    assert report_of(either_url).feedback[0].mean_score == 0.25


def test_a_comparison_is_written_once(either_url: str) -> None:
    QualityLedger(either_url).write_verdict(replace(VERDICT, id="V0", verdict="other"))
    assert report_of(either_url).routes[0].compared == 3
    (rows,) = open_reader(either_url).read(("SELECT reading FROM quality_verdicts WHERE id = 'V0'", ()))
    assert bytes(rows[0][0]) == b"\x00\x01"  # type: ignore[arg-type]


def test_periods_and_routes_narrow_it(url: str) -> None:
    assert report_of(url, until_us=NEW_YEAR_2026_US) == report_of(url, until_us=NEW_YEAR_2026_US)
    assert report_of(url, until_us=NEW_YEAR_2026_US).routes == ()
    assert report_of(url, route="other").routes == ()
    assert report_of(url, route="auto").routes == report_of(url).routes
    with pytest.raises(ReportError, match="ends before it starts"):
        QualityQuery(from_us=2, until_us=1)


def test_the_three_forms_say_the_same(url: str) -> None:
    report = report_of(url)
    document = json.loads(render_json(report))
    (shown,) = document["data"]
    assert (shown["saved_usd"], shown["saved_nanos"]) == ("0.0000053", 5300)
    assert shown["net_saved_nanos"] == {"value": 4500, "low": None, "high": None}
    assert shown["gateway_nanos"] is None
    assert document["feedback_unmatched"] == 1
    (line,) = csv.DictReader(io.StringIO(render_csv(report)))
    assert (line["net_saved_usd"], line["net_saved_usd_low"], line["gateway_usd"]) == ("0.0000045", "", "")
    assert float(line["regret"]) == shown["regret"]["value"]
    text = render_text(report)
    assert "regret           33.3%, between" in text
    assert "net saved        0.0000045 USD, too few hours for an interval" in text
    assert "not in it        what leaving the dearest model lost of its prompt cache" in text


def test_the_command(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", "--ledger", url, "--json", "--from", "2026-01-01", "--to", "2026-01-01"]) == 0
    assert json.loads(capsys.readouterr().out)["data"][0]["compared"] == 3
    assert main(["quality", "--ledger", url, "--from", "2026-01-01", "--time-zone", "Mars"]) == 2
    assert main(["quality", "--ledger", url, "--from", "2026-02-01", "--to", "2026-01-01"]) == 2


def test_nothing_is_written_into_a_ledger_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        QualityLedger(f"sqlite:///{tmp_path / 'gone.db'}").write_verdict(VERDICT)
    assert not (tmp_path / "gone.db").exists()


def test_an_empty_ledger_has_nothing_to_say(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    open_ledger(url).close()
    assert render_text(report_of(url)) == "Nothing was routed or compared in this period.\n"


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 500)))
def test_an_interval_holds_its_value_and_repeats_itself(groups: dict[float, int]) -> None:
    found = mean_of(groups)
    assert found == mean_of(groups)
    if found is None:
        assert not any(groups.values())
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_an_interval_narrows_with_what_was_seen_and_knows_what_was_not() -> None:
    few, many = mean_of({0.0: 9, 1.0: 1}), mean_of({0.0: 900, 1.0: 100})
    assert few is not None
    assert many is not None
    assert many.high - many.low < (few.high - few.low) / 5
    assert many.low == pytest.approx(0.082, abs=0.003)
    assert many.high == pytest.approx(0.119, abs=0.003)
    none_seen = mean_of({0.0: 100})
    assert none_seen is not None
    assert (none_seen.low, none_seen.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 100)))


def test_the_interval_of_a_sum_needs_hours() -> None:
    assert sum_of([5] * (FEWEST_HOURS - 1)) == (5 * (FEWEST_HOURS - 1), None, None)
    assert sum_of([7] * 24) == (168, 168, 168)
    value, low, high = sum_of([0, 100] * 50)
    assert low is not None
    assert high is not None
    assert low < value == 5000 < high
    assert high - low == pytest.approx(2 * 1.96 * 50 * 10, rel=0.1)
