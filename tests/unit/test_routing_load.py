"""The engine model of `benchmarks/routing_load`, by numbers that fit on a hand."""

from __future__ import annotations

import pytest

from benchmarks.routing_load.simulate import Asked, Engine, Vendor, always, burst, lines, replay

ENGINE = Engine(slots=1, prefill_tokens_per_s=100, decode_tokens_per_s=10, usd_per_hour=3.6)
VENDOR = Vendor(input=1, output=10)
TRACE = [Asked(0, 100, 10), Asked(1, 100, 10), Asked(1, 100, 10), Asked(10, 100, 10)]
"""Two seconds each on the engine, 200 millionths of a dollar each at the vendor."""


def test_whoever_finds_no_slot_waits_for_those_before() -> None:
    found = replay(TRACE, ENGINE, VENDOR, always("engine"))
    assert found.waits_s == (0, 1, 3, 0)
    assert (found.local, found.vendor_usd) == (4, 0)
    assert found.engine_usd == pytest.approx(0.01)
    assert found.work == pytest.approx(0.8)


def test_whoever_finds_no_slot_bursts() -> None:
    found = replay(TRACE, ENGINE, VENDOR, burst(VENDOR))
    assert found.waits_s == (0, 0)
    assert found.vendor_usd == pytest.approx(0.0004)
    *_, row = lines([("both", 1, found)])
    assert row == "| both | 1 | 0.01 | 0.00 | 0.01 | 50.0% | 0.0% | 0.00 | 0.0 | 40% |"


def test_the_vendor_has_room_for_all() -> None:
    found = replay(TRACE, ENGINE, VENDOR, always("vendor"))
    assert (found.local, found.waits_s) == (0, ())
    assert found.vendor_usd == pytest.approx(0.0008)
