"""Closing windows from the ledger: when, from what, again after what, and what attempts cost then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.gpu_windows import idle_policy
from metering.gpu.idle import IdleKind
from metering.ledger_url import open_ledger
from metering.reports import ReportQuery, usage_report
from metering.store.up_times import ClockSetting, UpTime
from tests.fakes.gpu_ledger import (
    US,
    Place,
    at,
    attempt,
    everything,
    rate_version,
    settings,
    up,
)

S = 1_000_000_000


@pytest.fixture
def place(ledger_url: str) -> Iterator[Place]:
    books = open_ledger(ledger_url)
    yield Place(books, ledger_url)
    books.close()


def test_a_window_is_closed_once_it_is_over_for_a_while(place: Place) -> None:
    place.books.write_up_times([up(3, 100)])
    assert place.close(14.9).windows == 0
    assert place.close(15).windows == 1
    assert place.close(26).windows == 1
    assert place.windows() == [(0, 7 * S), (10, 10 * S)]
    assert place.shares() == {"idle": 17 * S}


def test_the_check_vector_is_split_over_windows_and_paid(place: Place) -> None:
    """A [0, 4), B [2, 6), C [5, 5.5), idle 4 of ten seconds at a tenth of a cent a second."""
    abc = [attempt(1, 0, 4), attempt(2, 2, 6), attempt(3, 5, 5.5)]
    place.books.write_up_times([up(0, 10, down_s=10)])
    place.books.append(abc)
    assert place.close(15).corrections == 3
    assert place.shares() == {"1": 3 * S, "2": 2_750_000_000, "3": 250_000_000, "idle": 4 * S}
    assert [place.cost(event) for event in abc] == [(n, n, n) for n in (3_000_000, 2_750_000, 250_000)]
    place.assert_conserved()
    assert (place.close(16).windows, place.close(17).corrections) == (0, 0)


def test_the_markup_of_the_tenant_is_on_the_final_cost_too(place: Place) -> None:
    place.config = settings(markup={"tenants": {"t1": "1.1"}})
    dear, plain = attempt(1, 0, 4), attempt(2, 4, 6)
    place.books.write_up_times([up(0, 10)])
    place.books.append([dear, plain])
    place.close(15)
    assert place.cost(dear) == (4_000_000, 4_400_000, 4_400_000)
    assert place.cost(plain) == (2_000_000, 2_000_000, 2_000_000)


def test_a_baseline_of_its_own_and_a_price_by_token_are_left_alone(place: Place) -> None:
    routed = attempt(1, 0, 4, baseline_nanos=99_000_000)
    by_token = attempt(2, 4, 6, price_version="rates:2026", list_nanos=7, cost_nanos=7, baseline_nanos=7)
    place.books.write_up_times([up(0, 10)])
    place.books.append([routed, by_token])
    assert place.close(15).corrections == 1
    assert place.cost(routed) == (4_000_000, 4_000_000, 99_000_000)
    assert place.cost(by_token) == (7, 7, 7)
    assert place.shares()["2"] == 2 * S


def test_a_correction_says_what_it_is(place: Place) -> None:
    place.books.write_up_times([up(0, 10)])
    place.books.append([attempt(1, 0, 4)])
    place.close(15)
    (row,) = place.reader.read(
        ("SELECT id, corrects, output_tokens, provenance, gpu_ns, gpu_nanos, price_version, error "
         "FROM events WHERE kind = 'correction'", ())
    )[0]  # fmt: skip
    assert row[1:] == (attempt(1, 0, 4).id, 0, "engine", 0, None, rate_version(place.config), "")
    assert str(row[0])[:10] == attempt(1, 0, 4).id[:10]
    report = usage_report(place.reader, ReportQuery(("category",)))
    paid = {row.group[0]: row.sums.cost_nanos for row in report.rows}
    assert paid == {"gpu": 4_000_000, "idle": None}


def test_an_attempt_is_paid_when_its_last_window_is_closed(place: Place) -> None:
    place.books.write_up_times([up(0, 40)])
    long = attempt(1, 5, 25)
    place.books.append([long])
    assert place.close(16).corrections == 0
    assert place.close(26).corrections == 0
    assert place.close(35).corrections == 1
    assert place.cost(long)[1] == 20_000_000
    place.assert_conserved()


def test_an_attempt_that_settles_after_its_first_windows_were_closed_gets_its_share_of_them(
    place: Place,
) -> None:
    """It runs beside another from 5 to 25 and settles at 25: two of its windows were closed without it."""
    place.books.write_up_times([up(0, 40)])
    early, long = attempt(1, 5, 9), attempt(2, 5, 25)
    place.books.append([early])
    assert place.close(16).windows == 1
    assert place.cost(early)[1] == 4_000_000
    place.books.append([long])
    assert place.close(26).windows == 2
    assert place.close(36).windows == 1
    assert place.shares()["1"] == 2 * S
    place.assert_paid([early, long])
    place.assert_conserved()


def test_a_late_row_closes_its_windows_again_however_late(place: Place) -> None:
    place.books.write_up_times([up(0, 500)])
    first, late = attempt(1, 0, 4), attempt(2, 2, 6, process="w2")
    place.books.append([first])
    place.close(405)
    place.books.append([late])
    done = place.close(406)
    assert (done.windows, done.corrections) == (1, 2)
    place.assert_paid([first, late])
    assert place.shares()["1"] == 3 * S


def test_what_was_late_makes_no_difference_in_the_end(
    ledger_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [attempt(n, 1.7 * n, 1.7 * n + 3 + n % 4, process=f"w{n % 2}") for n in range(8)]
    seen = []
    for name, order in (("one", rows), ("two", rows[::-1]), ("three", rows[4:] + rows[:4])):
        url = f"sqlite:///{tmp_path_factory.mktemp(name) / 'weir.db'}"
        books = open_ledger(url)
        place = Place(books, url)
        books.write_up_times([up(0, 100)])
        for position, row in enumerate(order):
            books.append([row])
            place.close(16 + 5 * position)
        place.close(60)
        place.assert_paid(rows)
        seen.append(everything(place))
        books.close()
    assert seen[0] == seen[1] == seen[2]


def test_two_at_once_and_one_after_a_restart_find_the_same(place: Place) -> None:
    rows = [attempt(n, n, n + 3) for n in range(8)]
    place.books.write_up_times([up(0, 100)])
    place.books.append(rows)
    other = place.new_closer()
    assert place.close(35).corrections == len(rows)
    before = everything(place)
    done = place.close(35, other)
    assert (done.windows, done.corrections) == (0, 0)
    done = place.close(36, place.new_closer())
    assert (done.windows, done.corrections) == (0, 0)
    assert everything(place) == before


def test_one_that_died_between_window_and_correction_is_made_good(place: Place) -> None:
    row = attempt(1, 0, 4)
    place.books.write_up_times([up(0, 100)])
    place.books.append([row])
    dying = place.new_closer()
    dying._true_up = lambda settings, owed: None  # type: ignore[method-assign]
    place.close(16, dying)
    assert place.cost(row)[1] == 4_000
    assert place.close(17, place.new_closer()).corrections == 1
    place.assert_paid([row])


def test_a_dead_process_is_up_until_it_was_last_seen_and_others_go_on(place: Place) -> None:
    place.books.write_up_times([up(0, 12), up(5, 18, process="w2")])
    place.close(40)
    assert place.shares() == {"idle": 18 * S}
    assert place.windows() == [(0, 10 * S), (10, 8 * S)]


def test_an_up_time_that_was_heard_of_late_is_still_counted(place: Place) -> None:
    """The process could not reach the ledger for a while; its windows were closed as if it had died."""
    place.books.write_up_times([up(0, 12)])
    place.books.append([row := attempt(1, 14, 16)])
    place.close(26)
    assert (place.windows(), place.cost(row)[1]) == ([(0, 10 * S), (10, 2 * S)], 0)
    place.books.write_up_times([up(0, 30)])
    place.close(31)
    assert place.windows() == [(0, 10 * S), (10, 10 * S)]
    place.assert_paid([row])
    assert place.cost(row)[1] == 2_000_000


def test_warm_up_is_nobodys(place: Place) -> None:
    place.books.write_up_times([UpTime("gpu1", "w1", at(0), at(6), at(20), None)])
    place.close(15)
    assert place.shares() == {"warmup": 6 * S, "idle": 4 * S}


def test_clocks_are_set_right(place: Place) -> None:
    """The second process's clock is two seconds ahead: the two attempts took turns."""
    place.books.write_clock(ClockSetting("w2", at(0), 2 * US))
    place.books.write_up_times([up(0, 30), up(2, 32, process="w2")])
    rows = [attempt(1, 0, 2), attempt(2, 4, 6, process="w2")]
    place.books.append(rows)
    place.close(16)
    assert place.shares() == {"1": 2 * S, "2": 2 * S, "idle": 6 * S}


def test_weights_are_fitted_from_earlier_timings_and_kept(ledger_url: str) -> None:
    """Windows 0 to 14 have none; from 150 s on those of at least a minute before count."""
    place = Place(open_ledger(ledger_url), ledger_url, even=False)
    place.books.write_up_times([up(0, 1_000)])
    timings = {"prefill_us": 10_000, "decode_us": 500_000, "first_token_us": 10_000}
    place.books.append([attempt(n, 2 * n, 2 * n + 1, **timings) for n in range(40)])
    place.close(165)
    methods = {row[-1] for row in place.table("gpu_shares")}
    assert len(methods) == 2
    assert "sweep:default" in methods
    kept = place.reader.read(("SELECT * FROM gpu_weights ORDER BY from_us", ()))[0]
    place.books.append([attempt(99, 50, 51, prefill_us=99_000, decode_us=9_900_000)])
    place.close(170, place.new_closer())
    assert place.reader.read(("SELECT * FROM gpu_weights ORDER BY from_us", ()))[0] == kept
    place.books.close()


def test_a_new_price_is_for_recomputing_only_and_then_corrected(place: Place) -> None:
    row = attempt(1, 0, 4)
    place.books.write_up_times([up(0, 100)])
    place.books.append([row])
    place.close(16)
    place.config = settings(gpus={"usd_per_hour": "7.2"})
    done = place.new_closer().recompute("gpu1", at(0), at(60))
    assert (done.windows, done.corrections) == (1, 1)
    assert place.cost(row)[1] == 8_000_000
    place.assert_paid([row])
    done = place.new_closer().recompute("gpu1", at(0), at(60))
    assert (done.windows, done.corrections) == (0, 0)


def test_the_length_of_windows_stays_what_it_was(place: Place) -> None:
    place.books.write_up_times([up(0, 100)])
    place.close(16)
    place.config = settings(gpu={"window": 60})
    place.close(30, place.new_closer())
    assert [start for start, _ in place.windows()] == [0, 10]


def test_what_no_window_can_be_made_of_is_no_window(place: Place) -> None:
    place.close(100)
    place.books.append([attempt(1, 0, 4)])
    place.close(100)
    assert place.windows() == []
    place.books.write_up_times([up(50, 60, down_s=60), up(90, 100)])
    place.close(100)
    assert [start for start, _ in place.windows()] == [50, 90][:1]


def test_work_while_the_backend_was_seen_down_pays_nothing_and_is_marked(place: Place) -> None:
    place.books.write_up_times([up(0, 10, down_s=10), up(30, 60)])
    place.books.append([row := attempt(1, 12, 16)])
    place.close(50)
    assert place.cost(row) == (0, 0, 0)
    assert {entry[7] for entry in place.table("gpu_shares") if entry[2] == row.id} == {"outside"}


def test_a_tenants_cost_centres_may_share_idle_time(place: Place) -> None:
    place.config = settings(gpus={"idle": "shared_by_use"})
    place.books.write_up_times([up(0, 10, down_s=10)])
    first = attempt(1, 0, 2, tenant="t", cost_center="a")
    place.books.append([first, attempt(2, 2, 4, tenant="t", cost_center="b")])
    place.close(16)
    assert sorted(row[4] for row in place.table("gpu_shares") if row[1] == "idle") == ["a", "b"]
    place.assert_conserved()


def test_the_owner_pays_for_idle_time_on_its_cost_centre() -> None:
    config = settings(gpus={"idle": "owner", "owner": "acme"}, tenants={"acme": {"cost_center": "CC"}})
    policy = idle_policy(config, "gpu1")
    assert (policy.kind, policy.owner) == (IdleKind.OWNER, ("acme", "CC"))
    assert idle_policy(settings(), "gpu1").kind is IdleKind.SEPARATE


def test_corrections_that_meet_end_up_right(place: Place) -> None:
    """Another process wrote a first correction from windows that were not the last word."""
    row = attempt(1, 0, 4)
    place.books.write_up_times([up(0, 100)])
    place.books.append([row])
    stale = place.new_closer()
    place.close(16, stale)
    place.books.append([late := attempt(2, 0, 4)])
    fresh = place.new_closer()
    place.close(17, fresh)
    place.close(17, stale)
    place.assert_paid([row, late])
    assert place.cost(row)[1] == 2_000_000


def test_a_row_that_was_replaced_in_flight_counts_once(place: Place) -> None:
    place.books.write_up_times([up(0, 100)])
    row = attempt(1, 0, 4)
    place.books.append([row])
    place.books.append([replace(row, finished_us=at(9))])
    place.close(16)
    assert place.shares() == {"1": 4 * S, "idle": 6 * S}
