"""The gain that was predicted when a request came, in place of a model: no prompt is stored to ask one of."""

from __future__ import annotations

from collections.abc import Sequence

from metering.event import Routing
from router.decision import RouteRequest
from router.gain import Gain, GainModel

MICRO = 1_000_000


class NotRecorded(Exception):
    """A decision asked for a gain that its row does not have. The message says why, for the report."""


class RecordedGain:
    """A GainModel that says what the row says. One row at a time: `now` is set before each decision.

    Thresholds are the artefact's own: a share of calls means the gain that this share of the conversations
    it was calibrated on reach.
    """

    def __init__(self, artefact: GainModel) -> None:
        self._artefact = artefact
        self.now: Routing | None = None

    @property
    def version(self) -> str:
        return self._artefact.version

    def threshold(self, large_share: float) -> float:
        return self._artefact.threshold(large_share)

    def gain(self, request: RouteRequest) -> Gain:
        """Raises NotRecorded."""
        row = self.now
        if row is None or row.gain is None:
            raise NotRecorded("no gain was recorded: a rule, a budget or an older release decided")
        if row.gain_model != self.version:
            raise NotRecorded(f"the gain is of artefact {row.gain_model}, not of {self.version}")
        return Gain(row.gain / MICRO, row.known != 0, 0.0, "", {})

    def gains(self, requests: Sequence[RouteRequest]) -> list[Gain]:
        return [self.gain(request) for request in requests]
