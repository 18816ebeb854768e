"""GPU time of local engines that are paid by the hour: who is on them now, and a first figure at settle.

The closed window's shares are final (`metering/gpu/`); these are for budgets, headers and the row at once.
"""

from __future__ import annotations

from datetime import date

from gateway.clock import Clock
from gateway.config import GatewaySettings
from metering.days import utc_day
from metering.event import Event
from metering.gpu.capacity import GpuPrice
from metering.gpu.provisional import Presence, Provisional, provisional, work_ns
from metering.gpu.samples import attempt_of
from metering.gpu.work import DEFAULT_WEIGHTS, Weights
from metering.gpu_rates import GpuRate


class GpuMeter:
    """Of one backend. Its attempts are counted in `presence` from dispatch to settle."""

    __slots__ = ("_clock", "_presence", "price", "weights")

    def __init__(self, price: GpuPrice, clock: Clock) -> None:
        self.price = price
        self.weights: Weights = DEFAULT_WEIGHTS
        self._clock = clock
        self._presence = Presence(self._now_ns())

    def begin(self) -> int:
        """What this returns is handed to `end`."""
        return self._presence.begin(self._now_ns())

    def end(self, begun: int) -> int:
        """The attempt's even share of one GPU's time since then, in nanoseconds."""
        return self._presence.end(begun, self._now_ns())

    def figure(self, event: Event, even_ns: int) -> Provisional:
        """GPU time and money of a settled attempt."""
        attempt = attempt_of(event)
        found = provisional(attempt, self.weights, self.price, even_ns, self._presence.usual)
        work = work_ns(attempt, self.weights)
        if work is not None:
            self._presence.note(work, attempt.last_token_ns - attempt.dispatch_ns)
        return found

    def bound_nanos(self, prompt_tokens: int, output_tokens: int) -> int:
        """What an attempt of that size is taken to cost at most: twice its work on an empty engine. A bound
        by its longest time would be hundreds of times what attempts cost."""
        weights = self.weights
        kilotokens = (prompt_tokens + output_tokens) / 1000
        prefill_ns = weights.prefill_ns_per_token + weights.prefill_ns_per_kilocontext * kilotokens
        decode_ns = weights.decode_ns_per_token + weights.decode_ns_per_kilocontext * kilotokens
        work_ns = prompt_tokens * prefill_ns + output_tokens * decode_ns
        return self.price.nanos_for(2 * self.price.gpus * round(work_ns))

    def _now_ns(self) -> int:
        return int(self._clock.monotonic() * 1e9)


class GpuMeters:
    """By backend; only backends with `gpus` have one. A reload keeps what is under way."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        self._clock = clock
        self._meters: dict[str, GpuMeter] = {}
        self.use(settings)

    def get(self, backend: str) -> GpuMeter | None:
        return self._meters.get(backend)

    def use(self, settings: GatewaySettings) -> None:
        meters: dict[str, GpuMeter] = {}
        today = utc_day(self._clock.wall_ns() // 1000)
        for name in settings.backends:
            price = gpu_price(settings, name, today)
            if price is not None:
                meters[name] = self._meters.get(name) or GpuMeter(price, self._clock)
                meters[name].price = price
        self._meters = meters


def gpu_price(settings: GatewaySettings, backend: str, day: date) -> GpuPrice | None:
    """On that UTC day, from `gpu_rates` or else from the backend itself; None where a backend is not paid by
    the hour."""
    found = settings.backends.get(backend)
    gpus = None if found is None else found.gpus
    if gpus is None:
        return None
    rate = settings.gpu_price_book.find(backend, day) or GpuRate(backend, gpus.usd_per_hour)
    return GpuPrice(rate.usd_per_hour, gpus.count, rate.version)
