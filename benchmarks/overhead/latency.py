"""Added latency at one connection, with as little noise as can be had: one blocking socket per server, the
servers asked in turn, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import itertools
import socket
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.machine import CannotMeasure

WARM_UP = 200
_counters: Iterator[int] = itertools.count(900_000_000_000)


@dataclass(frozen=True, slots=True)
class Added:
    """Milliseconds above the direct answer to the same request."""

    p50_ms: float
    p99_ms: float


class Asker:
    """One kept-alive connection, used by blocking calls."""

    def __init__(self, port: int, template: bytes) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._before, _, self._after = template.partition(b"@" * 12)

    def took_s(self) -> float:
        """Until the last byte of one answer."""
        request = b"%b%012d%b" % (self._before, next(_counters), self._after)
        began = time.perf_counter()
        self._sock.sendall(request)
        answer = self._sock.recv(262_144)
        while not _is_whole(answer):
            more = self._sock.recv(262_144)
            if not more:
                raise CannotMeasure(f"the connection ended after {answer[:200]!r}")
            answer += more
        took = time.perf_counter() - began
        if not answer.startswith(b"HTTP/1.1 200"):
            raise CannotMeasure(f"not an answer: {answer[:400]!r}")
        return took

    def close(self) -> None:
        self._sock.close()


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    lower = head.lower()
    if b"chunked" in lower:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(lower.partition(b"content-length:")[2].split(b"\r\n", 1)[0])


def compare(servers: Mapping[str, tuple[int, bytes]], rounds: int) -> dict[str, list[float]]:
    """Seconds per round for each named (port, request template)."""
    askers = {name: Asker(port, template) for name, (port, template) in servers.items()}
    took: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(WARM_UP + rounds):
        for name, asker in askers.items():
            seconds = asker.took_s()
            if turn >= WARM_UP:
                took[name].append(seconds)
    for asker in askers.values():
        asker.close()
    return took


def added(took: Mapping[str, list[float]], name: str, direct: str = "direct") -> Added:
    """p50 is the median of the differences round by round; p99 the difference of the two 99th percentiles."""
    differences = [there - here for there, here in zip(took[name], took[direct], strict=True)]
    return Added(
        p50_ms=statistics.median(differences) * 1000,
        p99_ms=(percentile(took[name], 99) - percentile(took[direct], 99)) * 1000,
    )


def percentile(values: list[float], hundredth: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * hundredth // 100)]
