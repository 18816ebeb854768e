"""What Prometheus sees. Labels are bounded: names from the configuration file, closed sets, nothing a client
can invent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metering.event import Event
from metering.outcome import Outcome

_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1)
OTHER = "other"


class Gauges(Protocol):
    """Read when Prometheus asks, so that the hot path keeps none of it."""

    def read(self) -> Iterable[tuple[str, str, dict[str, str], float]]:
        """(name, help, labels, value)"""
        ...


class _GaugeCollector(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, text, labels, value in self._gauges.read():
            family = families.get(name)
            if family is None:
                family = families[name] = GaugeMetricFamily(name, text, labels=list(labels))
            family.add_metric(list(labels.values()), value)
        return families.values()


class Metrics:
    """Counters and histograms; children are looked up once per label set."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._requests = Counter(
            "weir_requests",
            "Requests by how they ended",
            ("api", "model", "tenant", "outcome", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "weir_request_seconds", "Whole request", ("api", "model"), buckets=_REQUEST_S, registry=registry
        )
        self._first = Histogram(
            "weir_first_token_seconds",
            "To the first byte of the answer",
            ("model",),
            buckets=_REQUEST_S,
            registry=registry,
        )
        self._overhead = Histogram(
            "weir_overhead_seconds",
            "Spent in the gateway itself",
            ("api",),
            buckets=_OVERHEAD_S,
            registry=registry,
        )
        self._attempts = Counter(
            "weir_attempts",
            "Upstream attempts by how they ended",
            ("backend", "model", "outcome"),
            registry=registry,
        )
        self._tokens = Counter(
            "weir_tokens", "Metered tokens by disjoint class", ("tenant", "model", "class"), registry=registry
        )
        self._cost = Counter(
            "weir_cost_usd", "Charged to tenants, USD", ("tenant", "model"), registry=registry
        )
        self._unpriced = Counter(
            "weir_unpriced_attempts", "Attempts whose cost is unknown", ("tenant", "model"), registry=registry
        )
        self._cache = Counter("weir_cache_lookups", "Cache lookups by result", ("status",), registry=registry)
        self._routes = Counter(
            "weir_routes", "Routing decisions", ("route", "tier", "reason"), registry=registry
        )
        self._children: dict[tuple[object, ...], Callable[[float], None]] = {}

    def watch(self, gauges: Gauges) -> None:
        self.registry.register(_GaugeCollector(gauges))

    def exposition(self) -> bytes:
        return generate_latest(self.registry)

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
        self._add(self._requests, (api, model, tenant, outcome.value, str(status)), 1)
        self._observe(self._seconds, (api, model), total_s)
        self._observe(self._overhead, (api,), overhead_s)

    def attempt(self, event: Event) -> None:
        model = event.served_model
        self._add(self._attempts, (event.backend, model, event.outcome.value), 1)
        if event.first_token_us is not None:
            self._observe(self._first, (model,), event.first_token_us / 1e6)
        self._meter(event, model)

    def cache(self, status: str) -> None:
        self._add(self._cache, (status,), 1)

    def route(self, route: str, tier: str, reason: str) -> None:
        """Of the reason only its kind, the word before the colon: scores and rule numbers are unbounded."""
        self._add(self._routes, (route, tier, reason.partition(":")[0]), 1)

    def _meter(self, event: Event, model: str) -> None:
        usage, tenant = event.usage, event.tenant
        if usage is not None and event.outcome is not Outcome.CACHED:
            for name, tokens in (
                ("input_uncached", usage.input_uncached),
                ("cache_read", usage.cache_read),
                ("cache_write", usage.cache_write),
                ("output", usage.output),
            ):
                if tokens:
                    self._add(self._tokens, (tenant, model, name), tokens)
        if event.cost_nanos is None:
            self._add(self._unpriced, (tenant, model), 1)
        elif event.cost_nanos:
            self._add(self._cost, (tenant, model), event.cost_nanos / 1e9)

    def _add(self, counter: Counter, labels: tuple[str, ...], amount: float) -> None:
        key = (counter, labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = counter.labels(*labels).inc
        child(amount)

    def _observe(self, histogram: Histogram, labels: tuple[str, ...], value: float) -> None:
        key = (histogram, labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = histogram.labels(*labels).observe
        child(value)
