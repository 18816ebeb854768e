"""Counts and spreads come out in Prometheus's text as they went in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Metrics
from metering.outcome import Outcome
from tests.fakes.events import make_event


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30))
def test_a_histogram_is_cumulative_and_keeps_sum_and_count(seconds: list[float]) -> None:
    metrics = Metrics()
    for value in seconds:
        metrics.request("chat.completions", "m", "t", Outcome.COMPLETED, 200, value, 0.0)
    found = samples(metrics)
    labels = (("api", "chat.completions"), ("model", "m"))
    assert found["weir_request_seconds_count", labels] == len(seconds)
    assert abs(found["weir_request_seconds_sum", labels] - sum(seconds)) < 1e-6 * max(1, sum(seconds))
    for (name, with_bound), value in found.items():
        if name == "weir_request_seconds_bucket":
            bound = float(dict(with_bound)["le"].replace("+Inf", "inf"))
            assert value == sum(second <= bound for second in seconds)


def test_attempts_tokens_and_money() -> None:
    metrics = Metrics()
    event = make_event(1, cost_nanos=1_500_000_000)
    metrics.attempt(event)
    metrics.attempt(event)
    metrics.attempt(make_event(2, cost_nanos=None))
    found = samples(metrics)
    who = (("model", event.served_model), ("tenant", event.tenant))
    assert found["weir_cost_usd_total", who] == 3.0
    assert found["weir_unpriced_attempts_total", who] == 1.0
    assert event.usage is not None
    output = (("class", "output"), *who)
    assert found["weir_tokens_total", output] >= 2 * event.usage.output


def test_gauges_are_read_when_asked() -> None:
    class Now:
        value = 1.0

        def read(self) -> Iterable[tuple[str, str, Mapping[str, str], float]]:
            yield "weir_backend_up", "Up", {"backend": "a", "url": "u"}, self.value

    metrics, now = Metrics(), Now()
    metrics.watch(now)
    labels = (("backend", "a"), ("url", "u"))
    assert samples(metrics)["weir_backend_up", labels] == 1.0
    now.value = 0.0
    assert samples(metrics)["weir_backend_up", labels] == 0.0


def test_a_reason_is_counted_by_its_kind() -> None:
    metrics = Metrics()
    metrics.route("auto", "small", "gain:0.118<0.124")
    metrics.route("auto", "small", "gain:0.102<0.124")
    labels = (("reason", "gain"), ("route", "auto"), ("tier", "small"))
    assert samples(metrics)["weir_routes_total", labels] == 2.0
