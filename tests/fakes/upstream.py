"""An OpenAI-compatible upstream that misbehaves on request, and remembers who came.

    async with FakeUpstream() as upstream:
        upstream.base_url            # http://127.0.0.1:PORT/v1
        upstream.witness.arrivals    # one per request that arrived whole

or `python -m tests.fakes.upstream --port N`, with the witness at GET /witness. For faults and load only:
what an engine really answers is tested with a real engine.

How a request is answered: the body's `fault` field if it has one, else what follows the last `/` or `:` in
its model's name (`fault/slow-20-50`), names a mode of `modes.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
from types import TracebackType

import orjson

from tests.fakes import answers
from tests.fakes.exchange import Connection, Exchange
from tests.fakes.modes import MODES, parse_mode, refuse
from tests.fakes.witness import Witness

_INFERENCE = ("/chat/completions", "/completions", "/embeddings")


class FakeUpstream:
    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.witness = Witness()
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    @property
    def port(self) -> int:
        assert self._server is not None, "not started"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def base_url(self) -> str:
        return f"http://{self._host}:{self.port}/v1"

    async def until_all_left(self) -> None:
        """Until every connection open now has ended."""
        for connection in list(self._connections):
            await connection.gone.wait()

    async def __aenter__(self) -> FakeUpstream:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._behave, self._connections), self._host, self._port, backlog=4096
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            await connection.finish()
        await self._server.wait_closed()

    async def serve_forever(self) -> None:
        assert self._server is not None
        await self._server.serve_forever()

    async def _behave(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == "POST" and request.path.endswith(_INFERENCE):
            await self._infer(exchange)
        elif request.path.endswith(("/health", "/models")):
            exchange.whole(200, b'{"object": "list", "status": "ok", "data": []}')
        elif request.path == "/witness":
            exchange.whole(200, orjson.dumps([dataclasses.asdict(a) for a in self.witness.arrivals]))
        else:
            refuse(exchange, 404, f"no {request.method} {request.path} here")

    async def _infer(self, exchange: Exchange) -> None:
        request, fields = exchange.request, exchange.request.fields
        wanted = str(fields.get("fault") or _suffix(str(fields.get("model", ""))))
        exchange.arrival = self.witness.arrive(
            answers.marker_in(request.body),
            wanted,
            request.path,
            fields.get("stream") is True,
            request.headers.get("authorization", ""),
        )
        try:
            name, numbers = parse_mode(wanted)
        except KeyError:
            refuse(exchange, 404, f"the fake upstream has no mode {wanted!r}")
            return
        await MODES[name](exchange, numbers)


def _suffix(model: str) -> str:
    return model.replace(":", "/").rsplit("/", 1)[-1]


async def _main(host: str, port: int) -> None:
    async with FakeUpstream(host, port) as upstream:
        print(orjson.dumps({"base_url": upstream.base_url}).decode(), flush=True)
        await upstream.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible upstream for faults and load.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(options.host, options.port))
