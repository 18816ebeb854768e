"""A second opinion on a hit by meaning: the embeddings of both questions, by a model that the file names."""

from __future__ import annotations

import asyncio
from math import sqrt

from gateway.caching.plans import SecondPlan
from gateway.errors import GatewayError
from gateway.exchange import Exchange


async def agrees(exchange: Exchange, second: SecondPlan, asked: str, kept: str) -> bool:
    """False where it cannot be had in time, too: then nothing is served."""
    from gateway.quality.house import ask_embeddings  # it sends on the road, which looks up here

    services, _, snapshot, _, call, journey = exchange
    from_s = journey.clock.monotonic()
    try:
        async with asyncio.timeout(second.within_s):
            found = await ask_embeddings(services, snapshot, second.model, (asked, kept), call.model)
    except (GatewayError, TimeoutError):
        return False
    finally:
        journey.waited_s += journey.clock.monotonic() - from_s
    return _cosine(*found) >= second.at_least


def _cosine(first: list[float], second: list[float]) -> float:
    """-1 where a vector says nothing."""
    lengths = sqrt(sum(x * x for x in first)) * sqrt(sum(x * x for x in second))
    return sum(x * y for x, y in zip(first, second, strict=True)) / lengths if lengths else -1.0
