"""How many server-sent events one core relays: many streams at once through the measured process."""

from __future__ import annotations

import os
import select
import socket
import time
from dataclasses import dataclass

from benchmarks.machine import LOAD_CORE, CannotMeasure
from benchmarks.process import cpu_s, wait_until_quiet

GIVE_UP_S = 120


@dataclass(frozen=True, slots=True)
class Relay:
    events: int
    wall_s: float
    server_cpu_s: float

    @property
    def events_per_s(self) -> float:
        """As it ran."""
        return self.events / self.wall_s

    @property
    def events_per_core_s(self) -> float:
        """Per second of the measured process's own processor time."""
        return self.events / self.server_cpu_s

    @property
    def cpu_us(self) -> float:
        """Processor time per event."""
        return self.server_cpu_s / self.events * 1e6


def measure(port: int, template: bytes, *, streams: int, server_pid: int) -> Relay:
    """Opens `streams` streams, reads all to their end. Raises CannotMeasure if one is not whole."""
    os.sched_setaffinity(0, {LOAD_CORE})
    before, _, after = template.partition(b"@" * 12)
    wait_until_quiet(server_pid)
    epoll, socks = select.epoll(), {}
    for _ in range(streams):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        socks[sock.fileno()] = sock
        epoll.register(sock, select.EPOLLIN)
    began_s, used_s = time.monotonic(), cpu_s(server_pid)
    first = int(began_s) * 1000
    for number, sock in enumerate(socks.values()):
        sock.sendall(b"%b%012d%b" % (before, first + number, after))
    events = _drain(epoll, socks)
    return Relay(events, time.monotonic() - began_s, cpu_s(server_pid) - used_s)


def _drain(epoll: select.epoll, socks: dict[int, socket.socket]) -> int:
    events, deadline = 0, time.monotonic() + GIVE_UP_S
    ends = dict.fromkeys(socks, b"")
    while socks:
        if time.monotonic() > deadline:
            raise CannotMeasure(f"{len(socks)} streams did not end within {GIVE_UP_S} s")
        for number, _ in epoll.poll(1.0):
            data = socks[number].recv(262_144)
            if not data:
                raise CannotMeasure(f"a stream was cut: ...{ends[number]!r}")
            joined = ends[number] + data
            events += joined.count(b"\n\n") - ends[number].count(b"\n\n")
            ends[number] = joined[-8:]
            if joined.endswith(b"0\r\n\r\n"):
                epoll.unregister(number)
                socks.pop(number).close()
    return events
