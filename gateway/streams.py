"""Server-sent events of a streamed answer: checked, folded (`fold.py`), and relayed as they came in.

Each event is parsed once (half a microsecond), because a client must never be handed a broken one as if it
were good, and because what passed must be counted when the client leaves. The bytes that go on are the
upstream's own; only the usage chunk is ever hidden or given its cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.call import Api
from gateway.fold import AnswerFold
from metering.dialects.reported import Reported, StreamReader

MAX_EVENT_BYTES = 8_000_000
_DONE = b"[DONE]"
_BOUNDARY = re.compile(rb"(\r?\n\r?\n)")


class MalformedStream(Exception):
    """The upstream sent something that is no event of an answer. The message says what."""


class UpstreamSaidError(Exception):
    """The upstream reported an error as an event. `payload` is its JSON."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        super().__init__("error event")
        self.payload = payload


class StreamRelay:
    """The bytes of an upstream's stream in, the bytes for the client out."""

    __slots__ = ("_cost_usd", "_flaw", "_hide_usage", "_tail", "fold")

    def __init__(
        self,
        api: Api,
        usage: StreamReader,
        *,
        hide_usage: bool,
        cost_usd: Callable[[Reported | None], float | None],
    ) -> None:
        """`cost_usd` prices the usage chunk for a client that asked for it."""
        self.fold = AnswerFold(api, usage)
        self._hide_usage = hide_usage
        self._cost_usd = cost_usd
        self._tail = b""
        self._flaw: MalformedStream | None = None

    def check(self) -> None:
        """After what `feed` gave is passed on: raises MalformedStream if what followed it is no event."""
        if self._flaw is not None:
            raise self._flaw

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets of it: whole events only, the rest waits for its end. Raises MalformedStream
        if nothing in it is good, and UpstreamSaidError (only before anything else has passed)."""
        if self._tail:
            chunk = self._tail + chunk
            self._tail = b""
        if not chunk.endswith(b"\n\n"):
            end = max(chunk.rfind(b"\n\n") + 2, chunk.rfind(b"\r\n\r\n") + 4)
            if end < 4:
                return self._keep(chunk)
            self._keep(chunk[end:])
            chunk = chunk[:end]
        return self._relay_crlf(chunk) if b"\r" in chunk else self._relay(chunk)

    def finish(self) -> bytes:
        """At the upstream's proper end. Raises MalformedStream if the answer was not whole."""
        if self._tail.strip():
            raise MalformedStream("the stream ended inside an event")
        if not (self.fold.done or self.fold.whole):
            raise MalformedStream("the stream ended without [DONE] and without a finish reason")
        return b""

    def _keep(self, tail: bytes) -> bytes:
        if len(tail) > MAX_EVENT_BYTES:
            raise MalformedStream(f"an event is longer than {MAX_EVENT_BYTES} bytes")
        self._tail = tail
        return b""

    def _relay(self, block: bytes) -> bytes:
        changed: list[bytes] | None = None
        events = block.split(b"\n\n")
        for position, event in enumerate(events):
            try:
                replaced = self._event(event) if event else event
            except MalformedStream as flaw:
                if position == 0:
                    raise
                self._flaw = flaw
                return b"\n\n".join([*(events[:position] if changed is None else changed), b""])
            if replaced is not event and changed is None:
                changed = events[:position]
            if changed is not None and (replaced or not event):
                changed.append(replaced)
        return block if changed is None else b"\n\n".join(changed)

    def _relay_crlf(self, block: bytes) -> bytes:
        """The same where some lines end in CRLF: each event keeps the boundary that it came with."""
        pieces = _BOUNDARY.split(block)
        out: list[bytes] = []
        for event, boundary in zip(pieces[::2], [*pieces[1::2], b""], strict=True):
            try:
                replaced = self._event(event) if event else event
            except MalformedStream as flaw:
                if not out:
                    raise
                self._flaw = flaw
                break
            if replaced or not event:
                out += (replaced, boundary)
        return b"".join(out)

    def _event(self, event: bytes) -> bytes:
        """The event as the client gets it: itself, a new one, or b"" for a hidden one."""
        plain = event.startswith(b"data: {") and b"\n" not in event
        payload = event[6:] if plain else _data_of(event)
        if not payload:
            return event
        if payload == _DONE:
            self.fold.done = True
            return event
        parsed = _parse(payload)
        if parsed.get("error"):
            if self.fold.first is None:
                raise UpstreamSaidError(parsed)
            self.fold.failed = True
            return event
        try:
            is_usage = self.fold.event(parsed)
        except (AttributeError, TypeError) as wrong:
            raise MalformedStream(f"an event has an unexpected shape ({wrong})") from wrong
        if not is_usage:
            return event
        return b"" if self._hide_usage else self._with_cost(event, parsed)

    def _with_cost(self, event: bytes, parsed: dict[str, Any]) -> bytes:
        cost = self._cost_usd(self.fold.reported())
        if cost is None:
            return event
        return b"data: " + orjson.dumps({**parsed, "usage": {**parsed["usage"], "cost": cost}})


def _data_of(event: bytes) -> bytes:
    """The data lines of one event, joined (https://html.spec.whatwg.org/multipage/server-sent-events.html).
    Comments, ids and names carry nothing for us; a line that is none of these is no event stream."""
    data: list[bytes] = []
    for line in event.splitlines():
        name, colon, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif line and not (name in (b"", b"event", b"id", b"retry") and colon):
            raise MalformedStream("a line of the stream is no server-sent event")
    return b"\n".join(data)


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(payload)
    except orjson.JSONDecodeError as wrong:
        raise MalformedStream(f"an event is not JSON ({wrong})") from wrong
    if not isinstance(parsed, dict):
        raise MalformedStream("an event is not a JSON object")
    return parsed
