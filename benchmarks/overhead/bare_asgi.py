"""The floor: uvicorn with an ASGI application that reads the body and answers 700 bytes."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

from benchmarks.overhead.payload import answer


class Bare:
    def __init__(self) -> None:
        self._body = answer()
        self._headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self._body)),
        ]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.overhead.bare_asgi", str(port)]


if __name__ == "__main__":
    uvicorn.run(
        Bare(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
