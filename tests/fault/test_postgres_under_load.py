"""PostgreSQL is killed and started, then frozen and let go, under a gateway that serves a steady load: no
request notices, no row is lost or double, and the log has one line per change."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from metering.outcome import Outcome
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.fault.marked_load import Asked, Load, compare, config, metric, news, rows_of
from tests.postgres import Server, server, signal_all

MODEL = "fault/slow-1-50"
"""50 ms at the upstream."""
PER_S = 40
CALM_S, STOPPED_S, FROZEN_S = 4.0, 5.0, 9.0
"""Frozen for longer than a batch may take before its connection is cut."""
BACK_WITHIN_S = 40.0
MORE_THAN_NORMAL_S = 0.25


@pytest.fixture
def own() -> Iterator[Server]:
    with server(durable=True) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Phase:
    """What clients met through the gateway, and at the same time without it: what this machine, the client
    and the upstream cost just then is in both."""

    name: str
    through: list[Asked]
    straight: list[Asked]

    def slower_s(self) -> tuple[float, float]:
        """By how much the gateway's answers took longer: the median, and the slowest."""
        through, straight = ([one.took_s for one in asked] for asked in (self.through, self.straight))
        return (
            statistics.median(through) - statistics.median(straight),
            max(through) - max(straight),
        )


class Trial:
    """One gateway on one PostgreSQL, loaded in phases."""

    def __init__(self, gateway: GatewayProcess, upstream: FakeUpstream) -> None:
        self.gateway = gateway
        self.phases: list[Phase] = []
        self._urls = gateway.base_url, upstream.base_url

    async def phase(self, name: str, happens: Callable[[], None]) -> None:
        """Load while that happens, on a thread, and until the ledger has everything."""
        loads = [
            Load(url, MODEL, f"{side}-{name}", PER_S)
            for side, url in zip(("through", "straight"), self._urls, strict=True)
        ]
        loading = [asyncio.create_task(load.run()) for load in loads]
        try:
            await asyncio.to_thread(happens)
            await self._until_caught_up()
        finally:
            for load in loads:
                load.stop()
        self.phases.append(Phase(name, *(await asyncio.gather(*loading))))

    async def _until_caught_up(self) -> None:
        """Under load a few rows are always on their way."""
        async with asyncio.timeout(BACK_WITHIN_S):
            while not await self._caught_up():  # noqa: ASYNC110 - the state is another process's
                await asyncio.sleep(0.2)

    async def _caught_up(self) -> bool:
        url = self.gateway.base_url
        return await metric(url, "weir_ledger_up") == 1 and await metric(url, "weir_ledger_backlog") < PER_S


def stopped(own: Server) -> None:
    own.stop(signal.SIGQUIT)
    time.sleep(STOPPED_S)
    own.start()


def frozen(own: Server) -> None:
    """Every process of the server."""
    with psycopg.connect(own.url(), autocommit=True) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity").fetchall()
        mine = connection.info.backend_pid
    pids = [own.pid, *(pid for (pid,) in found if pid != mine)]
    signal_all(signal.SIGSTOP, pids)
    try:
        time.sleep(FROZEN_S)
    finally:
        signal_all(signal.SIGCONT, pids)


async def test_requests_do_not_notice_that_postgresql_is_away(tmp_path: Path, own: Server) -> None:
    async with FakeUpstream() as upstream, asyncio.timeout(240):
        settings = config(own.url(), upstream.base_url, [MODEL], journal=str(tmp_path / "journal"))
        gateway = await asyncio.to_thread(GatewayProcess(settings, tmp_path).__enter__)
        trial = Trial(gateway, upstream)
        try:
            await trial.phase("calm", lambda: time.sleep(CALM_S))
            await trial.phase("stopped", lambda: stopped(own))
            await trial.phase("frozen", lambda: frozen(own))
            await trial.phase("after", lambda: time.sleep(1.0))
        finally:
            status = await asyncio.to_thread(gateway.stop)
        assert status == 0

    check_latency(trial.phases)
    rows = rows_of(own.url())
    arrivals = [one for one in upstream.witness.attempts() if one[0].startswith("through")]
    assert len(arrivals) == sum(len(phase.through) for phase in trial.phases)
    assert compare(rows, arrivals, lambda row: False) == 0
    assert {row.outcome for row in rows} == {Outcome.COMPLETED}
    check_log(gateway.log.read_text())


def check_latency(phases: list[Phase]) -> None:
    for phase in phases:
        assert all(one.served for one in phase.through), phase.name
    calm_median_s, calm_slowest_s = phases[0].slower_s()
    told = {phase.name: [f"{1000 * slower_s:.1f} ms" for slower_s in phase.slower_s()] for phase in phases}
    print(f"through the gateway, slower by (median, slowest): {told}")
    for phase in phases[1:]:
        median_s, slowest_s = phase.slower_s()
        assert median_s <= calm_median_s + 0.02, told
        assert slowest_s <= max(0.0, calm_slowest_s) + MORE_THAN_NORMAL_S, told


def check_log(log: str) -> None:
    """Two times away, two times back; and nothing that repeats itself in between."""
    assert [line["ok"] for line in news(log, "ledger")] == [False, True, False, True]
    assert [line["readable"] for line in news(log, "keys")] in ([], [False, True], [False, True] * 2)
    assert news(log, "row_rejected") == []
    assert [line for line in log.splitlines() if not line.startswith("{")] == []
