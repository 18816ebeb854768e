from __future__ import annotations

import numpy as np
import pytest

from router.evaluation import decile_error, interval, recovered

WEAK = np.array([1.0, 0.0, 0.0, 1.0])
STRONG = np.array([1.0, 1.0, 1.0, 1.0])


def test_a_perfect_order_recovers_the_gap_with_the_share_that_gains() -> None:
    found = recovered(np.array([0.0, 2.0, 1.0, 0.0]), WEAK, STRONG)
    assert found.apgr == pytest.approx(0.75)  # rises to 1 over half the calls, then stays
    assert found.cpt50 == pytest.approx(25.0)
    assert found.cpt80 == pytest.approx(40.0)


def test_the_worst_order_recovers_nothing_before_half() -> None:
    assert recovered(np.array([2.0, 0.0, 0.0, 2.0]), WEAK, STRONG).apgr == pytest.approx(0.25)


def test_equal_scores_move_together_and_are_random() -> None:
    found = recovered(np.ones(4), WEAK, STRONG)
    assert found == pytest.approx((0.5, 50.0, 80.0))


@pytest.mark.parametrize("binned", [False, True])
def test_a_random_order_has_half(binned: bool) -> None:
    random = np.random.default_rng(0)
    weak = (random.random(4_000) < 0.6).astype(float)
    strong = (random.random(4_000) < 0.8).astype(float)
    values = [recovered(random.random(4_000), weak, strong, binned=binned).apgr for _ in range(40)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.02)


def test_without_a_gap_nothing_can_be_said() -> None:
    assert np.isnan(recovered(np.arange(4.0), STRONG, STRONG).apgr)


def test_the_interval_holds_the_value() -> None:
    random = np.random.default_rng(0)
    weak, strong, scores = random.random(300), random.random(300) + 0.3, random.random(300)
    low, high = interval(scores, weak, strong, times=100)
    assert low < recovered(scores, weak, strong).apgr < high


def test_the_decile_error_is_the_mean_distance_of_the_tenths() -> None:
    told = np.linspace(0, 1, 100)
    assert decile_error(told, told) == pytest.approx(0.0)
    assert decile_error(told, told + 0.2) == pytest.approx(0.2)
