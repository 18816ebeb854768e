"""How much better the dearest tier is expected to answer than the cheapest: what every gain model says.

Gain, not difficulty: where both tiers fail, or both do well, the dear call buys nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from router.decision import RouteRequest


class Gain(NamedTuple):
    """Of one conversation, before any policy looks at it."""

    gain: float
    """Expected quality of the dearest tier minus the cheapest's, from -1 to 1. Calibrated where `known`."""
    known: bool
    """False: too far from what the model was fitted on; the prior by length and task family spoke instead."""
    novelty: float
    """How far, 0 (as fitted) to 1 (nothing in common)."""
    family: str
    """The task family that the conversation looks like: chat, code, maths, choice, extraction..."""
    details: Mapping[str, Any]
    """For `x-weir-route: explain`; empty where nobody asked."""


class GainModel(Protocol):
    """Pure: the same conversation always has the same gain."""

    @property
    def version(self) -> str:
        """Names the artefact: in rows, explanations and reports."""
        ...

    def gain(self, request: RouteRequest) -> Gain: ...

    def gains(self, requests: Sequence[RouteRequest]) -> list[Gain]:
        """One each, as `gain` gives it, to the last digits of single precision."""
        ...

    def threshold(self, large_share: float) -> float:
        """The gain that this share (0 to 1) of the conversations it was calibrated on reach or exceed."""
        ...
