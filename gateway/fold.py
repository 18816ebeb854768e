"""What a streamed answer amounts to, and the two forms of one answer: one JSON, or events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.call import Api
from metering.dialects.reported import Reported, StreamReader

_KEPT = ("id", "created", "model", "system_fingerprint", "service_tier")
_NOT_ANSWERS = frozenset({*_KEPT, "object", "choices", "usage", "cost"})
_SAID_ONCE = frozenset({"id", "type", "index"})
"""Strings of a tool call that some servers repeat with every piece: they are the same, not parts."""
_MAX_PIECES = 64
_WORDS = re.compile(r"\s*\S+\s*$|\s*\S+|\s+")
"""Words with the white space before them, the last with what follows."""


class ChoiceFold:
    """What one choice of a stream amounts to so far."""

    __slots__ = ("extras", "finish_reason", "logprobs", "pieces", "role")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.role: str | None = None
        self.finish_reason: str | None = None
        self.logprobs: Any = None
        self.extras: dict[str, Any] = {}
        """Everything a message may hold beside its text: tool calls, reasoning, refusal."""

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        if len(self.pieces) > _MAX_PIECES:  # one long string is a tenth of the memory of many short ones
            self.pieces = ["".join(self.pieces)]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def message(self) -> dict[str, Any]:
        content: str | None = self.text
        if not content and self.extras.get("tool_calls"):
            content = None
        return {"role": self.role or "assistant", "content": content, **_without_index(self.extras)}


class AnswerFold:
    """Reads the events of one streamed answer and remembers what they amount to."""

    __slots__ = ("_chat", "choices", "done", "failed", "first", "usage", "usage_payload", "usage_problem")

    def __init__(self, api: Api, usage: StreamReader) -> None:
        """`usage` reads what the events report of it, in the backend's dialect."""
        self.choices: dict[int, ChoiceFold] = {}
        self.first: Mapping[str, Any] | None = None
        self.usage_payload: Mapping[str, Any] | None = None
        """The last event that carried a usage object."""
        self.usage = usage
        self.usage_problem = ""
        """The nonsense that a report held, '' if there was none."""
        self.done = False
        """The [DONE] marker has passed."""
        self.failed = False
        """An error event has passed."""
        self._chat = api is Api.CHAT

    def event(self, payload: Mapping[str, Any]) -> bool:
        """Takes one event in; True if it is the usage chunk (usage and no choices). Raises AttributeError or
        TypeError for an event of another shape."""
        if self.first is None:
            self.first = payload
        reports = payload.get("usage")
        if reports:
            self.usage_payload = payload
        if reports or payload.get("timings") or payload.get("metrics"):
            self._take_report(payload)
        choices = payload.get("choices")
        if not choices:
            return bool(reports)
        for choice in choices:
            self._choice(choice)
        return False

    def _take_report(self, payload: Mapping[str, Any]) -> None:
        try:
            self.usage.event(payload)
        except ValueError as nonsense:
            self.usage_problem = str(nonsense)

    def reported(self) -> Reported | None:
        """What was reported so far; None where that is nothing, or nonsense."""
        try:
            return self.usage.reported()
        except ValueError as nonsense:
            self.usage_problem = str(nonsense)
            return None

    def _choice(self, choice: Mapping[str, Any]) -> None:
        index = choice.get("index", 0)
        fold = self.choices.get(index)
        if fold is None:
            fold = self.choices[index] = ChoiceFold()
        if self._chat:
            for name, value in (choice.get("delta") or {}).items():
                if name == "content":
                    if value:
                        fold.add(value)
                elif name == "role":
                    fold.role = value
                elif value:
                    fold.extras[name] = merged(fold.extras.get(name), value)
        elif text := choice.get("text"):
            fold.add(text)
        if reason := choice.get("finish_reason"):
            fold.finish_reason = reason
        if logprobs := choice.get("logprobs"):
            fold.logprobs = merged(fold.logprobs, logprobs)

    @property
    def whole(self) -> bool:
        """Every choice came to its end."""
        return bool(self.choices) and all(fold.finish_reason for fold in self.choices.values())

    @property
    def text(self) -> str:
        """All that was produced, for counting."""
        said = []
        for fold in self.choices.values():
            said.append(fold.text)
            said += (v if isinstance(v, str) else orjson.dumps(v).decode() for v in fold.extras.values())
        return "".join(said)


def merged(old: Any, new: Any) -> Any:
    """Two pieces of one value: texts join, lists of indexed things join by index, other lists follow each
    other, objects join by key. Neither piece is changed."""
    if old is None or new is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if isinstance(old, dict) and isinstance(new, dict):
        joined = dict(old)
        for name, value in new.items():
            joined[name] = value if name in _SAID_ONCE else merged(old.get(name), value)
        return joined
    if isinstance(old, list) and isinstance(new, list):
        return _merged_lists(old, new)
    return new


def _merged_lists(old: list[Any], new: list[Any]) -> list[Any]:
    joined = list(old)
    places = {item["index"]: n for n, item in enumerate(old) if isinstance(item, dict) and "index" in item}
    for item in new:
        place = places.get(item["index"]) if isinstance(item, dict) and "index" in item else None
        if place is None:
            joined.append(item)
        else:
            joined[place] = merged(joined[place], item)
    return joined


def _without_index(extras: dict[str, Any]) -> dict[str, Any]:
    """The place in a list says what `index` said in pieces."""
    calls = extras.get("tool_calls")
    if not isinstance(calls, list):
        return extras
    plain = [{k: v for k, v in call.items() if k != "index"} for call in calls if isinstance(call, dict)]
    return {**extras, "tool_calls": plain}


def folded_answer(api: Api, fold: AnswerFold) -> dict[str, Any] | None:
    """The non-streamed form of a stream, as its upstream would have given it; None if it was not whole."""
    if not (fold.whole and fold.done and not fold.failed and fold.first is not None):
        return None
    choices: list[dict[str, Any]] = []
    for index, choice in sorted(fold.choices.items()):
        said = {"message": choice.message()} if api is Api.CHAT else {"text": choice.text}
        end = {"logprobs": choice.logprobs, "finish_reason": choice.finish_reason}
        choices.append({"index": index, **said, **end})
    last = fold.usage_payload or {}
    answer: dict[str, Any] = {
        **{name: fold.first[name] for name in _KEPT if name in fold.first},
        "object": "chat.completion" if api is Api.CHAT else "text_completion",
        "choices": choices,
        **{name: value for name, value in last.items() if name not in _NOT_ANSWERS},
    }
    if "usage" in last:
        answer["usage"] = last["usage"]
    return answer


def replay(api: Api, answer: Mapping[str, Any], *, wants_usage: bool) -> bytes:
    """A kept answer as the event stream that an upstream would have sent: role, text, finish reason, the
    usage chunk if it was asked for, [DONE]."""
    return b"".join(replayed(api, answer, wants_usage=wants_usage))


def replayed(api: Api, answer: Mapping[str, Any], *, wants_usage: bool, by_word: bool = False) -> list[bytes]:
    """The same, event by event; `by_word`: with the text in as many events as it has words."""
    common = {
        **{name: answer[name] for name in _KEPT if name in answer},
        "object": "chat.completion.chunk" if api is Api.CHAT else "text_completion",
    }
    events: list[dict[str, Any]] = []
    for choice in answer["choices"]:
        parts: list[dict[str, Any]] = [
            *_said(api, choice, by_word),
            {"delta": {}} if api is Api.CHAT else {"text": ""},
        ]
        reasons = [None] * (len(parts) - 1) + [choice.get("finish_reason")]
        for part, reason in zip(parts, reasons, strict=True):
            told = {"index": choice.get("index", 0), **part, "logprobs": None, "finish_reason": reason}
            events.append({**common, "choices": [told]})
    if wants_usage and answer.get("usage"):
        events.append({**common, "choices": [], "usage": {**answer["usage"], "cost": 0}})
    return [*(b"data: %b\n\n" % orjson.dumps(event) for event in events), b"data: [DONE]\n\n"]


def _said(api: Api, choice: Mapping[str, Any], by_word: bool) -> list[dict[str, Any]]:
    if api is not Api.CHAT:
        return [{"text": piece} for piece in _pieces(choice.get("text", ""), by_word)]
    message = choice["message"]
    beside = {name: value for name, value in message.items() if name not in ("role", "content") and value}
    first = {"delta": {"role": message.get("role") or "assistant", "content": ""}}
    whole, *rest = _pieces(message.get("content") or "", by_word)
    return [
        first,
        {"delta": {"content": whole, **beside}},
        *({"delta": {"content": piece}} for piece in rest),
    ]


def _pieces(text: str, by_word: bool) -> list[str]:
    """One at least; together they are the text."""
    return _WORDS.findall(text) or [text] if by_word else [text]
