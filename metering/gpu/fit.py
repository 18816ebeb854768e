"""Weights of one backend from the engine's own timings: exact sums, so the order of samples never matters.

Time per token is a line over the context it attends to: y = n * (b + c * x), b and c not negative. Weighted
by 1/n (a sum of n tokens has n times the variance of one), least squares has a closed form in five sums, here
kept as integers and solved as fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from metering.gpu.work import DEFAULT_WEIGHTS, Weights

ENOUGH_SAMPLES = 8
"""Fewer say nothing; the default's ratios are used instead."""
PREFERRED_SAMPLES = 24
"""Taken from the least crowded up, until there are this many; then all as little crowded as they."""
_HALF_TOKENS_PER_KILOTOKEN = 2_000
_OUTLIER_MEDIANS = 4
"""A sample further off than this many times the median is left out, once."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What an engine said of one request (llama.cpp `timings`, vLLM `metrics`), or of all between two scrapes
    (SGLang's and vLLM's counters: tokens and seconds as differences, the context as a mean)."""

    prefill_tokens: int
    context_tokens: int
    """The whole input, cached and computed."""
    decode_tokens: int
    prefill_ns: int
    decode_ns: int
    active: int = 1
    """The most requests that ran beside it, itself included: an engine's times are wall times and grow with
    them, so the least crowded samples say most."""


@dataclass(frozen=True, slots=True)
class BusySpan:
    """Where an engine tells only how long it was busy (SGLang `forward_execution_seconds_total`)."""

    prefill_tokens: int
    decode_tokens: int
    busy_ns: int


class _Sample(NamedTuple):
    active: int
    tokens: int
    double_context: int
    """Twice the mean context that its tokens attend to."""
    time_ns: int


class _Line(NamedTuple):
    """Nanoseconds per token, and per token and half token of context."""

    base: Fraction
    slope: Fraction
    mean: Fraction
    """Nanoseconds per token, whatever the context."""
    samples: int


def fit_weights(timings: Iterable[Timing]) -> Weights:
    """Weights of a backend that says how long prefill and decode took, by the least crowded of its samples.

    The method is `fitted:n=...` (n: samples of the poorer part); `scaled:n=...` where one part has too few
    and takes the default's ratio to the other; `default` where both have.
    """
    known = list(timings)
    prefill = _fit(_prefill_sample(timing) for timing in known)
    decode = _fit(_decode_sample(timing) for timing in known)
    if prefill is None and decode is None:
        return DEFAULT_WEIGHTS
    if prefill is None or decode is None:
        return _scaled(prefill, decode)
    method = f"fitted:n={min(prefill.samples, decode.samples)}"
    return _weights(prefill, decode, method)


def fit_busy(spans: Iterable[BusySpan]) -> Weights:
    """Both weights from busy time alone: least squares of busy = a * prefill + b * decode, not negative.

    `scaled:` where the two always came in nearly the same proportion and cannot be told apart. Says nothing
    about context.
    """
    known = [span for span in spans if span.busy_ns > 0 and span.prefill_tokens + span.decode_tokens > 0]
    if len(known) < ENOUGH_SAMPLES:
        return DEFAULT_WEIGHTS
    pp = sum(span.prefill_tokens**2 for span in known)
    pd = sum(span.prefill_tokens * span.decode_tokens for span in known)
    dd = sum(span.decode_tokens**2 for span in known)
    if 100 * pd * pd >= 99 * pp * dd:
        return _one_speed(known)
    py = sum(span.prefill_tokens * span.busy_ns for span in known)
    dy = sum(span.decode_tokens * span.busy_ns for span in known)
    prefill, decode = _nonnegative_pair(pp, pd, dd, py, dy)
    return Weights(_whole(prefill), _whole(decode), 0, 0, f"fitted:n={len(known)}")


def _fit(samples: Iterable[_Sample]) -> _Line | None:
    """The line through the least crowded samples, without those far off. None if there are too few."""
    known = sorted(sample for sample in samples if sample.tokens > 0 and sample.time_ns > 0)
    if len(known) < ENOUGH_SAMPLES:
        return None
    crowd = known[min(len(known), PREFERRED_SAMPLES) - 1].active
    quiet = [sample for sample in known if sample.active <= crowd]
    return _line(_without_outliers(quiet, _line(quiet)))


def _line(samples: Sequence[_Sample]) -> _Line:
    s0 = sum(s.tokens for s in samples)
    s1 = sum(s.tokens * s.double_context for s in samples)
    s2 = sum(s.tokens * s.double_context**2 for s in samples)
    t0 = sum(s.time_ns for s in samples)
    t1 = sum(s.time_ns * s.double_context for s in samples)
    contexts = [s.double_context for s in samples]
    mean = Fraction(t0, s0)
    if max(contexts) < 2 * min(contexts):  # too alike to tell what context costs
        return _Line(mean, Fraction(0), mean, len(samples))
    return _Line(*_nonnegative_pair(s0, s1, s2, t0, t1), mean, len(samples))


def _nonnegative_pair(aa: int, ab: int, bb: int, ay: int, by: int) -> tuple[Fraction, Fraction]:
    """Least squares of y = p * a + q * b from its normal equations, with p, q >= 0.

    If the free solution has a negative part, the best one has a zero there.
    """
    determinant = aa * bb - ab * ab
    if determinant > 0:
        p, q = Fraction(ay * bb - by * ab, determinant), Fraction(by * aa - ay * ab, determinant)
        if p >= 0 and q >= 0:
            return p, q
        if p < 0:
            return Fraction(0), Fraction(by, bb)
    return Fraction(ay, aa), Fraction(0)


def _without_outliers(samples: Sequence[_Sample], line: _Line) -> Sequence[_Sample]:
    off = [_relative_error(sample, line) for sample in samples]
    bound = _OUTLIER_MEDIANS * max(sorted(off)[len(off) // 2], Fraction(1, 100))
    return [sample for sample, error in zip(samples, off, strict=True) if error <= bound]


def _relative_error(sample: _Sample, line: _Line) -> Fraction:
    expected = sample.tokens * (line.base + line.slope * sample.double_context)
    return abs(sample.time_ns - expected) / max(expected, Fraction(1))


def _prefill_sample(timing: Timing) -> _Sample:
    double_context = 2 * max(timing.context_tokens, timing.prefill_tokens) - timing.prefill_tokens
    return _Sample(timing.active, timing.prefill_tokens, double_context, timing.prefill_ns)


def _decode_sample(timing: Timing) -> _Sample:
    double_context = 2 * timing.context_tokens + timing.decode_tokens
    return _Sample(timing.active, timing.decode_tokens, double_context, timing.decode_ns)


def _scaled(prefill: _Line | None, decode: _Line | None) -> Weights:
    """The part that was measured, and the other in the default's ratio to it."""
    known = prefill or decode
    assert known is not None
    per_token = (DEFAULT_WEIGHTS.prefill_ns_per_token, DEFAULT_WEIGHTS.decode_ns_per_token)
    ratio = Fraction(*per_token) if prefill is None else 1 / Fraction(*per_token)
    other = _Line(known.mean * ratio, Fraction(0), known.mean * ratio, known.samples)
    return _weights(prefill or other, decode or other, f"scaled:n={known.samples}")


def _one_speed(spans: Sequence[BusySpan]) -> Weights:
    prefill, decode = DEFAULT_WEIGHTS.prefill_ns_per_token, DEFAULT_WEIGHTS.decode_ns_per_token
    default_ns = sum(prefill * span.prefill_tokens + decode * span.decode_tokens for span in spans)
    speed = Fraction(sum(span.busy_ns for span in spans), default_ns)
    return Weights(_whole(prefill * speed), _whole(decode * speed), 0, 0, f"scaled:n={len(spans)}")


def _weights(prefill: _Line, decode: _Line, method: str) -> Weights:
    bases = _whole(prefill.base), _whole(decode.base)
    return Weights(*bases, _per_kilotoken(prefill), _per_kilotoken(decode), method)


def _per_kilotoken(line: _Line) -> int:
    return round(line.slope * _HALF_TOKENS_PER_KILOTOKEN)


def _whole(ns_per_token: Fraction) -> int:
    """Whole nanoseconds, at least one: a token that was worked on never weighs nothing."""
    return max(1, round(ns_per_token))
