"""Gains of the requests of one turn of the event loop, found together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.weighing import MOST_AT_ONCE, Weigher
from router.decision import RouteRequest
from router.gain import Gain
from tests.unit.routing import request


class Recording:
    """A GainModel that gains what a prompt's length is, and fails on some."""

    version = "recording"

    def __init__(self, *, refuses: str = "") -> None:
        self.asked: list[int] = []
        self._refuses = refuses

    def gain(self, request: RouteRequest) -> Gain:
        return self.gains([request])[0]

    def gains(self, requests: Sequence[RouteRequest]) -> list[Gain]:
        self.asked.append(len(requests))
        said = [str(each.fields["messages"][-1]["content"]) for each in requests]
        if self._refuses and self._refuses in said:
            raise ValueError(self._refuses)
        return [Gain(len(each) / 1000, True, 0.0, "text", {}) for each in said]

    def threshold(self, large_share: float) -> float:
        return large_share


async def test_what_arrives_in_one_turn_is_weighed_at_once() -> None:
    model, weigher = Recording(), Weigher()
    gains = await asyncio.gather(*(weigher.gain(model, request("x" * n)) for n in range(1, 6)))
    assert [found.gain for found in gains] == [0.001, 0.002, 0.003, 0.004, 0.005]
    assert model.asked == [5]


async def test_the_next_turn_is_weighed_by_itself() -> None:
    model, weigher = Recording(), Weigher()
    for _ in range(2):
        await weigher.gain(model, request("x"))
    assert model.asked == [1, 1]


async def test_each_model_weighs_its_own() -> None:
    one, other, weigher = Recording(), Recording(), Weigher()
    await asyncio.gather(
        weigher.gain(one, request("x")), weigher.gain(other, request("xx")), weigher.gain(one, request("xxx"))
    )
    assert (one.asked, other.asked) == ([2], [1])


async def test_a_crowd_is_weighed_in_parts() -> None:
    model, weigher = Recording(), Weigher()
    await asyncio.gather(*(weigher.gain(model, request("x")) for _ in range(MOST_AT_ONCE + 1)))
    assert model.asked == [MOST_AT_ONCE, 1]


async def test_a_client_that_left_is_not_weighed() -> None:
    model, weigher = Recording(), Weigher()
    left, stays = weigher.gain(model, request("x")), weigher.gain(model, request("xx"))
    left.cancel()
    assert (await stays).gain == 0.002
    assert model.asked == [1]


async def test_one_that_cannot_be_weighed_fails_alone() -> None:
    model, weigher = Recording(refuses="bad"), Weigher()
    good, bad = weigher.gain(model, request("good")), weigher.gain(model, request("bad"))
    assert (await good).gain == 0.004
    with pytest.raises(ValueError, match="bad"):
        await bad
