from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from metering.days import US_PER_DAY, day_start_us, utc_day
from metering.event import WAS_UNKNOWN, Event
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.periods import PERIODS, ReportError
from metering.render import render_csv, render_json, render_text
from metering.reports import DIMENSIONS, ReportQuery, UsageReport, UsageSums, usage_report
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event

Report = Callable[..., UsageReport]
DOLLAR = 10**9


PLACES = [("sqlite", "tail"), ("sqlite", "rolled up"), ("sqlite", "half"), ("postgresql", "half")]


@pytest.fixture(params=PLACES, ids=lambda place: "-".join(place))
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Report:
    """Of rows that no rollup has yet, that all rollups have, and of some of each: the same reports."""
    database, state = request.param
    sqlite = f"sqlite:///{tmp_path / 'weir.db'}"
    url: str = sqlite if database == "sqlite" else request.getfixturevalue("postgres_url")

    def over(events: Sequence[Event], *group_by: str, **query: object) -> UsageReport:
        with closing(open_ledger(url)) as ledger:
            half = len(events) // 2 if state == "half" else len(events)
            ledger.append(events[:half])
            if state != "tail":
                ledger.roll_up()
            ledger.append(events[half:])
        asked = ReportQuery(group_by or ("tenant",), **query)  # type: ignore[arg-type]
        return usage_report(open_reader(url), asked)

    return over


def hit(number: int, **changes: object) -> Event:
    fields = {
        "outcome": Outcome.CACHED,
        "attempt": 0,
        "cost_nanos": 0,
        "list_nanos": 0,
        "cache_status": "exact",
    }
    return make_event(number, **{**fields, **changes})


def failed(number: int, **changes: object) -> Event:
    return make_event(number, **{"outcome": Outcome.UPSTREAM_CUT, "baseline_nanos": 9000, **changes})


def test_days_are_utc() -> None:
    assert day_start_us(date(2026, 1, 1)) == NEW_YEAR_2026_US
    assert utc_day(NEW_YEAR_2026_US) == utc_day(NEW_YEAR_2026_US + US_PER_DAY - 1) == date(2026, 1, 1)
    assert utc_day(NEW_YEAR_2026_US - 1) == date(2025, 12, 31)


def test_the_default_is_per_tenant_model_and_day(report: Report) -> None:
    assert ReportQuery().group_by == ("tenant", "model", "day")
    last = NEW_YEAR_2026_US + US_PER_DAY - 1
    events = [make_event(1), make_event(2, started_us=last), make_event(3, started_us=last + 1)]
    rows = report(events, *ReportQuery().group_by).rows
    assert [(row.group, row.sums.requests) for row in rows] == [
        (("acme", "qwen3-8b", "2026-01-01"), 2),
        (("acme", "qwen3-8b", "2026-01-02"), 1),
    ]


def test_months(report: Report) -> None:
    events = [make_event(1), make_event(2, started_us=NEW_YEAR_2026_US - 1)]
    assert [row.group for row in report(events, "month").rows] == [("2025-12",), ("2026-01",)]


def test_a_request_is_one_however_often_it_was_tried(report: Report) -> None:
    events = [
        failed(1, request_id="r", backend="a"),
        make_event(2, request_id="r", attempt=2, backend="b"),
        hit(3),
        make_event(4, outcome=Outcome.REJECTED, usage=None, cost_nanos=0, list_nanos=0, baseline_nanos=None),
    ]
    told = report(events, "backend")
    assert (told.totals.requests, told.totals.attempts, told.totals.hits) == (3, 2, 1)
    assert {row.group[0]: row.sums.requests for row in told.rows} == {"a": 1, "b": 0, "gpu1": 2}
    assert {row.group[0]: row.sums.attempts for row in told.rows} == {"a": 1, "b": 1, "gpu1": 0}


def test_tokens_that_were_worked_for_and_tokens_from_the_cache_are_kept_apart(report: Report) -> None:
    usage = TokenUsage(1000, 200, 50, 300, 100)
    sums = report([make_event(1, usage=usage), hit(2, usage=usage), make_event(3, usage=None)]).totals
    assert (sums.input_uncached_tokens, sums.cache_read_tokens, sums.cache_write_tokens) == (1000, 200, 50)
    assert (sums.output_tokens, sums.reasoning_tokens) == (300, 100)
    assert sums.served_from_cache_tokens == 1550


def test_a_failed_attempt_costs_but_claims_no_saving(report: Report) -> None:
    events = [
        failed(1, request_id="r", cost_nanos=500),
        make_event(2, request_id="r", attempt=2, cost_nanos=1100, baseline_nanos=9000),
    ]
    sums = report(events).totals
    assert (sums.cost_nanos, sums.baseline_nanos, sums.saved_by_route_nanos) == (1600, 9000, 7900)


def test_an_answer_that_a_cascade_judged_away_is_taken_off_the_saving(report: Report) -> None:
    events = [
        make_event(1, request_id="r", cost_nanos=500, baseline_nanos=8000, outcome=Outcome.ESCALATED),
        make_event(2, request_id="r", attempt=2, cost_nanos=9000, baseline_nanos=9000),
    ]
    sums = report(events).totals
    assert (sums.cost_nanos, sums.baseline_nanos, sums.saved_by_route_nanos) == (9500, 9000, -500)


def test_savings_by_cache_and_by_route(report: Report) -> None:
    events = [
        hit(1, baseline_nanos=9000),
        make_event(2, cost_nanos=1100, baseline_nanos=9000),
        make_event(3, route="", cost_nanos=1100, baseline_nanos=1100),
        make_event(4, cost_nanos=9500, baseline_nanos=9000),
    ]
    sums = report(events).totals
    assert sums.saved_by_cache_nanos == 9000
    assert sums.saved_by_route_nanos == 7900 - 500
    assert sums.baseline_nanos == 28_100


def test_an_unknown_cost_is_counted_and_is_not_nothing(report: Report) -> None:
    unknown = {"cost_nanos": None, "list_nanos": None, "baseline_nanos": None}
    events = [
        make_event(1, backend="a", **unknown),
        make_event(2, backend="b", **unknown),
        make_event(3, backend="b", cost_nanos=7),
    ]
    told = report(events, "backend")
    only, mixed = (row.sums for row in told.rows)
    assert (only.cost_nanos, only.list_nanos, only.baseline_nanos, only.saved_by_route_nanos) == (None,) * 4
    assert (only.unknown_cost_events, mixed.unknown_cost_events) == (1, 1)
    assert (mixed.cost_nanos, told.totals.cost_nanos) == (7, 7)


def test_the_share_of_cost_that_nobody_reported(report: Report) -> None:
    def said_by(number: int, provenance: Provenance, cost: int) -> Event:
        return make_event(number, usage=TokenUsage(1, provenance=provenance), cost_nanos=cost)

    events = [
        said_by(1, Provenance.VENDOR, 60),
        said_by(2, Provenance.ENGINE, 20),
        said_by(3, Provenance.COUNTED, 15),
        said_by(4, Provenance.ESTIMATED, 5),
    ]
    sums = report(events).totals
    assert (sums.counted_cost_nanos, sums.estimated_cost_nanos) == (15, 5)
    assert sums.unreported_cost_share == 0.2
    assert report([], where={"tenant": "nobody"}).totals.unreported_cost_share is None


def test_the_period_starts_with_its_first_and_ends_before_its_last_instant(report: Report) -> None:
    events = [make_event(number, started_us=NEW_YEAR_2026_US + number) for number in range(5)]
    told = report(events, from_us=NEW_YEAR_2026_US + 1, until_us=NEW_YEAR_2026_US + 4)
    assert told.totals.requests == 3


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_groups_and_filters(report: Report, dimension: str) -> None:
    column = "served_model" if dimension == "model" else dimension
    if dimension in PERIODS:
        one, other = make_event(1), make_event(2, started_us=NEW_YEAR_2026_US - 1)
    elif dimension == "outcome":
        one, other = make_event(1), make_event(2, outcome=Outcome.CLIENT_GONE)
    elif dimension == "category":
        one, other = make_event(1), make_event(2, gpu_ns=5, gpu_nanos=7)
    elif dimension == "provenance":
        one, other = make_event(1), make_event(2, usage=None)
    elif dimension == "line":
        one = other = make_event(1)
    else:
        one, other = make_event(1, **{column: "x'y"}), make_event(2, **{column: "z"})
    rows = report([one, other], dimension).rows
    assert len(rows) == (1 if dimension == "line" else 2)
    for row in rows:
        assert report([one, other], dimension, where={dimension: row.group[0]}).rows == (row,)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"group_by": ("tenant", "colour")}, "group by: 'colour' is not known; use tenant, project"),
        ({"group_by": ()}, "group by: name at least one of tenant"),
        ({"group_by": ("day", "day")}, "group by: a name is given twice"),
        ({"where": {"1=1 --": "x"}}, "filter: '1=1 --' is not known"),
        ({"group_by": ("tag:",)}, "group by: 'tag:' is not known"),
        ({"group_by": ('tag:a"b',)}, "group by: 'tag:a\"b' is not known"),
        ({"time_zone": "Mars/Olympus"}, "time zone 'Mars/Olympus' is not known"),
        ({"from_us": 2, "until_us": 2}, "from: the period ends before it starts"),
    ],
)
def test_a_question_without_sense_is_refused_by_name(query: dict[str, object], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        ReportQuery(**query)  # type: ignore[arg-type]


def test_nothing_used_is_zeros_and_unknown_money(report: Report) -> None:
    told = report([])
    assert told.rows == ()
    assert told.totals == UsageSums(
        **{**dict.fromkeys(UsageSums.__slots__, 0), **dict.fromkeys(
            ("list_nanos", "cost_nanos", "baseline_nanos", "saved_by_cache_nanos", "saved_by_route_nanos",
             "gpu_nanos", "provisional_gpu_nanos", "cache_audit_nanos")
        )}
    )  # fmt: skip
    assert render_text(told) == "No usage in this period.\n"
    assert json.loads(render_json(told))["data"] == []
    assert len(render_csv(told).splitlines()) == 1


TELLING = [
    make_event(1, cost_nanos=1_234_000, baseline_nanos=90_000_000),
    make_event(2, served_model="gpt-5", stand_in=True, cost_nanos=2 * DOLLAR, baseline_nanos=2 * DOLLAR),
    hit(3, served_model="gpt-5", baseline_nanos=DOLLAR),
    make_event(4, tenant="globex", cost_nanos=None, list_nanos=None, baseline_nanos=None),
    make_event(5, tenant="globex", usage=TokenUsage(9_000_000, provenance=Provenance.ESTIMATED)),
]


def test_the_text_is_aligned_and_says_what_is_odd(report: Report) -> None:
    lines = render_text(report(TELLING, "tenant", "model")).splitlines()
    assert [line.rstrip("-") for line in lines] == [
        "tenant  model     requests  attempts  hits      input  read  write  output  reasoning"
        "   cost USD  baseline USD  saved by cache  saved by route",
        "",
        "acme    gpt-5            2         1     1      1,000   200     50     300        100"
        "  2.0000000     3.0000000       1.0000000       0.0000000  stand-in",
        "acme    qwen3-8b         1         1     0      1,000   200     50     300        100"
        "  0.0012340     0.0900000       0.0000000       0.0887660",
        "globex  qwen3-8b         2         2     0  9,001,000   200     50     300        100"
        "  0.0000011     0.0000090       0.0000000       0.0000079"
        "  1 unpriced, 100.0% of cost counted or estimated",
        "",
        "total                    5         4     1  9,003,000   600    150     900        300"
        "  2.0012351     3.0900090       1.0000000       0.0887739"
        "  stand-in, 1 unpriced, <0.1% of cost counted or estimated",
    ]


def test_the_text_shows_unknown_amounts_as_unknown(report: Report) -> None:
    text = render_text(report([TELLING[3]], "tenant"))
    for line in (text.splitlines()[2], text.splitlines()[4]):
        assert line.split()[-6:] == ["-", "-", "0.00", "-", "1", "unpriced"]


def test_json_has_integers_and_exact_dollars(report: Report) -> None:
    query = {
        "where": {"tenant": "acme"},
        "from_us": NEW_YEAR_2026_US,
        "until_us": NEW_YEAR_2026_US + US_PER_DAY,
    }
    told = json.loads(render_json(report(TELLING, "tenant", "model", **query)))
    assert told["object"] == "usage_report"
    assert (told["from"], told["until"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert (told["group_by"], told["where"]) == (["tenant", "model"], {"tenant": "acme"})
    first, second = told["data"]
    assert (first["tenant"], first["model"], first["requests"]) == ("acme", "gpt-5", 2)
    assert (second["cost_nanos"], second["cost_usd"]) == (1_234_000, "0.001234")
    assert told["totals"]["cost_nanos"] == first["cost_nanos"] + second["cost_nanos"]


def test_json_says_null_where_nothing_is_known(report: Report) -> None:
    (row,) = json.loads(render_json(report([TELLING[3]])))["data"]
    assert (row["cost_nanos"], row["cost_usd"], row["unknown_cost_events"]) == (None, None, 1)


def test_csv_is_exact_and_empty_where_unknown(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(report(TELLING[:4], "tenant", "model")))))
    assert [(row["tenant"], row["model"], row["cost_usd"]) for row in rows] == [
        ("acme", "gpt-5", "2.00"),
        ("acme", "qwen3-8b", "0.001234"),
        ("globex", "qwen3-8b", ""),
    ]
    assert rows[0]["served_from_cache_tokens"] == "1550"


def test_what_a_client_wrote_neither_runs_nor_moves_the_cursor(report: Report) -> None:
    events = [make_event(1, requested_model="=cmd()"), make_event(2, requested_model="\x1b[2Jm")]
    told = report(events, "requested_model")
    cells = [row["requested_model"] for row in csv.DictReader(io.StringIO(render_csv(told)))]
    assert cells == ["\x1b[2Jm", "'=cmd()"]
    assert "\x1b" not in render_text(told)
    assert "?[2Jm" in render_text(told)


def test_labels_group_and_filter(report: Report) -> None:
    events = [make_event(1), make_event(2, tags='{"task":"x y","n":"%"}'), make_event(3, tags="{}")]
    told = report(events, "tag:task")
    assert [row.group for row in told.rows] == [("",), ("classify",), ("x y",)]
    assert report(events, "tag:n", where={"tag:n": "%"}).totals.requests == 1


def test_categories_tell_who_was_paid(report: Report) -> None:
    events = [make_event(1), hit(2), make_event(3, gpu_ns=800, gpu_nanos=50)]
    told = report(events, "category")
    assert [row.group for row in told.rows] == [("cache",), ("gpu",), ("vendor",)]
    assert (told.totals.provisional_gpu_ns, told.totals.provisional_gpu_nanos) == (800, 50)


def test_a_correction_adds_its_difference_and_counts_as_nothing_else(report: Report) -> None:
    usage = TokenUsage(provenance=Provenance.ENGINE)
    unknown = make_event(2, cost_nanos=None, list_nanos=None, baseline_nanos=None)
    events = [
        make_event(1, cost_nanos=1100, baseline_nanos=9000),
        unknown,
        make_event(3, kind="correction", usage=usage, cost_nanos=-100, list_nanos=None, baseline_nanos=0),
        make_event(4, kind="correction", usage=usage, cost_nanos=50, baseline_nanos=70, error=WAS_UNKNOWN),
    ]
    sums = report(events).totals
    assert (sums.requests, sums.attempts, sums.corrections) == (2, 2, 2)
    assert (sums.cost_nanos, sums.baseline_nanos, sums.saved_by_route_nanos) == (1050, 9070, 7900 + 100 + 20)
    assert (sums.unknown_cost_events, sums.input_uncached_tokens) == (0, 2000)


def test_days_are_those_of_the_zone(report: Report) -> None:
    late = NEW_YEAR_2026_US - 1_800_000_000  # 23:30 UTC: New Year in Berlin, and 05:00 in Kolkata
    events = [make_event(1, started_us=late), make_event(2, started_us=late - 5 * 3_600_000_000)]
    assert [row.group for row in report(events, "day", time_zone="Europe/Berlin").rows] == [
        ("2025-12-31",),
        ("2026-01-01",),
    ]
    assert [row.group for row in report(events, "month", time_zone="Asia/Kolkata").rows] == [("2026-01",)]


def test_gpu_time_has_columns_where_there_is_any(report: Report) -> None:
    text = render_text(report([make_event(1, gpu_ns=1_500_000_000, gpu_nanos=2_000_000)]))
    assert "provisional GPU s  provisional GPU USD" in text.splitlines()[0]
    assert text.splitlines()[2].split()[-2:] == ["1.500", "0.0020"]
    assert "GPU" not in render_text(report([make_event(2, tenant="other")], where={"tenant": "other"}))
