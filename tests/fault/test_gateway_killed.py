"""kill -9 of a gateway under load, twenty times over on one ledger and one journal: every request that
reached the upstream has exactly one row, and what the client was given whole stands there as completed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

from metering.event import Event
from metering.journal import describe
from metering.outcome import Outcome
from metering.usage import Provenance
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.fault.marked_load import Asked, Load, ask, compare, config, news, placed, rows_of

KILLS = 20
STREAMS = 200
PER_S = 500
KILL_AFTER_S = (0.2, 0.7)
PLAIN, OPEN, SHORT = "fault/ok", "fault/slow-1000-400", "fault/slow-3-100"
WITHIN_S = 300
"""Far above what it takes: a hang must fail, not hold up whoever waits."""


async def started(configuration: dict[str, object], folder: Path) -> GatewayProcess:
    return await asyncio.to_thread(GatewayProcess(configuration, folder).__enter__)


class Storm:
    """Rounds of load that end with a kill, and all that clients met in them."""

    def __init__(self, upstream: FakeUpstream, ledger: str, folder: Path) -> None:
        self.asked: list[Asked] = []
        self.plain_calls = 0
        self.lasted_s = 0.0
        self._upstream = upstream
        self._config = config(ledger, upstream.base_url, (PLAIN, OPEN, SHORT))
        self._folder = folder
        self._random = Random(3)

    async def round(self, number: int) -> None:
        gateway = await started(self._config, self._folder)
        try:
            streams = [
                asyncio.create_task(ask(gateway.base_url, OPEN, f"open{number}-{i}", stream=True))
                for i in range(STREAMS)
            ]
            await asyncio.gather(
                *(self._upstream.witness.first_arrival(f"open{number}-{i}") for i in range(STREAMS))
            )
            load = Load(gateway.base_url, PLAIN, f"plain{number}", PER_S)
            short = Load(gateway.base_url, SHORT, f"short{number}", 20)
            loading = [asyncio.create_task(one.run()) for one in (load, short)]
            await asyncio.sleep(self._random.uniform(*KILL_AFTER_S))
        finally:
            gateway.kill()  # on this thread: nothing must run between the load and the kill
        for one in (load, short):
            one.stop()
        for answers in await asyncio.gather(*loading):
            self.asked += answers
        self.asked += await asyncio.gather(*streams)
        self.plain_calls += load.begun
        self.lasted_s += load.lasted_s

    async def last_start(self) -> GatewayProcess:
        """The start that takes over what the last kill left; ended in good order, it ships all it has."""
        gateway = await started(self._config, self._folder)
        assert await asyncio.to_thread(gateway.stop) == 0
        await self._upstream.until_all_left()
        return gateway


async def test_twenty_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledger = f"sqlite:///{tmp_path / 'weir.db'}"
    async with FakeUpstream() as upstream, asyncio.timeout(WITHIN_S):
        storm = Storm(upstream, ledger, tmp_path)
        for number in range(KILLS):
            await storm.round(number)
        gateway = await storm.last_start()

    rows = rows_of(ledger)
    unseen = compare(rows, upstream.witness.attempts(), lambda row: row.outcome is Outcome.INTERRUPTED)
    check_interrupted([row for row in rows if row.outcome is Outcome.INTERRUPTED])
    check_what_clients_saw(rows, storm.asked)
    check_journal(tmp_path, gateway.log.read_text())
    served = sum(one.served for one in storm.asked)
    record_property("served_per_s", served / storm.lasted_s)
    print(
        f"{storm.plain_calls / storm.lasted_s:.0f} plain calls per second, {served} served, "
        f"{len(rows)} rows, {unseen} of attempts that the upstream never read"
    )


def check_interrupted(rows: list[Event]) -> None:
    assert len(rows) >= KILLS * STREAMS, "the streams that were open at each kill are missing"
    for row in rows:
        assert row.usage is not None
        assert (row.usage.provenance, row.error) == (Provenance.ESTIMATED, "gateway_died")
        assert row.cost_nanos, row


def check_what_clients_saw(rows: list[Event], asked: list[Asked]) -> None:
    """A whole answer was metered before its end was sent; no other request can be completed twice."""
    by_marker = {placed(row)[0]: row for row in rows}
    for one in asked:
        if one.served:
            row = by_marker[one.marker]
            assert (row.outcome, row.attempt) == (Outcome.COMPLETED, 1), row
            assert row.usage is not None
            assert row.usage.provenance is Provenance.VENDOR
        else:
            assert one.answer.status in (0, 200), f"refused: {one}"
    assert {row.outcome for row in rows} <= {Outcome.COMPLETED, Outcome.INTERRUPTED}


def check_journal(folder: Path, log: str) -> None:
    """All of it is shipped. A kill may tear the record that is just being copied, and nothing else."""
    left = [one for one in describe(folder / "weir.journal") if "quarantine" not in one]
    assert left == []
    recovered = news(log, "journal_recovered")
    assert len(recovered) >= KILLS
    damages = [damage for line in recovered for damage in line["damages"]]
    assert all("torn tail" in damage for damage in damages), damages
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]
