"""GPU time of a real engine behind two gateways: nothing vanishes, everybody pays a final share, closing
a window again changes nothing, and whose it was is about right."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.cli import main
from metering.event import Event
from metering.outcome import Outcome
from metering.terms import Terms
from tests.e2e.gpu_scene import (
    MARKUP,
    TENANTS,
    Scene,
    alone,
    crowd,
    errors,
    jobs,
    scene,
    settled,
    shares_by_tenant,
    warm_up,
)

WINDOW_S = 1
PER_TENANT = 3
OVER_S = 6.0
WARM_UP = 9
ROUGHLY = 0.5
"""On a machine that does other things meanwhile; benchmarks/gpu_shares measures it on a quiet one."""


def test_a_crowd_on_two_gateways(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(run(postgres_url, tmp_path, capsys))


async def run(ledger: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = jobs(7, PER_TENANT, OVER_S)
    async with scene(folder, ledger, window_s=WINDOW_S) as place:
        await warm_up(place, WARM_UP, WINDOW_S)
        await crowd(place, planned)
        await settled(place, WARM_UP + len(planned))
        crowded = place.crowd()
        assert len({event.process for event in crowded}) == 2
        assert len({event.tenant for event in crowded}) == len(TENANTS)
        assert any(event.outcome is Outcome.CLIENT_GONE for event in crowded)
        nothing_vanishes(place)
        everybody_pays_the_final_share(place)
        costs = await alone(place, crowded, planned)
        closing_again_changes_nothing(place, capsys)
    nothing_vanishes(place)
    whose_it_was_is_about_right(place, crowded, costs)


def nothing_vanishes(place: Scene) -> None:
    """Tenants, idle, overhead, warm-up and aborted work are the capacity: per window and in all."""
    windows = place.rows(
        "SELECT w.capacity_ns, w.capacity_nanos, w.window_end_us - w.window_start_us, "
        "sum(s.gpu_ns), sum(s.nanos) FROM gpu_windows w JOIN gpu_shares s ON s.backend = w.backend AND "
        "s.window_start_us = w.window_start_us GROUP BY w.window_start_us, w.window_end_us, w.capacity_ns, "
        "w.capacity_nanos ORDER BY w.window_start_us"
    )
    for capacity_ns, capacity_nanos, _, gpu_ns, nanos in windows:
        assert (gpu_ns, nanos) == (capacity_ns, capacity_nanos)
    up_whole = [row for row in windows if row[0] == 1_000 * row[2]]
    assert len(up_whole) > len(windows) - 4
    lines = dict(place.rows("SELECT line, sum(gpu_ns) FROM gpu_shares GROUP BY line"))
    assert sum(lines.values()) == sum(row[0] for row in windows)
    assert lines["request"] > 0
    assert lines["aborted"] > 0
    assert lines["idle"] > 0
    # A tenth of a cent per second: a nano-dollar per microsecond, and no rounding is lost on the way.
    assert abs(sum(row[1] for row in windows) - sum(row[0] for row in windows) / 1_000) <= len(windows)


def everybody_pays_the_final_share(place: Scene) -> None:
    terms = Terms(tenant_markup={tenant: Decimal(factor) for tenant, factor in MARKUP.items()})
    final = dict(place.rows("SELECT event_id, sum(nanos) FROM gpu_shares GROUP BY event_id"))
    charged: Counter[str] = Counter()
    for event in place.events("kind <> 'hit'"):
        charged[event.corrects or event.id] += event.cost_nanos or 0
    for event in place.events():
        assert charged[event.id] == terms.charge(int(final[event.id]), event.tenant)


def closing_again_changes_nothing(place: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu", "--config", str(place.config), "--recompute"]) == 0
    assert capsys.readouterr().err == "local: 0 windows changed, 0 costs corrected\n"


def whose_it_was_is_about_right(place: Scene, crowded: list[Event], costs: dict[str, int]) -> None:
    alone_by_tenant: Counter[str] = Counter()
    for event in crowded:
        alone_by_tenant[event.tenant] += costs[event.id]
    off = errors(shares_by_tenant(place, crowded), alone_by_tenant)
    methods = place.rows("SELECT method, count(*) FROM gpu_shares WHERE line = 'request' GROUP BY method")
    told = ", ".join(f"{tenant} {100 * error:+.1f} %" for tenant, error in off.items())
    sys.stdout.write(f"share against cost alone: {told}; {methods}\n")
    assert set(off) == set(TENANTS), told
    assert all(abs(error) < ROUGHLY for error in off.values()), told
