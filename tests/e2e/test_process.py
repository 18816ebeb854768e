"""The process around the road: reload, drain, and refusing to start."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.e2e.place import (
    UPSTREAM_KEY,
    Place,
    config,
    running,
    until,
)
from tests.fakes.gateway_process import ROOT, GatewayProcess, free_port
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with running(tmp_path_factory.mktemp("road")) as place:
        yield place


async def test_the_file_is_reloaded_whole_or_not_at_all(place: Place) -> None:
    path = place.folder / "weir.yaml"
    before = path.read_bytes()
    good = orjson.loads(before)
    good["models"]["brand-new"] = {"tiers": ["good"]}
    path.write_bytes(orjson.dumps(good))
    await eventually(place, "brand-new", 200)
    bad = orjson.loads(path.read_bytes())
    bad["models"]["broken"] = {"tiers": ["nothing-like-it"]}
    path.write_bytes(orjson.dumps(bad))
    until(lambda: "reload_refused" in place.everything_said(), "the refusal in the log")
    assert "nothing-like-it" in place.everything_said()
    assert (await place.chat("brand-new", "[id:still]")).status == 200
    path.write_bytes(before)
    await eventually(place, "brand-new", 404)


async def eventually(place: Place, model: str, status: int) -> None:
    deadline = time.monotonic() + 5
    while (await place.chat(model, "[id:reload]")).status != status:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def drained(folder: Path, drain_timeout: float) -> tuple[Any, list[dict[str, Any]], int, float]:
    """A stream of two seconds, SIGTERM in its middle: (answer, its rows, exit code, seconds to the exit)."""
    async with FakeUpstream() as upstream:
        server = {"server": {"drain_timeout": drain_timeout}}
        gateway = GatewayProcess(
            config(folder, upstream, **server), folder, environment={"FAKE_UPSTREAM_KEY": UPSTREAM_KEY}
        )
        await asyncio.to_thread(gateway.__enter__)
        place = Place(folder, upstream, gateway)
        asking = asyncio.create_task(place.chat("slow", "[id:drain]", stream=True))
        await upstream.witness.first_arrival("drain")
        await asyncio.sleep(0.3)
        began = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
        await asyncio.sleep(0.3)
        with pytest.raises(OSError):  # noqa: PT011  nobody listens any more
            await asyncio.open_connection("127.0.0.1", gateway.port)
        answer, code = await asking, await stopping
        return answer, place.rows(answer.headers["x-request-id"]), code, time.monotonic() - began


async def test_a_stream_finishes_while_the_gateway_drains(tmp_path: Path) -> None:
    answer, rows, code, _ = await drained(tmp_path, 20)
    assert answer.whole
    assert answer.events()[-1] == b"[DONE]"
    assert [row["outcome"] for row in rows] == ["completed"]
    assert code == 0


async def test_the_drain_deadline_cuts_and_meters(tmp_path: Path) -> None:
    _, rows, code, seconds = await drained(tmp_path, 0.5)
    assert seconds < 2.0 + 5.0
    assert [row["outcome"] for row in rows] == ["interrupted"]
    assert rows[0]["output_tokens"] > 0
    assert rows[0]["provenance"] == "counted"
    assert code == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"server": {"host": "0.0.0.0"}, "admin_key": None}, "admin_key"),
        ({"server": {"host": "0.0.0.0"}, "admin_key": "short"}, "admin_key"),
        ({"admin_key": "change-me-change-me-change-me"}, "placeholder"),
        ({"ledger": "sqlite:////proc/nowhere/weir.db"}, "/proc/nowhere"),
    ],
)
async def test_a_gateway_that_would_not_be_safe_does_not_start(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    async with FakeUpstream() as upstream:
        path = tmp_path / "weir.yaml"
        whole = {k: v for k, v in config(tmp_path, upstream, **changes).items() if v is not None}
        path.write_bytes(orjson.dumps(whole))
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "gateway.cli", "serve", str(path), "--port", str(free_port())],
            cwd=ROOT,
            env={"FAKE_UPSTREAM_KEY": UPSTREAM_KEY, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert ran.returncode == 1
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
