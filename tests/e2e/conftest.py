"""A real gateway with a real engine, once per session, for clients that nobody here wrote.

Beside the engine stands an upstream that fails on request, for what a well engine cannot show (retries,
rate limits); its model is `fake`, and the body's field `fault` says how it behaves.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from gateway.tenants import make_key
from tests.e2e.road import Road, settings
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream


@pytest.fixture(scope="session")
def fake_upstream_url() -> Iterator[str]:
    """In a thread with a loop of its own: the tests here are synchronous clients as often as not."""
    ready: list[str] = []
    started, loop = threading.Event(), asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def serve() -> None:
        async with FakeUpstream() as upstream:
            ready.append(upstream.base_url)
            started.set()
            await stopping.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10), "the fake upstream did not start"
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory, fake_upstream_url: str) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("e2e")
    key, key_hash = make_key()
    cascade_key, cascade_hash = make_key()
    ledger = folder / "ledger.db"
    with GatewayProcess(settings(ledger, key_hash, fake_upstream_url, cascade_hash), folder) as gateway:
        names = ("smollm2", "smollm2-alias", "auto", "fake", "forbidden")
        yield Road(gateway.base_url, key, *names, ledger, cascade_key)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out what `test_langchain.DESELECTED` names, and says how many."""
    chosen: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        reasons = getattr(getattr(item, "module", None), "DESELECTED", {})
        chosen[getattr(item, "originalname", item.name) not in reasons].append(item)
    if chosen[False]:
        config.hook.pytest_deselected(items=chosen[False])
        items[:] = chosen[True]
