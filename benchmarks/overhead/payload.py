"""The requests and answers of the measurement, the same for everything that is measured."""

from __future__ import annotations

import orjson

from benchmarks.gateway_config import KEY

ANSWER_BYTES = 700
STREAM_EVENTS = 50
EVENT_BYTES = 200
_COUNTER = "@@@@@@@@@@@@"
PROMPT = (
    f"Request {_COUNTER}. Summarise the following note for a colleague who was not in the meeting, in two "
    "sentences, and name the open question: the team agreed to move the nightly import to the new queue, "
    "keep the old one running for two weeks, and measure the number of retries before anybody turns it off."
)
"""Its counter makes every request a miss of the cache."""


def answer() -> bytes:
    """A chat completion of 700 bytes."""
    said = {"role": "assistant", "content": ""}
    payload = {
        "id": "chatcmpl-benchmark",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "static",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 70, "completion_tokens": 90, "total_tokens": 160},
    }
    said["content"] = ("word " * ANSWER_BYTES)[: ANSWER_BYTES - len(orjson.dumps(payload))]
    return orjson.dumps(payload)


def events(count: int = STREAM_EVENTS) -> list[bytes]:
    """A streamed answer of `count` text events of 200 bytes, then the finish reason, the usage, [DONE]."""
    base = {
        "id": "chatcmpl-benchmark",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "sse",
    }
    text = event({**base, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": None}]})
    delta = {"role": "assistant", "content": ""}
    padded = {"content": ("word " * EVENT_BYTES)[: EVENT_BYTES - len(text)]}
    usage = {"prompt_tokens": 70, "completion_tokens": count, "total_tokens": 70 + count}
    return [
        event({**base, "choices": [{"index": 0, "delta": {**delta, **padded}, "finish_reason": None}]}),
        *[event({**base, "choices": [{"index": 0, "delta": padded, "finish_reason": None}]})] * (count - 1),
        event({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        event({**base, "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]


def event(payload: object) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


def request(path: str, model: str, *, stream: bool, counter: str = _COUNTER) -> bytes:
    """The whole HTTP request. With the default counter it is a template: every `@@@@@@@@@@@@` is to be
    replaced by twelve digits."""
    fields = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a careful assistant. Answer briefly."},
            {"role": "user", "content": PROMPT.replace(_COUNTER, counter)},
        ],
        "temperature": 0,
        "max_tokens": 200,
    }
    if stream:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    body = orjson.dumps(fields)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: benchmark\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
