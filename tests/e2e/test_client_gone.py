"""A client that leaves stops the engine at once, and is metered for what was produced."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.tenants import make_key
from tests.e2e.road import WEIGHTS
from tests.fakes.gateway_process import GatewayProcess, free_port

LONG = "Count from one to one thousand in words, slowly, and never stop."
WITHIN_S = 15.0
FREED_WITHIN_S = 5.0
"""Alone on the machine it takes milliseconds; the rest is for one that is busy with other tests."""


def request_bytes(base_url: str, key: str, *, stream: bool) -> bytes:
    body = json.dumps(
        {
            "model": "smollm2",
            "messages": [{"role": "user", "content": f"{LONG} {time.monotonic_ns()}"}],
            "max_tokens": 3000,
            "stream": stream,
            "ignore_eos": True,
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def until(true: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> float:
    """Seconds until it was true."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within_s, f"{what} not within {within_s} s"
        time.sleep(0.01)
    return time.monotonic() - began


class Engine:
    """A llama.cpp engine that the gateway reaches by URL, so that the test can ask it too."""

    def __init__(self, url: str) -> None:
        self._address = url.removeprefix("http://").removesuffix("/v1")

    def busy_slots(self) -> int:
        return sum(slot["is_processing"] for slot in self._slots())

    def produced(self) -> int:
        """Tokens decoded so far by the slots at work."""
        busy = [slot for slot in self._slots() if slot["is_processing"]]
        return sum(turn.get("n_decoded", 0) for slot in busy for turn in slot.get("next_token", ()))

    def _slots(self) -> list[dict[str, Any]]:
        connection = http.client.HTTPConnection(self._address, timeout=5)
        try:
            connection.request("GET", "/slots")
            return list(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(gateway, key, engine, ledger)"""
    folder = tmp_path_factory.mktemp("gone")
    key, key_hash = make_key()
    ledger = folder / "ledger.db"
    config = {
        "ledger": f"sqlite:///{ledger}",
        "admin_key": "0123456789abcdefghijklmnop",
        "backends": {
            "local": {
                "kind": "llamacpp",
                "launch": {"weights": WEIGHTS, "slots": 2, "threads": 1},
                "models": {"smollm2": "smollm2"},
            }
        },
        "tenants": {"sdk": {"keys": [{"name": "k", "hash": key_hash}]}},
        "rates": [{"model": "smollm2", "input": 1, "output": 2}],
        "server": {"port": free_port()},
    }
    with GatewayProcess(config, folder) as gateway:
        yield gateway, key, Engine(engine_url(gateway)), ledger


def engine_url(gateway: GatewayProcess) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    try:
        connection.request(
            "GET", "/admin/backends", headers={"authorization": "Bearer 0123456789abcdefghijklmnop"}
        )
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return str(answer["data"][0]["targets"][0]["url"])


def last_row(ledger: Path) -> dict[str, Any]:
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT * FROM events ORDER BY id DESC LIMIT 1").fetchall()
    return dict(rows[0]) if rows else {}


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_frees_the_engines_slot_at_once(place: Any, stream: bool) -> None:
    gateway, key, engine, ledger = place
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(request_bytes(gateway.base_url, key, stream=stream))
        until(lambda: engine.produced() >= 40, "the engine at work")
        if stream:
            received = b""
            while received.count(b"data: ") < 5:
                received += client.recv(65536)
    freed_s = until(lambda: engine.busy_slots() == 0, "the engine idle again")
    assert freed_s < FREED_WITHIN_S
    until(lambda: last_row(ledger).get("stream") == int(stream), "the row")
    row = last_row(ledger)
    assert row["outcome"] == "client_gone"
    assert row["attempt"] == 1
    assert row["provenance"] == "counted"
    assert row["output_tokens"] >= 3
    assert row["input_uncached_tokens"] > 10
    assert row["cost_nanos"] > 0


def test_leaving_a_plain_call_frees_its_slot_beside_a_busy_one(place: Any) -> None:
    """llama.cpp looks for the client of a plain call only when no slot has news: the gateway streams."""
    gateway, key, engine, _ = place
    with socket.create_connection(("127.0.0.1", gateway.port)) as stays:
        stays.sendall(request_bytes(gateway.base_url, key, stream=True))
        with socket.create_connection(("127.0.0.1", gateway.port)) as leaves:
            leaves.sendall(request_bytes(gateway.base_url, key, stream=False))
            until(lambda: engine.busy_slots() == 2, "both at work")
        freed_s = until(lambda: engine.busy_slots() == 1, "one slot free again")
        assert freed_s < FREED_WITHIN_S
    until(lambda: engine.busy_slots() == 0, "the engine idle again")
