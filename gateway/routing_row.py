"""A decision as the ledger's rows hold it."""

from __future__ import annotations

from functools import lru_cache

from metering.event import Routing
from router.decision import Decision, RouteRequest

MICRO = 1_000_000
"""Rows hold gains in whole millionths."""
APIS = frozenset({"chat", "completions", "embeddings"})
"""Needs that the row's `api` says already."""


def routing_of(decision: Decision, asked: RouteRequest) -> Routing:
    gain, threshold, known = decision.gain, decision.threshold, decision.known
    return Routing(
        None if gain is None else round(gain * MICRO),
        None if threshold is None else round(threshold * MICRO),
        None if known is None else int(known),
        decision.model_version or None,
        asked.prompt_tokens,
        _beside_api(asked.needs),
    )


@lru_cache(maxsize=256)
def _beside_api(needs: frozenset[str]) -> str:
    return ",".join(sorted(needs - APIS))
