"""What a running gateway shows of itself as gauges, read when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.runtime import Runtime

Gauge = tuple[str, str, dict[str, str], float]
"""(name, help, labels, value)"""


class Gauges:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def read(self) -> Iterable[Gauge]:
        yield from self._of_the_road()
        yield from self._of_the_meter()
        yield from self._of_budgets()
        yield from self._of_backends()

    def _of_the_road(self) -> Iterable[Gauge]:
        services, keys = self._runtime.services, self._runtime.keys
        yield "weir_in_flight", "Requests under way", {}, services.lifecycle.in_flight
        yield "weir_config_version", "Configuration in force", {}, services.live.snapshot.version
        cache = services.cache.status()
        yield "weir_cache_bytes", "Bytes of kept answers", {}, sum(cache.tenant_bytes.values())
        yield "weir_cache_entries", "Kept answers", {}, cache.entries
        yield "weir_cache_index_bytes", "Bytes of the indexes by meaning", {}, cache.index_bytes
        yield "weir_cache_errors", "Commands to the shared cache that failed", {}, cache.errors
        yield "weir_cache_away", "Whether the shared cache is away", {}, int(bool(cache.away))
        yield "weir_keys", "API keys known", {}, len(keys.registry)

    def _of_the_meter(self) -> Iterable[Gauge]:
        journal, meter = self._runtime.journal, self._runtime.meter
        yield "weir_ledger_backlog", "Rows not yet in the ledger", {}, meter.backlog
        yield "weir_journal_open_attempts", "Attempts under way", {}, journal.open_attempts
        yield "weir_journal_unmetered", "Rows that found no room and are gone", {}, journal.unmetered
        yield "weir_journal_ok", "Whether the journal takes new work", {}, float(journal.problem == "")
        yield "weir_ledger_up", "Whether the last write to the ledger went through", {}, float(meter.ok)
        now_s = self._runtime.clock.wall_ns() / 1e9
        for backend, until_us in self._runtime.gpu_keeper.closed_until_us.items():
            lag_s = now_s - until_us / 1e6
            yield "weir_gpu_window_lag_seconds", "Since the last closed window", {"backend": backend}, lag_s

    def _of_budgets(self) -> Iterable[Gauge]:
        desk = self._runtime.budgets.desk
        yield "weir_budget_state_up", "Whether the shared state answers", {}, float(desk.away is None)
        yield "weir_budget_overruns", "Attempts that cost more than was held", {}, desk.overruns
        for standing in desk.standings(self._runtime.clock.wall_ns() // 1000):
            budget = standing.budget
            labels = {"budget": budget.name, "counter": standing.counter, "unit": budget.unit}
            labels["terms"] = budget.terms
            yield "weir_budget_limit", "Of the budget or limit, in its unit", labels, standing.limit
            yield "weir_budget_spent", "Spent in its period so far", labels, standing.spent
            yield "weir_budget_reserved", "Held for attempts, leases included", labels, standing.reserved

    def _of_backends(self) -> Iterable[Gauge]:
        for target in self._runtime.fleet.targets():
            labels = {"backend": target.backend, "url": target.label}
            yield "weir_backend_up", "In rotation: healthy and circuit not open", labels, float(target.up)
            yield "weir_backend_in_flight", "Attempts under way", labels, target.in_flight
