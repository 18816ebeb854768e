"""What the fake upstream says: pure functions of the request, so that a test can compute the right answer."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Mapping
from typing import Any

import orjson

PROMPT_TOKENS = 12
EMBEDDING_DIMENSIONS = 8
_MARKER = re.compile(rb"\[id:([^\]]{1,80})\]")


def marker_in(body: bytes) -> str:
    """The text of the first `[id:...]` in a request's body, '' if there is none."""
    match = _MARKER.search(body)
    return match[1].decode() if match else ""


def pieces(marker: str, count: int, size: int = 0) -> list[str]:
    """The answer to `marker` in `count` streamed pieces, each padded to `size` characters. The first piece
    names the marker: an answer given to the wrong request shows."""
    words = [f"[id:{marker}]"] + [f" word{i}" for i in range(1, count)]
    return [word.ljust(size, ".") for word in words]


def usage(completion_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": completion_tokens,
        "total_tokens": PROMPT_TOKENS + completion_tokens,
    }


def whole(model: str, chat: bool, texts: list[str], with_usage: bool, tokens: int | None = None) -> bytes:
    """A non-streamed chat completion or completion; its usage says `tokens`, or one per text."""
    text = "".join(texts)
    said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    answer: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion" if chat else "text_completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, **said, "logprobs": None, "finish_reason": "stop"}],
    }
    if with_usage:
        answer["usage"] = usage(len(texts) if tokens is None else tokens)
    return orjson.dumps(answer)


def events(
    model: str,
    chat: bool,
    texts: list[str],
    *,
    with_usage: bool,
    null_usage: bool = False,
    end: bytes = b"\n\n",
    tokens: int | None = None,
) -> list[bytes]:
    """The server-sent events of a streamed answer, `[DONE]` last. `null_usage` puts `"usage": null` into
    every chunk but the usage chunk, as OpenAI does."""
    base: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk" if chat else "text_completion",
        "created": 1_700_000_000,
        "model": model,
    }
    if null_usage:
        base["usage"] = None
    chunks = [{**base, "choices": [choice]} for choice in _choices(chat, texts)]
    if with_usage:
        chunks.append({**base, "choices": [], "usage": usage(len(texts) if tokens is None else tokens)})
    return [b"data: " + orjson.dumps(chunk) + end for chunk in chunks] + [b"data: [DONE]" + end]


def _choices(chat: bool, texts: list[str]) -> list[dict[str, Any]]:
    if not chat:
        said: list[dict[str, Any]] = [{"index": 0, "text": t, "finish_reason": None} for t in texts]
        return [*said, {"index": 0, "text": "", "finish_reason": "stop"}]
    deltas: list[dict[str, Any]] = [{"content": text} for text in texts]
    deltas[0]["role"] = "assistant"
    said = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    return [*said, {"index": 0, "delta": {}, "finish_reason": "stop"}]


def vector(text: str) -> list[float]:
    """A deterministic embedding, exact in 32-bit floats."""
    digest = hashlib.sha256(text.encode()).digest()
    return [(byte - 128) / 128 for byte in digest[:EMBEDDING_DIMENSIONS]]


def embeddings(model: str, fields: Mapping[str, Any]) -> bytes:
    """One embedding per input; a token-id array is embedded as its JSON text."""
    given = fields.get("input", "")
    inputs = given if isinstance(given, list) and not is_token_array(given) else [given]
    vectors = [vector(item if isinstance(item, str) else str(item)) for item in inputs]
    encode = _base64 if fields.get("encoding_format") == "base64" else list
    data = [{"object": "embedding", "index": i, "embedding": encode(v)} for i, v in enumerate(vectors)]
    counts = {"prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS}
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": counts})


def _base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def is_token_array(given: object) -> bool:
    return isinstance(given, list) and bool(given) and isinstance(given[0], int)


def has_token_ids(given: object) -> bool:
    """A token-id array, or a list of them."""
    return is_token_array(given) or (isinstance(given, list) and any(is_token_array(item) for item in given))


def error(message: str, type: str, code: str | None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": type, "param": None, "code": code}})
