"""Server-sent events of a streamed answer: checked, folded, and relayed as the bytes they came in.

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

MAX_EVENT_BYTES = 8_000_000
_DONE = b"[DONE]"
_BOUNDARY = re.compile(rb"(\r?\n\r?\n)")
_KEPT = ("id", "created", "model", "system_fingerprint")


class MalformedStream(Exception):
    """The upstream sent something that is no event of an answer. The message says what."""


class UpstreamSaidError(Exception):
    """The upstream reported an error as an event. `payload` is its JSON."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        super().__init__("error event")
        self.payload = payload


class ChoiceFold:
    """What one choice of a stream amounts to so far."""

    __slots__ = ("finish_reason", "pieces", "role")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.role: str | None = None
        self.finish_reason: str | None = None

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        if len(self.pieces) > 64:  # one long string is a tenth of the memory of many short ones
            self.pieces = ["".join(self.pieces)]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class AnswerFold:
    """Reads the events of one streamed answer and remembers what they amount to: text, ends, usage."""

    __slots__ = ("_chat", "choices", "done", "failed", "first", "plain", "usage_payload")

    def __init__(self, api: Api) -> None:
        self.choices: dict[int, ChoiceFold] = {}
        self.first: Mapping[str, Any] | None = None
        self.usage_payload: Mapping[str, Any] | None = None
        """The last event that carried a usage object."""
        self.done = False
        """The [DONE] marker has passed."""
        self.failed = False
        """An error event has passed."""
        self.plain = True
        """Nothing but text has passed: no tool calls, log-probabilities, audio: the fold is the answer."""
        self._chat = api is Api.CHAT

    def event(self, payload: Mapping[str, Any]) -> bool:
        """Takes one event in; True if it is the usage chunk (usage and no choices)."""
        if self.first is None:
            self.first = payload
        if payload.get("usage"):
            self.usage_payload = payload
        choices = payload.get("choices")
        if not choices:
            return self.usage_payload is payload
        for choice in choices:
            self._choice(choice)
        return False

    def _choice(self, choice: Mapping[str, Any]) -> None:
        index = choice.get("index", 0)
        fold = self.choices.get(index)
        if fold is None:
            fold = self.choices[index] = ChoiceFold()
        if self._chat:
            self._delta(fold, choice.get("delta") or {})
        elif text := choice.get("text"):
            fold.add(text)
        if reason := choice.get("finish_reason"):
            fold.finish_reason = reason
        if choice.get("logprobs"):
            self.plain = False

    def _delta(self, fold: ChoiceFold, delta: Mapping[str, Any]) -> None:
        for name, value in delta.items():
            if name == "content":
                if value:
                    fold.add(value)
            elif name == "role":
                fold.role = value
            elif value:
                self.plain = False
                fold.add(value if isinstance(value, str) else orjson.dumps(value).decode())

    @property
    def whole(self) -> bool:
        """Every choice came to its end."""
        return bool(self.choices) and all(fold.finish_reason for fold in self.choices.values())

    @property
    def text(self) -> str:
        """All that was produced, for counting."""
        return "".join(fold.text for fold in self.choices.values())


class StreamRelay:
    """The bytes of an upstream's stream in, the bytes for the client out."""

    __slots__ = ("_cost_usd", "_hide_usage", "_tail", "fold")

    def __init__(
        self, api: Api, *, hide_usage: bool, cost_usd: Callable[[Mapping[str, Any]], float | None]
    ) -> None:
        """`cost_usd` prices the usage chunk for a client that asked for it."""
        self.fold = AnswerFold(api)
        self._hide_usage = hide_usage
        self._cost_usd = cost_usd
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets of it: whole events only, the rest waits for its end. Raises MalformedStream,
        UpstreamSaidError (only before anything else has passed)."""
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
            replaced = self._event(event) if event else event
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
            replaced = self._event(event) if event else event
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
        cost = self._cost_usd(parsed)
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


def folded_answer(api: Api, fold: AnswerFold) -> bytes | None:
    """The non-streamed form of a whole, plain stream, as an upstream would have given it; None if the fold
    cannot stand for the answer."""
    if not (fold.plain and fold.whole and fold.done and not fold.failed and fold.first is not None):
        return None
    choices = []
    for index, choice in sorted(fold.choices.items()):
        said: dict[str, Any]
        if api is Api.CHAT:
            said = {"message": {"role": choice.role or "assistant", "content": choice.text}}
        else:
            said = {"text": choice.text}
        choices.append({"index": index, **said, "logprobs": None, "finish_reason": choice.finish_reason})
    answer: dict[str, Any] = {
        **{name: fold.first[name] for name in _KEPT if name in fold.first},
        "object": "chat.completion" if api is Api.CHAT else "text_completion",
        "choices": choices,
    }
    if fold.usage_payload is not None:
        answer["usage"] = fold.usage_payload["usage"]
    return orjson.dumps(answer)


def replay(api: Api, answer: Mapping[str, Any], *, wants_usage: bool) -> bytes:
    """A stored answer as the event stream that an upstream would have sent: role, text, finish reason, the
    usage chunk if it was asked for, [DONE]."""
    common = {
        **{name: answer[name] for name in _KEPT if name in answer},
        "object": "chat.completion.chunk" if api is Api.CHAT else "text_completion",
    }
    events: list[dict[str, Any]] = []
    for choice in answer["choices"]:
        index, reason = choice.get("index", 0), choice.get("finish_reason")
        said = _said(api, choice)
        events += [
            {**common, "choices": [{"index": index, **part, "logprobs": None, "finish_reason": None}]}
            for part in said
        ]
        end: dict[str, Any] = {"delta": {}} if api is Api.CHAT else {"text": ""}
        last = {"index": index, **end, "logprobs": None, "finish_reason": reason}
        events.append({**common, "choices": [last]})
    if wants_usage and answer.get("usage"):
        events.append({**common, "choices": [], "usage": {**answer["usage"], "cost": 0}})
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events) + b"data: [DONE]\n\n"


def _said(api: Api, choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    if api is not Api.CHAT:
        return [{"text": choice.get("text", "")}]
    message = choice["message"]
    role = {"role": message.get("role") or "assistant", "content": ""}
    return [{"delta": role}, {"delta": {"content": message.get("content") or ""}}]
