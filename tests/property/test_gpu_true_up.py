"""Whatever the order of rows, closers and prices: an attempt costs its final share, and windows add up."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.event import Event
from metering.gpu.true_up import NO_CORRECTION, true_up
from metering.ledger_url import open_ledger
from metering.money import apply_markup
from metering.reprice import applied
from tests.fakes.gpu_ledger import Place, attempt, everything, up

AMOUNTS = st.integers(0, 10**15)
FACTORS = st.decimals("0", "3", places=2)
SECONDS_OF_WORK = 40


class Rows:
    """A ledger of one event: an id is taken once."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.corrections: dict[str, Event] = {}

    def correct(self, final_nanos: int, factor: Decimal, version: str = "gpu:x") -> bool:
        """Whether there was something to say."""
        row = self.proposal(final_nanos, factor, version)
        if row is not None:
            self.corrections.setdefault(row.id, row)
        return row is not None

    def proposal(self, final_nanos: int, factor: Decimal, version: str = "gpu:x") -> Event | None:
        rows = [(r.corrects, r.list_nanos, r.cost_nanos, r.baseline_nanos) for r in self.corrections.values()]
        had = applied(rows).get(self.event.id)
        return true_up(self.event, final_nanos, had or NO_CORRECTION, factor, version)

    def sums(self) -> tuple[int, int, int]:
        every = [self.event, *self.corrections.values()]
        return (
            sum(row.list_nanos or 0 for row in every),
            sum(row.cost_nanos or 0 for row in every),
            sum(row.baseline_nanos or 0 for row in every),
        )


@given(AMOUNTS, FACTORS, st.lists(AMOUNTS, min_size=1, max_size=5), st.booleans())
def test_the_sum_of_the_rows_is_the_last_final_share(
    provisional: int, factor: Decimal, finals: list[int], unrouted: bool
) -> None:
    cost = apply_markup(provisional, factor)
    baseline = cost if unrouted else cost + 1
    rows = Rows(attempt(1, 0, 4, list_nanos=provisional, cost_nanos=cost, baseline_nanos=baseline))
    for final in finals:
        rows.correct(final, factor)
        assert not rows.correct(final, factor), "said twice"
        charged = apply_markup(final, factor)
        assert rows.sums() == (final, charged, charged if unrouted else baseline)
    assert len(rows.corrections) <= len(finals)


@given(AMOUNTS, st.lists(AMOUNTS, min_size=2, max_size=4))
def test_closers_that_meet_write_one_row_and_then_the_rest(provisional: int, finals: list[int]) -> None:
    """Each has other windows in mind and none sees the others' rows; the last look decides."""
    rows = Rows(attempt(1, 0, 4, list_nanos=provisional, cost_nanos=provisional, baseline_nanos=provisional))
    proposals = [rows.proposal(final, Decimal(1)) for final in finals]
    for row in proposals:
        if row is not None:
            rows.corrections.setdefault(row.id, row)
    assert len(rows.corrections) <= 1
    rows.correct(finals[-1], Decimal(1))
    assert rows.sums() == (finals[-1],) * 3


@st.composite
def work(draw: st.DrawFn) -> list[Event]:
    """Attempts of up to 25 seconds, by two processes, with and without tokens."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, SECONDS_OF_WORK - 1))
        end = draw(st.integers(start, min(start + 25, SECONDS_OF_WORK)))
        process = draw(st.sampled_from(["w1", "w2"]))
        unknown = {"usage": None} if draw(st.booleans()) and draw(st.booleans()) else {}
        made.append(attempt(number, start, end, process=process, **unknown))
    return made


@given(work(), st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_arrival_ends_in_the_same_windows_and_costs(
    events: list[Event], chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        assert in_pieces(Path(one), events, chance) == at_once(Path(other), events)


def at_once(folder: Path, events: list[Event]) -> object:
    url = f"sqlite:///{folder / 'weir.db'}"
    with closing(open_ledger(url)) as books:
        place = Place(books, url)
        books.write_up_times([up(0, SECONDS_OF_WORK + 10)])
        books.append(events)
        place.close(SECONDS_OF_WORK + 5)
        return checked(place, events)


def in_pieces(folder: Path, events: list[Event], chance: random.Random) -> object:
    """In another order, closed in between, by one closer or another, up-times told as they go on."""
    url = f"sqlite:///{folder / 'weir.db'}"
    with closing(open_ledger(url)) as books:
        place = Place(books, url)
        order = chance.sample(events, len(events))
        times = sorted(chance.uniform(1, SECONDS_OF_WORK) for _ in order)
        for event, now_s in zip(order, times, strict=True):
            books.write_up_times([up(0, now_s)])
            books.append([event])
            place.close(now_s, place.new_closer() if chance.random() < 0.3 else None)
        books.write_up_times([up(0, SECONDS_OF_WORK + 10)])
        place.close(SECONDS_OF_WORK + 5)
        return checked(place, events)


def checked(place: Place, events: list[Event]) -> object:
    place.assert_conserved()
    place.assert_paid(events)
    return everything(place), [place.cost(event) for event in events]
