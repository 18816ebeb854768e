"""What a process sees of its backends, as up-times."""

from __future__ import annotations

from gateway.backends.fleet import Fleet
from gateway.clock import ManualClock
from gateway.gpu_watch import Sight, UpWatch, latest, sights
from gateway.transport.http1 import Http1Transport
from metering.store.up_times import UpTime
from tests.fakes.gpu_ledger import settings

UP = Sight(True, True, 0, 0)
LOADING = Sight(True, False, 0, 0)
DOWN = Sight(False, False, 0, 0)


def up(start: int, ready: int | None, seen: int, down: int | None = None) -> UpTime:
    return UpTime("gpu1", "p", start, ready, seen, down)


def watched(*seen: tuple[int, Sight]) -> UpWatch:
    watch = UpWatch("p")
    for now_us, sight in seen:
        watch.see({"gpu1": sight}, now_us)
    return watch


def test_a_stretch_goes_on_as_long_as_the_backend_is_seen_up() -> None:
    watch = watched((1, UP), (5, UP))
    assert watch.take() == [up(1, 1, 5)]
    watch.see({"gpu1": UP}, 9)
    assert watch.take() == [up(1, 1, 9)]


def test_it_ends_when_it_is_seen_down_and_is_told_once_more() -> None:
    watch = watched((1, UP), (5, DOWN))
    assert watch.take() == [up(1, 1, 5, 5)]
    assert watch.take() == []


def test_an_engine_is_up_while_it_loads_and_a_restart_is_a_stretch_of_its_own() -> None:
    watch = watched((1, LOADING), (4, UP), (6, LOADING), (9, UP._replace(life=1)))
    assert watch.take() == [up(1, 4, 6, 6), up(6, 9, 9)]


def test_a_restart_between_two_looks_is_seen_by_its_number() -> None:
    watch = watched((1, UP), (4, UP._replace(life=1)))
    assert watch.take() == [up(1, 1, 4, 4), up(4, 4, 4)]


def test_only_changes_are_changes() -> None:
    watch = UpWatch("p")
    told = [
        watch.see({"gpu1": sight}, at)
        for at, sight in ((1, DOWN), (2, LOADING), (3, LOADING), (4, UP), (5, DOWN))
    ]
    assert told == [False, True, False, True, True]


def test_a_backend_that_was_never_checked_counts_from_its_start_once_that_is_sure() -> None:
    unsure = UP._replace(sure_after_us=10)
    watch = watched((1, unsure), (5, unsure))
    assert watch.take() == []
    watch.see({"gpu1": unsure}, 11)
    assert watch.take() == [up(1, 1, 11)]


def test_one_that_was_taken_to_be_up_and_is_not_never_was() -> None:
    assert watched((1, UP._replace(sure_after_us=10)), (6, DOWN)).take() == []


def test_at_the_end_everything_this_process_saw_is_down() -> None:
    watch = watched((1, UP._replace(sure_after_us=100)))
    watch.end(7)
    assert watch.take() == [up(1, 1, 7, 7)]


def test_a_backend_that_left_the_file_is_down() -> None:
    watch = watched((1, UP))
    watch.see({}, 4)
    assert watch.take() == [up(1, 1, 4, 4)]


def test_the_last_word_on_a_stretch_counts() -> None:
    assert latest([up(1, None, 2), up(1, 3, 4), up(9, 9, 9)]) == [up(1, 3, 4), up(9, 9, 9)]


def test_backends_by_url_are_up_while_they_are_in_rotation() -> None:
    config = settings()
    fleet = Fleet(config.backends, Http1Transport(), ManualClock())
    seen = sights(config, fleet)["gpu1"]
    assert (seen.up, seen.ready, seen.sure_after_us) == (True, True, 14_000_000)
    for target in fleet.targets():
        target.healthy = False
    assert not sights(config, fleet)["gpu1"].up
