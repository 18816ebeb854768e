"""`weir serve`: the process around the application: sockets, signals, draining, exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from gateway.app import App
from gateway.config import ServerSettings
from gateway.config_file import ConfigError
from gateway.front.asgi import AsgiApp
from gateway.front.connection import Front, HttpConnection
from gateway.outbox import Outbox
from gateway.reload import read_config
from gateway.runtime import Runtime
from metering.catalogue import GenaiCatalogue
from metering.ledger import LedgerError

BACKLOG = 4096


def run(
    path: str | Path,
    *,
    host: str | None = None,
    port: int | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> int:
    """Serves until SIGTERM or SIGINT, then drains. Returns the process's exit code.

    `on_ready` is called once some backend can answer. Every mistake of the file is printed.
    """
    try:
        loaded = read_config(path, GenaiCatalogue())
        listener = listen(
            host or loaded.settings.server.host, loaded.settings.server.port if port is None else port
        )
        runtime = Runtime(loaded)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(runtime, listener, on_ready))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201
    except (OSError, LedgerError) as error:
        print(f"weir: {error}", file=sys.stderr)  # noqa: T201
    return 1


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError naming the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


class DrainingServer(uvicorn.Server):
    """uvicorn keeps the sockets and the shutting down; what happens on a connection is `front`'s. The first
    signal means: finish what runs, take nothing new."""

    def __init__(self, config: uvicorn.Config, front: Front, runtime: Runtime) -> None:
        super().__init__(config)
        front.state = self.server_state
        config.http = lambda **_: HttpConnection(front)  # type: ignore[assignment]  # a maker is as good as a class
        self._runtime = runtime

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        lifecycle = self._runtime.services.lifecycle
        if lifecycle.draining:  # asked twice: do not wait any longer
            self.should_exit = self.force_exit = True
            return
        lifecycle.draining = True
        delay_s = self._runtime.loaded.settings.server.drain_delay
        asyncio.get_running_loop().call_later(delay_s, self._close_doors)

    def _close_doors(self) -> None:
        self.should_exit = True

    def _reload(self) -> None:
        self._runtime.services.background.spawn(self._runtime.reload_on_signal())


async def _serve(runtime: Runtime, listener: socket.socket, on_ready: Callable[[], None]) -> int:
    settings = runtime.loaded.settings.server
    app = App(runtime.services, lambda: _management(runtime))
    outbox = Outbox(asyncio.get_running_loop(), before=runtime.services.afterwards.record)
    server = DrainingServer(_uvicorn_config(app, settings), Front(app, runtime.clock, outbox), runtime)
    try:
        await runtime.start()
    except ConfigError:
        await runtime.stop()
        raise
    _tune_garbage_collection()
    announcing = asyncio.get_running_loop().create_task(_announce(runtime, listener, on_ready))
    try:
        await server.serve(sockets=[listener])
        await _let_cut_requests_settle(runtime)
    finally:
        announcing.cancel()
        await runtime.stop()
        listener.close()
    return 0


def _uvicorn_config(app: App, settings: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.drain_timeout,  # type: ignore[arg-type]  # a float is as good
    )


def _tune_garbage_collection() -> None:
    """What start-up made stays, so it need not be looked through again; a request makes no cycles, so looking
    often finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


async def _announce(runtime: Runtime, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    host, port = listener.getsockname()[:2]
    runtime.log.line(
        {"at_us": runtime.clock.wall_ns() // 1000, "event": "listening", "url": f"http://{host}:{port}"}
    )
    await runtime.fleet.wait_ready()
    on_ready()


async def _let_cut_requests_settle(runtime: Runtime) -> None:
    """Requests cut at the drain deadline were cancelled just now; each still has its row to write."""
    for _ in range(200):
        if runtime.services.lifecycle.in_flight == 0:
            return
        await asyncio.sleep(0.01)


def _management(runtime: Runtime) -> AsgiApp:
    """Imported on first use: the framework behind it costs start-up time that the hot path has no use for."""
    from gateway.management import management_app

    return management_app(runtime)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
