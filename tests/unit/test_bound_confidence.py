from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from cache.bound.confidence import (
    is_within,
    log_evidence,
    needed_if_clean,
    upper_bound,
    upper_bound_at_any_time,
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    audited = draw(st.integers(1, 5_000))
    return draw(st.integers(0, audited)), audited


@pytest.mark.parametrize(
    ("wrong", "audited", "promise"),
    [
        *((0, 299, 0.01), (1, 473, 0.01), (2, 628, 0.01)),
        *((0, 598, 0.005), (1, 947, 0.005), (2, 1258, 0.005)),
        (0, 2995, 0.001),
    ],
)
def test_the_sizes_that_are_known_from_tables(wrong: int, audited: int, promise: float) -> None:
    assert upper_bound(wrong, audited) <= promise < upper_bound(wrong, audited - 1)


@given(counts(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_clopper_pearson_is_a_quantile_of_the_beta_distribution(
    counted: tuple[int, int], confidence: float
) -> None:
    wrong, audited = counted
    found = upper_bound(wrong, audited, confidence)
    expected = 1.0 if wrong == audited else beta.ppf(confidence, wrong + 1, audited - wrong)
    assert found == pytest.approx(expected, rel=1e-8)


def test_nothing_audited_bounds_nothing() -> None:
    assert upper_bound(0, 0) == upper_bound_at_any_time(0, 0) == 1.0


@pytest.mark.parametrize(("wrong", "audited"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(wrong: int, audited: int) -> None:
    with pytest.raises(ValueError, match="wrong of"):
        upper_bound(wrong, audited)
    with pytest.raises(ValueError, match="wrong of"):
        upper_bound_at_any_time(wrong, audited)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0])
def test_impossible_confidences_are_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        upper_bound(0, 5, confidence)


@given(counts(), st.booleans())
def test_bounds_rise_with_wrong_hits_and_fall_with_right_ones(
    counted: tuple[int, int], any_time: bool
) -> None:
    wrong, audited = counted
    bound = upper_bound_at_any_time if any_time else upper_bound
    here = bound(wrong, audited)
    assert bound(wrong, audited + 1) <= here + 1e-12
    assert bound(wrong + 1, audited + 1) >= here - 1e-12


@given(counts())
def test_looking_at_any_time_is_never_cheaper_than_looking_once(counted: tuple[int, int]) -> None:
    assert upper_bound_at_any_time(*counted) >= upper_bound(*counted) - 1e-12


@given(counts(), st.floats(0.0005, 0.3))
def test_within_is_what_the_bound_says(counted: tuple[int, int], rate: float) -> None:
    bound = upper_bound_at_any_time(*counted)
    if abs(bound - rate) > 1e-9:
        assert is_within(*counted, rate) == (bound < rate)


@pytest.mark.parametrize(
    ("rate", "sizes"),
    [(0.01, [332, 696, 900]), (0.005, [665, 1394, 1804]), (0.001, [3332, 6983, 9031])],
)
def test_the_sizes_that_arm_as_documented(rate: float, sizes: list[int]) -> None:
    assert [wrong + needed_if_clean(wrong, wrong, rate) for wrong in range(3)] == sizes


@given(counts(), st.sampled_from([0.001, 0.01, 0.05]))
def test_what_is_needed_is_enough_and_not_too_much(counted: tuple[int, int], rate: float) -> None:
    wrong, audited = min(counted[0], 20), counted[1]
    wrong = min(wrong, audited)
    needed = needed_if_clean(wrong, audited, rate)
    assert is_within(wrong, audited + needed, rate)
    assert needed == 0 or not is_within(wrong, audited + needed - 1, rate)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.2])
@pytest.mark.parametrize(("wrong", "audited"), [(0, 0), (0, 40), (2, 90), (9, 1000)])
def test_the_evidence_is_a_martingale_at_the_rate_and_falls_above_it(
    rate: float, wrong: int, audited: int
) -> None:
    """What Ville's inequality needs: one audit more leaves it as it is in the mean, or makes it less."""

    def mean_after(true_rate: float) -> float:
        right, wrong_too = log_evidence(wrong, audited + 1, rate), log_evidence(wrong + 1, audited + 1, rate)
        return (1 - true_rate) * exp(right) + true_rate * exp(wrong_too)

    now = exp(log_evidence(wrong, audited, rate))
    assert mean_after(rate) == pytest.approx(now, rel=1e-9)
    assert mean_after(min(1.0, 1.5 * rate)) < now
    assert mean_after(0.5 * rate) > now or wrong


def test_the_evidence_starts_at_one() -> None:
    assert log_evidence(0, 0, 0.01) == pytest.approx(log(1.0), abs=1e-12)
