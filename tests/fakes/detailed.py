"""A mode whose usage says everything a vendor says: prompt caches, reasoning, the service tier asked for."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from tests.fakes import answers
from tests.fakes.exchange import Exchange


def usage(words: str) -> dict[str, Any]:
    """The same for the same words."""
    size = int.from_bytes(hashlib.sha256(words.encode()).digest()[:2], "big")
    prompt, completion = 700 + size % 1_009, 40 + size % 211
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": prompt // 3},
        "completion_tokens_details": {"reasoning_tokens": completion // 4},
    }


async def detailed(exchange: Exchange, _: tuple[int, ...]) -> None:
    fields = exchange.request.fields
    marker, model = answers.marker_in(exchange.request.body), str(fields["model"])
    said = {"usage": usage(marker), "service_tier": fields.get("service_tier", "default")}
    texts = answers.pieces(marker, 4)
    if not fields.get("stream"):
        answer = orjson.loads(answers.whole(model, True, texts, False))
        exchange.whole(200, orjson.dumps({**answer, **said}))
        return
    exchange.start_stream()
    *events, done = answers.events(model, True, texts, with_usage=False)
    for event in events:
        exchange.chunk(event)
    last = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "model": model, "choices": [], **said}
    exchange.chunk(b"data: " + orjson.dumps(last) + b"\n\n")
    exchange.chunk(done)
    exchange.end_stream()
