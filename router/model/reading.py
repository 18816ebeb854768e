"""What a gain model reads in a conversation: the rows of its words, and numbers of its surface.

A reading holds no text and cannot be turned back into one, so it can be kept where prompts must not be: words
are a set without order or number, and rare ones only their endings.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.decision import RouteRequest
from router.features import CHAT, last_turns
from router.model.surface import NAMES, Floats, Said, surfaces
from router.model.words import Vocabulary, cut, words

FOLLOW_UP_CHARS = 200
"""A last turn shorter than this is read together with what it follows up."""
SHORT_REPLY_CHARS = 40
"""Turns shorter than this ask nothing by themselves."""
TURNS_LOOKED_AT = 8

_FORMAT = 1
_HEAD = struct.Struct("<BHH")


class Reading(NamedTuple):
    rows: NDArray[np.uint16]
    """Of the vocabulary, each once, ascending."""
    surface: Floats
    chars: int
    """Of everything that was said to be read, before it is cut."""

    def to_bytes(self) -> bytes:
        """Little-endian: format, counts, rows, surface. Some 300 to 1,000 bytes."""
        head = _HEAD.pack(_FORMAT, len(self.rows), len(self.surface))
        size = struct.pack("<I", min(self.chars, 0xFFFF_FFFF))
        return head + size + self.rows.astype("<u2").tobytes() + self.surface.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Reading:
        """Raises ValueError where this is no reading, or one of another version."""
        if len(data) < _HEAD.size + 4:
            raise ValueError("not a reading: too short")
        kind, rows, numbers = _HEAD.unpack_from(data)
        if kind != _FORMAT or numbers != len(NAMES):
            raise ValueError(f"a reading of format {kind} with {numbers} numbers; this version has others")
        start = _HEAD.size + 4
        if len(data) != start + 2 * rows + 4 * numbers:
            raise ValueError("not a reading: its length is wrong")
        (chars,) = struct.unpack_from("<I", data, _HEAD.size)
        return cls(
            np.frombuffer(data, "<u2", rows, start).astype(np.uint16),
            np.frombuffer(data, "<f4", numbers, start + 2 * rows).astype(np.float32),
            chars,
        )


def read(request: RouteRequest, vocabulary: Vocabulary) -> Reading:
    return read_text(asked(request.fields, request.api), vocabulary)


def read_text(text: str, vocabulary: Vocabulary) -> Reading:
    said = hear(text, vocabulary)
    return Reading(np.array(said.rows, np.uint16), surfaces([said])[0], said.chars)


def hear(text: str, vocabulary: Vocabulary) -> Said:
    part = cut(text).encode("utf-8", "surrogatepass")
    spoken = words(part)
    different = set(spoken)
    rows = sorted(set(map(vocabulary.__getitem__, different)))
    return Said(part, len(text), len(spoken), different, rows)


def asked(fields: Mapping[str, Any], api: str) -> str:
    """The last user's turn; behind what it follows up, where it is short: the latest earlier turn of the user
    that asks something, or where none does, of the assistant."""
    if api == CHAT and (messages := fields.get("messages")):
        latest = messages[-1]
        content = latest.get("content")
        if type(content) is str and len(content) >= FOLLOW_UP_CHARS and latest.get("role") == "user":
            return content
    last: str | None = None
    proposed = ""
    for looked_at, (role, text) in enumerate(last_turns(fields, api)):
        if last is None:
            if role == "user":
                last = text
                if len(text) >= FOLLOW_UP_CHARS:
                    return text
            continue
        if looked_at > TURNS_LOOKED_AT:
            break
        if len(text) >= SHORT_REPLY_CHARS:
            if role == "user":
                return f"{text}\n{last}"
            if role == "assistant" and not proposed:
                proposed = text
    if last is None:
        return ""
    return f"{proposed}\n{last}" if proposed and len(last) < SHORT_REPLY_CHARS else last
