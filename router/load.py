"""What one more request costs an engine that is paid by the hour anyway, and when it should go elsewhere."""

from __future__ import annotations

from typing import NamedTuple

IDLE_SHARE = 0.05
"""Of the full price, on an engine that does nothing: power, and the place that is taken from others."""


class Load(NamedTuple):
    """Of one backend, as this gateway sees it."""

    in_flight: int
    """Requests of this gateway there now."""
    slots: int
    """How many it works on at once; at least 1."""
    hourly: bool
    """Paid by the hour, whether used or not."""

    @property
    def saturated(self) -> bool:
        """One more would wait."""
        return self.in_flight >= self.slots


def marginal_share(load: Load) -> float:
    """How much of the full price one more request costs: 1 where use is paid for. On an engine paid by the
    hour IDLE_SHARE where it is idle, rising with the square of its use to 1 where its slots are taken, and
    beyond that with the queue: whoever waits longer pays in time."""
    if not load.hourly:
        return 1.0
    used = load.in_flight / load.slots
    return IDLE_SHARE + (1.0 - IDLE_SHARE) * used * used if used < 1.0 else used
