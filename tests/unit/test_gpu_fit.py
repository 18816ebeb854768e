"""Weights from an engine's own timings."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from metering.gpu.fit import BusySpan, Timing, fit_busy, fit_weights
from metering.gpu.work import DEFAULT_WEIGHTS, Weights, decode_work_ns, prefill_work_ns
from tests.fakes.gpu_time import BLANK

TRUE = Weights(30_000, 7_000_000, 2_000, 40_000, "true")


def timing(prefill: int, context: int, decode: int, *, slower: float = 1, active: int = 1) -> Timing:
    attempt = replace(BLANK, prefill_tokens=prefill, context_tokens=context, decode_tokens=decode)
    times = prefill_work_ns(attempt, TRUE), decode_work_ns(attempt, TRUE)
    ns = [round((time or 0) * slower) for time in times]
    return Timing(prefill, context, decode, *ns, active=active)


def timings(count: int, seed: int = 1, *, slower: float = 1, active: int = 1) -> list[Timing]:
    pick = random.Random(seed)
    sizes = [(pick.randint(10, 2_000), pick.randint(0, 4_000), pick.randint(5, 500)) for _ in range(count)]
    return [timing(p, p + more, d, slower=slower, active=active) for p, more, d in sizes]


def test_exact_timings_give_the_exact_weights() -> None:
    assert fit_weights(timings(50)) == replace(TRUE, method="fitted:n=50")


def test_the_order_of_the_samples_does_not_matter() -> None:
    samples = [*timings(30), *timings(9, 2, slower=1.3)]
    fits = {fit_weights(random.Random(seed).sample(samples, len(samples))) for seed in range(10)}
    assert len(fits) == 1


def test_a_few_that_are_far_off_are_left_out() -> None:
    weights = fit_weights([*timings(40), *timings(4, 2, slower=20)])
    assert weights == replace(TRUE, method="fitted:n=40")


def test_the_least_crowded_samples_are_preferred() -> None:
    crowded = timings(200, 2, slower=6, active=12)
    assert fit_weights([*crowded, *timings(30)]) == replace(TRUE, method="fitted:n=30")


def test_noise_of_ten_percent_leaves_the_weights_within_five() -> None:
    pick = random.Random(3)
    samples = [replace(s, decode_ns=round(s.decode_ns * pick.uniform(0.9, 1.1))) for s in timings(400)]
    assert fit_weights(samples).decode_ns_per_token == pytest.approx(TRUE.decode_ns_per_token, rel=0.05)


def test_contexts_that_are_all_alike_say_nothing_about_context() -> None:
    weights = fit_weights([timing(100, 1_000, 50)] * 20)
    assert weights.decode_ns_per_kilocontext == weights.prefill_ns_per_kilocontext == 0
    assert weights.decode_ns_per_token == 7_000_000 + round(40_000 * 1.025)


def test_a_weight_is_never_negative() -> None:
    """Longer contexts that took less time: no negative slope, the mean instead."""
    samples = [Timing(10, 100 * n, 10, 1_000_000 // n, 1_000_000 // n) for n in range(1, 20)]
    weights = fit_weights(samples)
    assert weights.decode_ns_per_kilocontext == 0
    assert weights.decode_ns_per_token > 0


def test_too_few_samples_are_no_measurement() -> None:
    assert fit_weights(timings(7)) is DEFAULT_WEIGHTS
    assert fit_busy([BusySpan(1, 1, 1)] * 7) is DEFAULT_WEIGHTS


def test_one_part_alone_scales_the_other() -> None:
    """Prompts served from the cache throughout: only generation was timed."""
    weights = fit_weights([Timing(0, 100, 10, 0, 10 * 800_000)] * 10)
    assert (weights.prefill_ns_per_token, weights.decode_ns_per_token) == (200_000, 800_000)
    assert weights.method == "scaled:n=10"


def test_busy_time_alone_gives_both_weights() -> None:
    pick = random.Random(4)
    counts = [(pick.randint(0, 50_000), pick.randint(0, 5_000)) for _ in range(40)]
    spans = [BusySpan(p, d, 20_000 * p + 90_000 * d) for p, d in counts]
    assert fit_busy(spans) == Weights(20_000, 90_000, 0, 0, "fitted:n=40")


def test_busy_time_in_one_proportion_keeps_the_defaults_ratio() -> None:
    weights = fit_busy([BusySpan(100 * n, 100 * n, 500 * n * 100_000) for n in range(1, 20)])
    assert (weights.prefill_ns_per_token, weights.decode_ns_per_token) == (100_000, 400_000)
    assert weights.method == "scaled:n=19"


def test_busy_time_of_generation_alone() -> None:
    assert fit_busy([BusySpan(0, n, 800_000 * n) for n in range(1, 20)]).decode_ns_per_token == 800_000
