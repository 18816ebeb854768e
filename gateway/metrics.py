"""What Prometheus sees. Labels are bounded: names from the configuration file, closed sets, nothing a client
can invent. Tallies are kept on the way (`tallies.py`) and put into families when Prometheus asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.tallies import AttemptTally, RequestTally, Spread
from metering.event import Event
from metering.outcome import Outcome

Labels = tuple[str, ...]
OTHER = "other"


class Gauges(Protocol):
    """Read when Prometheus asks, so that the hot path keeps none of it."""

    def read(self) -> Iterable[tuple[str, str, Mapping[str, str], float]]:
        """(name, help, labels, value)"""
        ...


class Metrics(Collector):
    """Every tally, and where they are written."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str, Outcome, int], RequestTally] = {}
        self._attempts: dict[tuple[str, str, str, Outcome], AttemptTally] = {}
        self._cache: dict[Labels, int] = {}
        self._audited: dict[Labels, int] = {}
        self._routes: dict[Labels, int] = {}
        self._refused: dict[Labels, int] = {}
        self._judged: dict[Labels, int] = {}
        self._compared: dict[Labels, int] = {}
        self._gauges: list[Gauges] = []
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def watch(self, gauges: Gauges) -> None:
        self._gauges.append(gauges)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)

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
        labels = (api, model, tenant, outcome, status)
        tally = self._requests.get(labels)
        if tally is None:
            tally = self._requests[labels] = RequestTally()
        tally.total_s.add(total_s)
        tally.overhead_s.add(overhead_s)

    def attempt(self, event: Event) -> None:
        labels = (event.tenant, event.served_model, event.backend, event.outcome)
        tally = self._attempts.get(labels)
        if tally is None:
            tally = self._attempts[labels] = AttemptTally()
        tally.add(event)

    def cache(self, status: str) -> None:
        self._cache[status,] = self._cache.get((status,), 0) + 1

    def route(self, route: str, tier: str, reason: str) -> None:
        """Of the reason only its kind, the word before the colon: scores and rule numbers are unbounded."""
        labels = (route, tier, reason.partition(":")[0])
        self._routes[labels] = self._routes.get(labels, 0) + 1

    def refused(self, counter: str, reason: str) -> None:
        """By a budget or limit. Counters are named by the file, and by what keys and tenants there are."""
        self._refused[counter, reason] = self._refused.get((counter, reason), 0) + 1

    def judged(self, route: str, verdict: str) -> None:
        """An answer of a cascade: kept, or what was doubtful about it."""
        self._judged[route, verdict] = self._judged.get((route, verdict), 0) + 1

    def compared(self, route: str, how: str) -> None:
        """Of the sample: a verdict, or why there is none."""
        self._compared[route, how] = self._compared.get((route, how), 0) + 1

    def cache_lookups(self) -> dict[str, int]:
        return {status: count for (status,), count in self._cache.items()}

    def cache_audits(self) -> list[dict[str, str | int]]:
        return [
            {"kind": str(kind), "outcome": str(outcome), "count": count}
            for (kind, outcome), count in self._audited.items()
        ]

    def cache_audited(self, kind: str, outcome: str) -> None:
        """What an audit of the cache found, or why it came to nothing."""
        self._audited[kind, outcome] = self._audited.get((kind, outcome), 0) + 1

    # ------------------------------------------------------------------ what is told

    def collect(self) -> Iterable[Metric]:
        yield from self._of_requests()
        yield from self._of_attempts()
        yield _counter("weir_cache_lookups", "Cache lookups by result", ("status",), self._cache.items())
        what = "Kept answers that were compared with fresh ones"
        yield _counter("weir_cache_audits", what, ("kind", "outcome"), self._audited.items())
        what = "Routing decisions"
        yield _counter("weir_routes", what, ("route", "tier", "reason"), self._routes.items())
        what = "Attempts and requests that a budget or limit refused"
        yield _counter("weir_budget_refusals", what, ("budget", "reason"), self._refused.items())
        what = "Answers that a cascade judged"
        yield _counter("weir_cascade_answers", what, ("route", "verdict"), self._judged.items())
        what = "Answers of the sample that were compared with another tier's, or not"
        yield _counter("weir_comparisons", what, ("route", "result"), self._compared.items())
        families: dict[str, GaugeMetricFamily] = {}
        for name, text, labels, value in (row for gauges in self._gauges for row in gauges.read()):
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        yield from families.values()

    def _of_requests(self) -> Iterable[Metric]:
        found = self._requests.items()
        yield _counter(
            "weir_requests",
            "Requests by how they ended",
            ("api", "model", "tenant", "outcome", "status"),
            (((*key[:4], str(key[4])), tally.requests) for key, tally in found),
        )
        total = _merged(((key[0], key[1]), tally.total_s) for key, tally in found)
        yield _histogram("weir_request_seconds", "Whole request", ("api", "model"), total)
        own = _merged(((key[0],), tally.overhead_s) for key, tally in found)
        yield _histogram("weir_overhead_seconds", "Spent in the gateway itself", ("api",), own)

    def _of_attempts(self) -> Iterable[Metric]:
        found = self._attempts.items()
        first = _merged(((key[1],), tally.first_s) for key, tally in found)
        yield _histogram("weir_first_token_seconds", "To the upstream's first byte", ("model",), first)
        ended = _summed(found, lambda key: (key[2], key[1], key[3]), lambda tally: tally.attempts)
        what = "Upstream attempts by how they ended"
        yield _counter("weir_attempts", what, ("backend", "model", "outcome"), ended.items())
        tokens: dict[Labels, float] = {}
        for name in ("input_uncached", "cache_read", "cache_write", "output"):
            field = f"{name}_tokens"
            sums = _summed(found, lambda key: key[:2], lambda tally, field=field: getattr(tally, field))  # type: ignore[misc]
            tokens |= {(*who, name): count for who, count in sums.items() if count}
        what = "Metered tokens by disjoint class"
        yield _counter("weir_tokens", what, ("tenant", "model", "class"), tokens.items())
        cost = _summed(found, lambda key: key[:2], lambda tally: tally.cost_nanos)
        usd = ((who, nanos / 1e9) for who, nanos in cost.items())
        yield _counter("weir_cost_usd", "Charged to tenants, USD", ("tenant", "model"), usd)
        unpriced = _summed(found, lambda key: key[:2], lambda tally: tally.unpriced)
        missing = ((who, count) for who, count in unpriced.items() if count)
        what = "Attempts whose cost is unknown"
        yield _counter("weir_unpriced_attempts", what, ("tenant", "model"), missing)


def _summed(
    found: Iterable[tuple[Labels, AttemptTally]],
    who: Callable[[Labels], Labels],
    what: Callable[[AttemptTally], int],
) -> dict[Labels, int]:
    sums: dict[Labels, int] = {}
    for key, tally in found:
        labels = who(key)
        sums[labels] = sums.get(labels, 0) + what(tally)
    return sums


def _merged(found: Iterable[tuple[Labels, Spread]]) -> dict[Labels, Spread]:
    merged: dict[Labels, Spread] = {}
    for labels, spread in found:
        if labels not in merged:
            merged[labels] = Spread(spread.bounds)
        merged[labels].take_in(spread)
    return merged


def _counter(name: str, text: str, labels: Labels, found: Iterable[tuple[Labels, float]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in found:
        family.add_metric([str(value) for value in values], count)
    return family


def _histogram(name: str, text: str, labels: Labels, found: Mapping[Labels, Spread]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, spread in found.items():
        buckets, running = [], 0
        for bound, count in zip((*spread.bounds, None), spread.counts, strict=True):
            running += count
            buckets.append(("+Inf" if bound is None else repr(float(bound)), running))
        family.add_metric([str(value) for value in values], buckets, spread.sum)
    return family
