"""Attribution against a modelled engine whose true cost per request is known."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from metering.gpu.capacity import windows
from metering.gpu.clock import place
from metering.gpu.fit import Timing, fit_weights
from metering.gpu.phases import phases_of
from metering.gpu.provisional import Presence, provisional, work_ns
from metering.gpu.sweep import sweep
from metering.gpu.work import Attempt, Weights
from tests.fakes.batching import Engine, Job, Served
from tests.fakes.gpu_time import BLANK, EVEN, ONE_GPU, assert_conserved, close, held, up

ENGINE = Engine(fixed_ns=6_000_000, prefill_ns=30_000, decode_ns=200_000, context_ns=40_000)
PLANS = {
    "chat": (100, 50),
    "mail": (200, 200),
    "search": (1_500, 100),
    "summaries": (3_000, 60),
    "stories": (50, 400),
    "code": (600, 150),
    "agents": (1_000, 300),
    "legal": (4_000, 200),
}
"""Tenant -> tokens of its usual prompt and answer."""
SKEW_NS = 40_000_000
CANCELLED = 7
"""One in so many requests is given up halfway."""


def jobs(seed: int, count: int, gap_ns: int) -> list[Job]:
    """Requests at random, each of a random tenant, half to one and a half times its usual size."""
    pick = random.Random(seed)
    now_ns, found = 0, []
    for number in range(count):
        now_ns += int(pick.expovariate(1 / gap_ns))
        tenant = pick.choice(list(PLANS))
        prompt, answer = (int(size * pick.uniform(0.5, 1.5)) for size in PLANS[tenant])
        answer = answer // 2 if number % CANCELLED == 0 else answer
        found.append(Job(f"j{number:05}", tenant, now_ns, prompt, answer))
    return found


def metered(served: Served) -> Attempt:
    """What one of two gateway processes writes of it; the second's clock is ahead."""
    number = int(served.job.name[1:])
    ahead_ns = SKEW_NS if number % 2 else 0
    return replace(
        BLANK,
        event_id=served.job.name,
        tenant=served.job.tenant,
        process=f"w{number % 2}",
        dispatch_ns=served.job.arrives_ns + ahead_ns,
        first_token_ns=served.first_token_ns + ahead_ns,
        last_token_ns=served.last_token_ns + ahead_ns,
        prefill_tokens=served.job.prompt_tokens,
        decode_tokens=served.job.answer_tokens,
        context_tokens=served.job.prompt_tokens,
        aborted=number % CANCELLED == 0,
    )


def alone(job: Job) -> tuple[Served, int]:
    (served,), busy_ns = ENGINE.serve([replace(job, arrives_ns=0)])
    return served, busy_ns


def fitted() -> Weights:
    """From what the engine says of forty other requests, one at a time."""
    quiet = [(job, alone(job)[0]) for job in jobs(99, 40, 1)]
    return fit_weights(
        Timing(
            prefill_tokens=job.prompt_tokens,
            context_tokens=job.prompt_tokens,
            decode_tokens=job.answer_tokens,
            prefill_ns=served.first_token_ns - served.began_ns,
            decode_ns=served.last_token_ns - served.first_token_ns,
        )
        for job, served in quiet
    )


def scaled_to(total_ns: int, costs: Counter[str]) -> dict[str, float]:
    return {tenant: cost * total_ns / costs.total() for tenant, cost in costs.items()}


def attributed(attempts: list[Attempt], end_ns: int) -> Counter[str]:
    """Tenant -> nanoseconds over all windows of a minute."""
    shares: Counter[str] = Counter()
    for start_ns, until_ns in windows(0, end_ns):
        window = {"start_s": start_ns / 1e9, "end_s": until_ns / 1e9}
        result = close(attempts, [up()], weights=fitted(), ahead_ns={"w1": SKEW_NS}, **window)
        assert_conserved(result)
        for row in result.rows:
            if row.event_id:
                shares[row.tenant] += row.gpu_ns
    return shares


@pytest.mark.parametrize(("gap_ms", "batch"), [(1_500, 1.2), (400, 2.5), (180, 5)])
def test_each_tenant_pays_what_its_requests_cost_alone_within_a_tenth(gap_ms: int, batch: float) -> None:
    """From a quiet engine to one that is always full; `batch` is how much sharing saves at the least."""
    asked = jobs(7, 800, gap_ms * 1_000_000)
    served, busy_ns = ENGINE.serve(asked)
    costs: Counter[str] = Counter()
    for job in asked:
        costs[job.tenant] += alone(job)[1]
    assert costs.total() > batch * busy_ns
    shares = attributed([metered(each) for each in served], max(each.last_token_ns for each in served))
    assert shares.total() == busy_ns
    assert dict(shares) == pytest.approx(scaled_to(busy_ns, costs), rel=0.1)


def test_provisional_figures_are_near_the_final_ones() -> None:
    """Each by itself is a guess; a tenant's sum is within a fifth of what the windows bring."""
    served, busy_ns = ENGINE.serve(jobs(7, 800, 400_000_000))
    figures: Counter[str] = Counter()
    weights, presence = fitted(), Presence(0)
    begun: dict[str, int] = {}
    for at_ns, leaves, each in in_time(served):
        if not leaves:
            begun[each.job.name] = presence.begin(at_ns)
            continue
        attempt = metered(each)
        even_ns = presence.end(begun[each.job.name], at_ns)
        figures[each.job.tenant] += provisional(attempt, weights, ONE_GPU, even_ns, presence.usual).gpu_ns
        presence.note(work_ns(attempt, weights) or 0, attempt.last_token_ns - attempt.dispatch_ns)
    final = attributed([metered(each) for each in served], max(each.last_token_ns for each in served))
    assert dict(figures) == pytest.approx(dict(final), rel=0.2)
    assert figures.total() == pytest.approx(busy_ns, rel=0.1)


def in_time(served: Iterable[Served]) -> list[tuple[int, bool, Served]]:
    """(when, whether it leaves, who), in order of time."""
    arrivals = [(each.job.arrives_ns, False, each) for each in served]
    departures = [(each.last_token_ns, True, each) for each in served]
    return sorted([*arrivals, *departures], key=lambda moment: moment[:2])


def test_the_cost_of_closing_does_not_grow_with_how_many_are_active_at_once() -> None:
    """Ten thousand attempts that all overlap: at most three boundaries each, each slice looked at once."""
    attempts = [held(f"e{n:05}", 0, 60, first_token_ns=n + 1) for n in range(10_000)]
    attempts = [replace(each, dispatch_ns=-n, last_token_ns=10**10 + n) for n, each in enumerate(attempts)]
    phases = [phases_of(place(each), EVEN) for each in attempts]
    swept = sweep(-(10**6), 2 * 10**10, 1, [up(-1)], phases)
    assert sum(swept.shares_ns) == swept.capacity_ns - swept.idle_ns
    assert swept.slices <= 3 * len(attempts) + 4
