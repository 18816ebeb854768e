"""The gains of all the requests that arrived in one turn of the event loop, found together.

A gain model takes some forty steps, which cost the same for one prompt as for a dozen; what each waits for is
the end of the turn that it came in, which an idle gateway reaches at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.decision import RouteRequest
from router.gain import Gain, GainModel

MOST_AT_ONCE = 64
_Waiting = tuple[RouteRequest, asyncio.Future[Gain]]


class Weigher:
    """For the event loop's thread."""

    def __init__(self) -> None:
        self._waiting: dict[GainModel, list[_Waiting]] = {}

    def gain(self, model: GainModel, request: RouteRequest) -> asyncio.Future[Gain]:
        """What `model.gain` says of the request; raises what that raises."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self.weigh)
        weighed: asyncio.Future[Gain] = loop.create_future()
        self._waiting.setdefault(model, []).append((request, weighed))
        return weighed

    def weigh(self) -> None:
        """Everything that waits, now."""
        waiting, self._waiting = self._waiting, {}
        for model, requests in waiting.items():
            for begun in range(0, len(requests), MOST_AT_ONCE):
                _weigh(model, requests[begun : begun + MOST_AT_ONCE])


def _weigh(model: GainModel, waiting: Sequence[_Waiting]) -> None:
    wanted = [each for each in waiting if not each[1].done()]  # a client that left has cancelled its own
    if not wanted:
        return
    try:
        gains = model.gains([request for request, _ in wanted])
    except Exception as defect:  # noqa: BLE001  a defect of ours, which the road reports: for each request its own
        if len(wanted) == 1:
            wanted[0][1].set_exception(defect)
        else:
            for each in wanted:
                _weigh(model, (each,))
        return
    for (_, weighed), gain in zip(wanted, gains, strict=True):
        weighed.set_result(gain)
