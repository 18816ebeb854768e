"""Which model answered each conversation last: a bounded memory of this process, without a word of text.

A conversation is known by a keyed digest of who asks, the virtual model, its system prompt and its first user
turn; two that begin alike under one key are taken for one, which costs nothing but a model kept too long.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from gateway.clock import Clock
from router.decision import Previous
from router.features import CHAT, content_texts

KEPT = 10_000
"""Conversations; the one that has been silent longest goes first."""
KEPT_S = 3_600.0
READ_CHARS = 4_000
"""Of the system prompt and of the first turn."""
_DIGEST_BYTES = 16


class Spoken(NamedTuple):
    model: str
    gain: float | None
    prompt_tokens: int
    at_s: float
    """Monotonic seconds."""


class Conversations:
    """For the event loop."""

    def __init__(self, secret: bytes, clock: Clock, *, kept: int = KEPT, kept_s: float = KEPT_S) -> None:
        self._secret = secret[:64]
        self._clock = clock
        self._kept = kept
        self._kept_s = kept_s
        self._spoken: OrderedDict[bytes, Spoken] = OrderedDict()

    def __len__(self) -> int:
        return len(self._spoken)

    def digest(self, tenant: str, key: str, route: str, fields: Mapping[str, Any]) -> bytes:
        """Of a chat."""
        digest = blake2b(f"{tenant}\n{key}\n{route}".encode(), digest_size=_DIGEST_BYTES, key=self._secret)
        for message in fields["messages"]:
            content = message.get("content")
            text = content if type(content) is str else "\n".join(content_texts(content))
            digest.update(text[:READ_CHARS].encode("utf-8", "surrogatepass"))
            digest.update(b"\0")
            if message.get("role") == "user":
                break
        return digest.digest()

    def last(self, digest: bytes) -> Previous | None:
        """What was remembered, if that is not too long ago."""
        spoken = self._spoken.get(digest)
        if spoken is None:
            return None
        age_s = self._clock.monotonic() - spoken.at_s
        if age_s > self._kept_s:
            del self._spoken[digest]
            return None
        return Previous(spoken.model, spoken.gain, spoken.prompt_tokens, age_s)

    def remember(self, digest: bytes, model: str, gain: float | None, prompt_tokens: int) -> None:
        spoken = self._spoken
        spoken[digest] = Spoken(model, gain, prompt_tokens, self._clock.monotonic())
        spoken.move_to_end(digest)
        if len(spoken) > self._kept:
            spoken.popitem(last=False)


def has_earlier_turns(api: str, fields: Mapping[str, Any]) -> bool:
    """Whether a chat has a user turn before its last one."""
    if api != CHAT:
        return False
    messages = fields["messages"]
    if len(messages) < 3:
        return False
    return sum(1 for message in messages if message.get("role") == "user") > 1
