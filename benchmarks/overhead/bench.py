"""The servers of one run: started once, measured in turn, ended with the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gateway_config import gateway_config, with_budgets
from benchmarks.machine import GATEWAY_CORE, LOAD_CORE
from benchmarks.overhead import bare_asgi, nginx, sse_source
from benchmarks.overhead.payload import request
from benchmarks.process import running
from tests import redis_server
from tests.fakes.gateway_process import GatewayProcess, free_port

PACED_EVENTS, PACED_TICK_MS = 200, 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """One thing to measure: where it listens and what to send it."""

    name: str
    port: int
    pid: int
    plain: bytes
    """Template of a non-streamed request."""
    streamed: bytes


@dataclass(frozen=True, slots=True)
class Upstreams:
    static_port: int
    static_pid: int
    stream_port: int
    stream_pid: int

    @property
    def direct(self) -> tuple[Server, Server]:
        """Without anything in between: the static upstream, the streaming upstream."""
        return (
            server("direct", self.static_port, self.static_pid),
            server("direct", self.stream_port, self.stream_pid),
        )


def server(
    name: str, port: int, pid: int, stream_prefix: str = "", models: tuple[str, str] = ("static", "sse")
) -> Server:
    path = "/v1/chat/completions"
    return Server(
        name,
        port,
        pid,
        request(path, models[0], stream=False),
        request(stream_prefix + path, models[1], stream=True),
    )


@contextmanager
def upstreams(folder: Path, *, events: int, tick_ms: float = 0) -> Iterator[Upstreams]:
    static_port, stream_port = free_port(), free_port()
    with ExitStack() as stack:
        static_pid = stack.enter_context(
            running(
                nginx.static_command(folder, static_port),
                core=LOAD_CORE,
                port=static_port,
                log=folder / "static.out",
            )
        )
        source = sse_source.command(stream_port, events, tick_ms)
        stream_pid = stack.enter_context(
            running(source, core=LOAD_CORE, port=stream_port, log=folder / "source.out")
        )
        yield Upstreams(static_port, static_pid, stream_port, stream_pid)


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    port = free_port()
    with running(bare_asgi.command(port), core=GATEWAY_CORE, port=port, log=folder / "bare.out") as pid:
        yield server("bare uvicorn", port, pid)


@contextmanager
def proxy(folder: Path, behind: Upstreams) -> Iterator[Server]:
    port = free_port()
    command = nginx.proxy_command(folder, port, behind.static_port, behind.stream_port)
    with running(command, core=GATEWAY_CORE, port=port, log=folder / "proxy.out") as pid:
        yield server("nginx", port, pid, "/stream")


@contextmanager
def gateway(
    folder: Path, behind: Upstreams, changes: Mapping[str, Any] | None = None, module: str = "gateway.cli"
) -> Iterator[Server]:
    """`changes` replaces top-level sections of the configuration; `module` runs in place of the command."""
    folder.mkdir(parents=True, exist_ok=True)
    urls = (f"http://127.0.0.1:{port}/v1" for port in (behind.static_port, behind.stream_port))
    config = {**gateway_config(folder, *urls), **(changes or {})}
    with GatewayProcess(config, folder, core=GATEWAY_CORE, module=module) as process:
        yield server("gateway", process.port, process.pid, models=("auto", "auto-stream"))


@contextmanager
def budgeted_gateway(folder: Path, behind: Upstreams) -> Iterator[Server]:
    """The gateway with limits and budgets, and a Redis that counts them."""
    with redis_server.server() as redis:
        changes = with_budgets(gateway_config(folder, "", ""), redis.url)
        with gateway(folder, behind, changes) as found:
            yield found
