"""`python -m benchmarks.cache_bound [--tenants 1000] [--audits 3000] [--seed 1]`

Whether the bound on wrong hits holds: simulated tenants with a known share of wrong hits, under the gateway's
own arithmetic of arming, sampling and drift. Nothing here is measured on traffic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.cache_bound.simulate import (
    DISARM_WITHIN,
    Life,
    Rule,
    audits_until_disarmed,
    clopper_pearson_within,
    ever_within,
    live,
    tenants,
)
from benchmarks.machine import describe
from cache.bound.audit import Promise
from cache.bound.confidence import is_within

RESULTS = Path(__file__).with_name("RESULTS.md")
PROMISE = Promise(10_000)
HISTORY, HISTORY_ERROR = 2_000, 0.002
SHIFTS = (0.02, 0.03, 0.05, 0.10, 0.20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache_bound", description=__doc__)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--audits", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    RESULTS.write_text("\n".join(_results(asked.tenants, asked.audits, asked.seed)) + "\n")
    sys.stdout.write(RESULTS.read_text())
    return 0


def _results(count: int, audits: int, seed: int) -> Iterator[str]:
    yield "# The bound on wrong hits, on tenants whose truth is known (simulated)\n"
    yield "Written by `python -m benchmarks.cache_bound`.\n"
    yield f"{describe()} Seed {seed}.\n"
    yield (
        f"**Simulated**: {count:,} tenants, promise 1 % at 95 %, {audits:,} audits each. Half have a true "
        "error of\n0 to 0.3 %, a quarter 0.3 to 1 %, an eighth 1 to 1.5 %, an eighth 1.5 to 5 %. One half "
        "shifts to 3 to 20 %\non the way. Of all audits 0.05 % end unknown, which counts as wrong.\n"
    )
    rng = np.random.default_rng(seed)
    yield from mixed([live(each, PROMISE, audits, rng) for each in tenants(rng, count, audits, PROMISE)])
    yield from _edge(count, audits, rng)
    yield from _shifts(count, rng)


def mixed(lives: Sequence[Life]) -> Iterator[str]:
    armed = [each for each in lives if each.was_armed]
    into = [each for each in armed if each.armed_into_shift]
    drifted = [each for each in lives if each.was_armed_at_drift]
    late = [each for each in drifted if _is_late(each)]
    broke = [each for each in armed if each.broke_promise]
    to_disarm = sorted(each.audits_to_disarm for each in drifted if each.audits_to_disarm is not None)
    hits = sorted(each.hits_to_disarm for each in drifted)
    served = sum(each.served for each in lives)
    wrong = sum(each.served_wrong for each in lives)
    alarms = sum(each.false_alarms for each in lives)
    rows = (
        ("partitions ever armed", f"{len(armed)} of {len(lives)}", ""),
        ("of these, armed while the true error was above 1 %", _of(broke, armed), "5 % at most"),
        (f"of these, armed within {DISARM_WITHIN} audits after a shift", _of(into, armed), ""),
        ("armed when the shift came", str(len(drifted)), ""),
        (f"disarmed within {DISARM_WITHIN} audits of it", _of(drifted, drifted, less=late), "all"),
        ("audits from shift to disarmed: middle, p95, most", _quantiles(to_disarm), str(DISARM_WITHIN)),
        ("hits served from shift to disarmed: middle, p95, most", _quantiles(hits), ""),
        ("drift said while the error was within 1 %", f"{alarms} times", ""),
        (f"wrong among all {served:,} served hits, shifts included", f"{wrong / max(1, served):.2%}", ""),
    )
    yield "| measure | figure | goal |"
    yield "| --- | ---: | --- |"
    yield from (f"| {measure} | {figure} | {goal} |" for measure, figure, goal in rows)
    yield (
        f"\nThe second line leaves out the first {DISARM_WITHIN} audits after a shift; "
        "the others are about those.\n"
    )


def _is_late(life: Life) -> bool:
    return life.was_armed_at_drift and (
        life.audits_to_disarm is None or life.audits_to_disarm > DISARM_WITHIN
    )


def _of(some: Sequence[Life], whole: Sequence[Life], less: Sequence[Life] = ()) -> str:
    number = len(some) - len(less)
    return f"{number} of {len(whole)} ({number / max(1, len(whole)):.1%})"


def _quantiles(values: Sequence[int]) -> str:
    if not values:
        return "none"
    return ", ".join(f"{values[int(share * (len(values) - 1))]:,}" for share in (0.5, 0.95, 1.0))


def _edge(count: int, audits: int, rng: np.random.Generator) -> Iterator[str]:
    rules: tuple[tuple[str, Rule], ...] = (
        ("the bound that arms", is_within),
        ("Clopper-Pearson, asked after every audit", clopper_pearson_within),
    )
    yield f"Of {count:,} tenants, ever armed in {audits:,} audits, if **all** have this true error:\n"
    yield "| rule | 1.0 % | 1.1 % | 1.5 % | 2.0 % |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, rule in rules:
        shares = [
            sum(ever_within(error, PROMISE, audits, rng, rule) for _ in range(count)) / count
            for error in (0.010001, 0.011, 0.015, 0.02)
        ]
        yield f"| {name} | {' | '.join(f'{share:.1%}' for share in shares)} |"
    yield ""


def _shifts(count: int, rng: np.random.Generator) -> Iterator[str]:
    yield (
        f"{count:,} partitions, armed, with {HISTORY:,} audits at {HISTORY_ERROR:.1%} behind them; then the "
        "error shifts:\n"
    )
    yield f"| to | disarmed within {DISARM_WITHIN} audits | middle | p95 |"
    yield "| ---: | ---: | ---: | ---: |"
    most = 2_000
    for shift in SHIFTS:
        found = [
            audits_until_disarmed(HISTORY, HISTORY_ERROR, shift, PROMISE, most, rng) for _ in range(count)
        ]
        delays = sorted(most if each is None else each for each in found)
        in_time = sum(each <= DISARM_WITHIN for each in delays) / count
        yield f"| {shift:.0%} | {in_time:.1%} | {delays[count // 2]} | {delays[int(0.95 * (count - 1))]} |"
    yield ""
    yield (
        "2 % of served hits are audited, and 20 % while a wrong one is recent: the delays in hits come from "
        "both."
    )


if __name__ == "__main__":
    sys.exit(main())
