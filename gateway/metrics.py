"""What Prometheus sees. Labels are bounded: names from the configuration file, closed sets, nothing a client
can invent.

Counting happens on the event loop's thread only, in plain dictionaries: a lock per count would cost more
than the count. `prometheus_client` renders them when Prometheus asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from metering.event import Event
from metering.outcome import Outcome

Labels = tuple[str, ...]
_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1)
OTHER = "other"


class Gauges(Protocol):
    """Read when Prometheus asks, so that the hot path keeps none of it."""

    def read(self) -> Iterable[tuple[str, str, Mapping[str, str], float]]:
        """(name, help, labels, value)"""
        ...


class Count:
    """A counter with labels."""

    __slots__ = ("_help", "_labels", "_name", "_values")

    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self._name, self._help, self._labels = name, text, labels
        self._values: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        self._values[labels] = self._values.get(labels, 0) + amount

    def family(self) -> Metric:
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric([str(label) for label in labels], value)
        return family


class Spread:
    """A histogram with labels."""

    __slots__ = ("_bounds", "_help", "_labels", "_name", "_values")

    def __init__(self, name: str, text: str, labels: Labels, bounds: tuple[float, ...]) -> None:
        self._name, self._help, self._labels, self._bounds = name, text, labels, bounds
        self._values: dict[Labels, list[float]] = {}
        """Per label set: how many in each bucket, then above all, then the sum of values."""

    def add(self, labels: Labels, value: float) -> None:
        values = self._values.get(labels)
        if values is None:
            values = self._values[labels] = [0.0] * (len(self._bounds) + 2)
        values[bisect_left(self._bounds, value)] += 1
        values[-1] += value

    def family(self) -> Metric:
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        for labels, values in self._values.items():
            buckets, running = [], 0.0
            for bound, count in zip((*self._bounds, None), values[:-1], strict=True):
                running += count
                buckets.append(("+Inf" if bound is None else repr(float(bound)), running))
            family.add_metric([str(label) for label in labels], buckets, values[-1])
        return family


class Metrics(Collector):
    """Every count and spread, and where they are written."""

    def __init__(self) -> None:
        self._requests = Count(
            "weir_requests", "Requests by how they ended", ("api", "model", "tenant", "outcome", "status")
        )
        self._seconds = Spread("weir_request_seconds", "Whole request", ("api", "model"), _REQUEST_S)
        self._first = Spread(
            "weir_first_token_seconds", "To the upstream's first byte", ("model",), _REQUEST_S
        )
        self._overhead = Spread("weir_overhead_seconds", "Spent in the gateway itself", ("api",), _OVERHEAD_S)
        self._attempts = Count(
            "weir_attempts", "Upstream attempts by how they ended", ("backend", "model", "outcome")
        )
        self._tokens = Count("weir_tokens", "Metered tokens by disjoint class", ("tenant", "model", "class"))
        self._cost = Count("weir_cost_usd", "Charged to tenants, USD", ("tenant", "model"))
        self._unpriced = Count(
            "weir_unpriced_attempts", "Attempts whose cost is unknown", ("tenant", "model")
        )
        self._cache = Count("weir_cache_lookups", "Cache lookups by result", ("status",))
        self._routes = Count("weir_routes", "Routing decisions", ("route", "tier", "reason"))
        self._gauges: list[Gauges] = []
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def watch(self, gauges: Gauges) -> None:
        self._gauges.append(gauges)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        yield from (value.family() for value in vars(self).values() if isinstance(value, (Count, Spread)))
        families: dict[str, GaugeMetricFamily] = {}
        for name, text, labels, value in (row for gauges in self._gauges for row in gauges.read()):
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        yield from families.values()

    # ------------------------------------------------------------------ what is counted

    def request(
        self,
        api: str,
        model: str,
        tenant: str,
        outcome: Outcome,
        status: int,
        total_s: float,
        overhead_s: float,
    ) -> None:
        self._requests.add((api, model, tenant, outcome, str(status)))
        self._seconds.add((api, model), total_s)
        self._overhead.add((api,), overhead_s)

    def attempt(self, event: Event) -> None:
        model, tenant, usage = event.served_model, event.tenant, event.usage
        self._attempts.add((event.backend, model, event.outcome))
        if event.first_token_us is not None:
            self._first.add((model,), event.first_token_us / 1e6)
        if usage is not None and event.outcome is not Outcome.CACHED:
            add = self._tokens.add
            add((tenant, model, "input_uncached"), usage.input_uncached)
            add((tenant, model, "output"), usage.output)
            if usage.cache_read:
                add((tenant, model, "cache_read"), usage.cache_read)
            if usage.cache_write:
                add((tenant, model, "cache_write"), usage.cache_write)
        if event.cost_nanos is None:
            self._unpriced.add((tenant, model))
        else:
            self._cost.add((tenant, model), event.cost_nanos / 1e9)

    def cache(self, status: str) -> None:
        self._cache.add((status,))

    def route(self, route: str, tier: str, reason: str) -> None:
        """Of the reason only its kind, the word before the colon: scores and rule numbers are unbounded."""
        self._routes.add((route, tier, reason.partition(":")[0]))
