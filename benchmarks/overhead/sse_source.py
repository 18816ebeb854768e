"""A streaming upstream fast enough to load a relay: raw sockets and epoll, every event its own segment.

    python -m benchmarks.overhead.sse_source PORT [--events N] [--tick-ms MS]

Without a tick an answer's events are written one after the other, as fast as the socket takes them. With one,
every open stream gets one event per tick, so that no two events of a stream arrive together.
"""

from __future__ import annotations

import argparse
import select
import socket
import sys
import time

from benchmarks.overhead.payload import STREAM_EVENTS, events

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Stream:
    """One connection: the bytes of a request that is not whole yet, and what is still to be said."""

    __slots__ = ("received", "rest", "sock", "turn")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.turn = -1
        """Of the next segment; -1 between answers."""
        self.rest = b""
        """Of a segment that the socket took only in part."""

    def asked(self, data: bytes) -> bool:
        """True once a request is whole."""
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return False
        self.received = body[length:]
        self.turn = 0
        return True


class Source:
    def __init__(self, port: int, count: int, tick_s: float) -> None:
        framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in events(count)]
        self._segments = [_HEAD, *framed[:-1], framed[-1] + b"0\r\n\r\n"]
        self._tick_s = tick_s
        self._streams: dict[int, Stream] = {}
        self._speaking: dict[int, Stream] = {}
        self._epoll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self._epoll.register(self._listener, select.EPOLLIN)

    def run(self) -> None:
        next_tick = time.monotonic()
        while True:
            wait_s = max(0.0, next_tick - time.monotonic()) if self._speaking else -1
            for number, mask in self._epoll.poll(wait_s):
                self._ready(number, mask)
            if self._tick_s and self._speaking and time.monotonic() >= next_tick:
                next_tick = max(next_tick + self._tick_s, time.monotonic() - self._tick_s)
                for stream in list(self._speaking.values()):
                    self._speak(stream)

    def _ready(self, number: int, mask: int) -> None:
        if number == self._listener.fileno():
            self._accept()
            return
        stream = self._streams[number]
        if mask & select.EPOLLOUT:
            self._epoll.modify(number, select.EPOLLIN)
            self._speak_on(stream)
        elif mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._read(stream)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams[sock.fileno()] = Stream(sock)
        self._epoll.register(sock, select.EPOLLIN)

    def _read(self, stream: Stream) -> None:
        try:
            data = stream.sock.recv(65_536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._forget(stream)
        elif stream.asked(data):
            self._speaking[stream.sock.fileno()] = stream
            self._speak_on(stream)

    def _speak_on(self, stream: Stream) -> None:
        """All at once without a tick; only the head, or a rest, with one."""
        self._speak(stream)
        while not self._tick_s and stream.turn >= 0 and not stream.rest:
            self._speak(stream)

    def _speak(self, stream: Stream) -> None:
        """One segment, or the rest of one."""
        if stream.turn < 0:
            return
        segment = stream.rest or self._segments[stream.turn]
        try:
            sent = stream.sock.send(segment)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            self._forget(stream)
            return
        if sent < len(segment):
            stream.rest = segment[sent:]
            self._epoll.modify(stream.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
            return
        stream.rest = b""
        stream.turn += 1
        if stream.turn == len(self._segments):
            stream.turn = -1
            del self._speaking[stream.sock.fileno()]

    def _forget(self, stream: Stream) -> None:
        number = stream.sock.fileno()
        self._speaking.pop(number, None)
        del self._streams[number]
        stream.turn = -1
        self._epoll.unregister(number)
        stream.sock.close()


def command(port: int, count: int = STREAM_EVENTS, tick_ms: float = 0) -> list[str]:
    module = [sys.executable, "-m", "benchmarks.overhead.sse_source", str(port)]
    return [*module, "--events", str(count), "--tick-ms", str(tick_ms)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A fast streaming upstream.")
    parser.add_argument("port", type=int)
    parser.add_argument("--events", type=int, default=STREAM_EVENTS)
    parser.add_argument("--tick-ms", type=float, default=0)
    options = parser.parse_args()
    Source(options.port, options.events, options.tick_ms / 1000).run()
