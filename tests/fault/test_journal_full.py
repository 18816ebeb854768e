"""The journal runs full under load because the ledger takes no rows: by the bound that the file sets, and on
a disk that is really full. Work under way is metered all the same, and when the ledger is back all is well
by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from metering.outcome import Outcome
from tests.fakes.client import post
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.fault.marked_load import Asked, ask, compare, config, metric, news, placed, rows_of

PLAIN, STREAM = "fault/ok", "fault/slow-40-100"
STREAMS, AT_ONCE = 10, 8
DISK_KIB = 256
MAX_BYTES = 400_000
"""Four segments; the small disk has room for two."""
UNTIL_FULL_WITHIN_S = 30.0
BACK_WITHIN_S = 30.0


@pytest.fixture(params=["bound", "disk"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The settings of a journal that is soon full: by its bound, or because its disk is that small."""
    folder = tmp_path / "journal"
    settings = {"folder": str(folder), "max_bytes": MAX_BYTES}
    if request.param == "bound":
        yield settings
        return
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk takes the right to mount one; the bound is tested all the same")
    try:
        yield settings
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def ledger_away(path: Path) -> Iterator[None]:
    """Another program holds its lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


class Proof:
    """One gateway with such a journal, and everything that was asked of it."""

    def __init__(self, gateway: GatewayProcess, upstream: FakeUpstream, folder: Path) -> None:
        self.gateway = gateway
        self.upstream = upstream
        self.ledger = folder / "weir.db"
        self.asked: list[Asked] = []

    async def ask(self, marker: str) -> Asked:
        one = await ask(self.gateway.base_url, PLAIN, marker)
        self.asked.append(one)
        return one

    async def streams(self) -> list[asyncio.Task[Asked]]:
        """All of them at the upstream by now."""
        url = self.gateway.base_url
        tasks = [asyncio.create_task(ask(url, STREAM, f"stream-{n}", stream=True)) for n in range(STREAMS)]
        await asyncio.gather(*(self.upstream.witness.first_arrival(f"stream-{n}") for n in range(STREAMS)))
        return tasks

    async def ask_until(self, reached: Callable[[list[Asked]], Awaitable[bool]]) -> None:
        """Plain calls, a few at once, until `reached` says so of the last few."""
        async with asyncio.timeout(UNTIL_FULL_WITHIN_S):
            last: list[Asked] = []
            while not last or not await reached(last):
                first = len(self.asked)
                asking = (self.ask(f"plain-{number}") for number in range(first, first + AT_ONCE))
                last = list(await asyncio.gather(*asking))

    async def ready(self) -> tuple[int, list[str]]:
        answer = await post(self.gateway.base_url.removesuffix("/v1") + "/health/ready", b"", method="GET")
        return answer.status, answer.json()["reasons"]

    async def until(self, reached: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(BACK_WITHIN_S):
            while not await reached():  # noqa: ASYNC110 - the state is another process's
                await asyncio.sleep(0.1)

    async def metric(self, name: str) -> float:
        return await metric(self.gateway.base_url, name)

    async def shipped(self) -> bool:
        return await self.metric("weir_ledger_backlog") == 0 and await self.metric("weir_journal_ok") == 1


@asynccontextmanager
async def proof(folder: Path, journal: dict[str, Any]) -> AsyncIterator[Proof]:
    async with FakeUpstream() as upstream, asyncio.timeout(120):
        configuration = config(
            f"sqlite:///{folder / 'weir.db'}", upstream.base_url, (PLAIN, STREAM), journal=journal
        )
        gateway = await asyncio.to_thread(GatewayProcess(configuration, folder).__enter__)
        try:
            yield Proof(gateway, upstream, folder)
        finally:
            status = await asyncio.to_thread(gateway.stop)
        assert status == 0


async def refused(last: list[Asked]) -> bool:
    return any(one.code == "journal_full" for one in last)


async def test_new_work_is_refused_and_work_under_way_is_metered(
    tmp_path: Path, journal: dict[str, Any]
) -> None:
    async with proof(tmp_path, journal) as full:
        with ledger_away(full.ledger):
            streams = await full.streams()
            await full.ask_until(refused)
            assert not any(stream.done() for stream in streams), "the disk was full too late"
            assert (await full.ask("refused")).answer.status == 503
            status, reasons = await full.ready()
            assert status == 503
            assert any("journal" in reason for reason in reasons)
            streamed = await asyncio.gather(*streams)
            assert all(one.served for one in streamed)
        await full.until(full.shipped)
        assert await full.ready() == (200, [])
        assert (await full.ask("after")).served

    rows = rows_of(f"sqlite:///{full.ledger}")
    assert compare(rows, full.upstream.witness.attempts(), lambda row: False) == 0
    assert {row.outcome for row in rows} == {Outcome.COMPLETED}
    good = {one.marker for one in (*full.asked, *streamed) if one.served}
    assert {placed(row)[0] for row in rows} == good
    assert {one.code for one in full.asked if not one.served} == {"journal_full"}
    assert [line["ok"] for line in news(full.gateway.log.read_text(), "journal")] == [False, True]


async def test_unmetered_requests_are_served_and_counted(tmp_path: Path, journal: dict[str, Any]) -> None:
    async with proof(tmp_path, {**journal, "when_full": "unmetered"}) as full:

        async def uncounted(last: list[Asked]) -> bool:
            assert all(one.served for one in last)
            return await full.metric("weir_journal_unmetered") >= 20

        with ledger_away(full.ledger):
            await full.ask_until(uncounted)
            assert await full.metric("weir_journal_ok") == 0
            assert (await full.ready())[0] == 200
        await full.until(full.shipped)
        gone = int(await full.metric("weir_journal_unmetered"))
        assert (await full.ask("after")).served

    rows = rows_of(f"sqlite:///{full.ledger}")
    held = [placed(row) for row in rows]
    came = set(full.upstream.witness.attempts())
    assert len(held) == len(set(held))
    assert set(held) <= came
    assert len(came) - len(held) == gone
    assert ("after", 1) in held
    alarm, over = news(full.gateway.log.read_text(), "journal")
    assert (alarm["ok"], over["ok"]) == (False, True)
    assert f"{gone} rows" in over["detail"]
