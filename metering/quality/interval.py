"""95 % intervals by the bootstrap, the same for the same numbers.

Resampling is Bayesian (D. B. Rubin, "The Bayesian Bootstrap", Annals of Statistics 9, 1981): instead of
drawing n rows again and again, each group of equal rows is given a random weight, gamma distributed by its
size. It takes as long for a million rows as for ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

RESAMPLES = 2_000
SEED = 20_240_601
TAIL = 0.025
FEWEST_HOURS = 12
"""Of fewer hours no interval is told: hours of one morning say little of the next."""


class Interval(NamedTuple):
    value: float
    low: float
    high: float


class NanosInterval(NamedTuple):
    """Money, in nano-dollars. The value is exact; the bounds say what other periods like it would bring."""

    value: int
    low: int | None
    high: int | None


def mean_of(groups: Mapping[float, int]) -> Interval | None:
    """Of values between 0 and 1: value -> how many had it. None without any.

    Where all are alike, nothing varies to be resampled; what then was not seen may still happen in so many
    cases that it stays unseen once in forty times.
    """
    sizes = {value: count for value, count in groups.items() if count > 0}
    total = sum(sizes.values())
    if not total:
        return None
    value = sum(each * count for each, count in sizes.items()) / total
    if len(sizes) == 1:
        unseen = 1 - TAIL ** (1 / total)
        return Interval(value, value * (1 - unseen), value + (1 - value) * unseen)
    values, counts = list(sizes), [float(count) for count in sizes.values()]
    low, high = _bounds(values, counts)
    return Interval(value, low, high)


def sum_of(hours: Sequence[int]) -> NanosInterval:
    """Of hourly amounts: an hour stands for all its requests, since they are alike."""
    total = sum(hours)
    if len(hours) < FEWEST_HOURS:
        return NanosInterval(total, None, None)
    low, high = _bounds([float(amount) for amount in hours], [1.0] * len(hours))
    return NanosInterval(total, round(low * len(hours)), round(high * len(hours)))


def _bounds(values: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """Of the weighted mean, over RESAMPLES."""
    draw = Random(SEED).gammavariate
    means = []
    for _ in range(RESAMPLES):
        weights = [draw(count, 1.0) for count in counts]
        means.append(sum(map(float.__mul__, weights, values)) / sum(weights))
    means.sort()
    cut = int(TAIL * RESAMPLES)
    return means[cut], means[-1 - cut]
