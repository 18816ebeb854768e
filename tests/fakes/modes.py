"""The ways an upstream can behave, by name: `ok`, `status-429-2`, `slow-20-50`, ...

A mode is a name and, after dashes, whole numbers: its parameters. `plain` requests and streams share modes:
the request's own `stream` says which of the two is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import orjson

from tests.fakes import answers
from tests.fakes.detailed import detailed
from tests.fakes.exchange import Exchange
from tests.fakes.told import told

LEAKED_KEY = "sk-leaked-0123456789abcdef0123456789abcdef"
"""Stands in the body of every 401: no client may ever see it."""
DEFAULT_PIECES = 8

Behaviour = Callable[[Exchange, "tuple[int, ...]"], Awaitable[None]]


def parse_mode(text: str) -> tuple[str, tuple[int, ...]]:
    """`slow-20-50` -> ("slow", (20, 50)). Raises KeyError for an unknown name."""
    words = text.split("-")
    numbers: list[int] = []
    while len(words) > 1 and words[-1].isdigit():
        numbers.insert(0, int(words.pop()))
    name = "-".join(words)
    if name not in MODES:
        raise KeyError(text)
    return name, tuple(numbers)


def is_chat(exchange: Exchange) -> bool:
    return exchange.request.path.endswith("/chat/completions")


def model_of(exchange: Exchange) -> str:
    return str(exchange.request.fields.get("model", ""))


def texts(exchange: Exchange, count: int = DEFAULT_PIECES, size: int = 0) -> list[str]:
    return answers.pieces(answers.marker_in(exchange.request.body), count, size)


def asks_for_usage(exchange: Exchange) -> bool:
    options = exchange.request.fields.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def streams(exchange: Exchange) -> bool:
    return exchange.request.fields.get("stream") is True


def answer_events(
    exchange: Exchange, *, usage: bool = True, null_usage: bool = False, end: bytes = b"\n\n"
) -> list[bytes]:
    with_usage = usage and asks_for_usage(exchange)
    return answers.events(
        model_of(exchange),
        is_chat(exchange),
        texts(exchange),
        with_usage=with_usage,
        null_usage=null_usage,
        end=end,
    )


def send_whole(exchange: Exchange, said: list[str], *, usage: bool = True) -> None:
    exchange.whole(200, answers.whole(model_of(exchange), is_chat(exchange), said, usage))


def send_stream(exchange: Exchange, events: list[bytes]) -> None:
    exchange.start_stream()
    for event in events:
        exchange.chunk(event)
    exchange.end_stream()


async def ok(exchange: Exchange, _: tuple[int, ...]) -> None:
    if exchange.request.path.endswith("/embeddings"):
        exchange.whole(200, answers.embeddings(model_of(exchange), exchange.request.fields))
    elif streams(exchange):
        send_stream(exchange, answer_events(exchange))
    else:
        send_whole(exchange, texts(exchange))


async def float_only(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """Embeddings of an engine that knows neither base64 nor token ids."""
    fields = exchange.request.fields
    if fields.get("encoding_format") == "base64":
        refuse(exchange, 400, "encoding_format base64 is not supported")
    elif answers.has_token_ids(fields.get("input")):
        refuse(exchange, 400, "token ids are not supported")
    else:
        await ok(exchange, numbers)


def refuse(exchange: Exchange, status: int, message: str) -> None:
    exchange.whole(status, answers.error(message, "invalid_request_error", None))


async def reset_before(exchange: Exchange, _: tuple[int, ...]) -> None:
    exchange.reset()


async def close_before(exchange: Exchange, _: tuple[int, ...]) -> None:
    exchange.close()


async def status(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`status-CODE`, or `status-CODE-SECONDS` with a retry-after header."""
    code, *retry_after_s = numbers
    type = "server_error" if code >= 500 else "invalid_request_error"
    said = f"Incorrect API key provided: {LEAKED_KEY}" if code == 401 else f"the fake upstream says {code}"
    body = answers.error(said, type, f"fake_{code}")
    exchange.whole(code, body, {"retry-after": str(retry_after_s[0])} if retry_after_s else None)


async def stall_before(exchange: Exchange, _: tuple[int, ...]) -> None:
    await exchange.until_client_leaves()


def begin_unfinished(exchange: Exchange) -> None:
    """The first part of an answer whose rest will never come."""
    if streams(exchange):
        exchange.start_stream()
        exchange.chunk(answer_events(exchange)[0])
        return
    body = answers.whole(model_of(exchange), is_chat(exchange), texts(exchange), True)
    exchange.start(200, {"content-type": "application/json", "content-length": str(len(body))})
    exchange.raw(body[: len(body) // 2])


async def reset_mid(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`reset-mid`, or `reset-mid-MS` to let what was written arrive first (a reset discards what the other
    side has not read yet)."""
    begin_unfinished(exchange)
    await asyncio.sleep((numbers[0] if numbers else 30) / 1000)
    exchange.reset()


async def stall_mid(exchange: Exchange, _: tuple[int, ...]) -> None:
    begin_unfinished(exchange)
    await exchange.until_client_leaves()


async def truncated(exchange: Exchange, _: tuple[int, ...]) -> None:
    """A stream that ends with proper framing, but without finish reason, usage or `[DONE]`; a plain answer
    whose connection closes, in order, before its length is reached."""
    if streams(exchange):
        send_stream(exchange, answer_events(exchange)[:3])
    else:
        begin_unfinished(exchange)
        exchange.close()


async def malformed_sse(exchange: Exchange, _: tuple[int, ...]) -> None:
    """A good chunk, then an event whose JSON is broken, then the rest as if nothing had happened."""
    events = answer_events(exchange)
    send_stream(
        exchange, [*events[:2], b'data: {"id": "chatcmpl-fake", "choices": [{"delta"\n\n', *events[2:]]
    )


async def malformed_json(exchange: Exchange, _: tuple[int, ...]) -> None:
    body = answers.whole(model_of(exchange), is_chat(exchange), texts(exchange), True)
    exchange.whole(200, body[: len(body) // 2])


async def slow(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`slow-N-MS`: N pieces, each after MS milliseconds."""
    count, pause_ms = numbers or (DEFAULT_PIECES, 20)
    said = texts(exchange, count)
    if not streams(exchange):
        await pause(exchange, count * pause_ms)
        send_whole(exchange, said)
        return
    exchange.start_stream()
    for event in answers.events(
        model_of(exchange), is_chat(exchange), said, with_usage=asks_for_usage(exchange)
    ):
        await pause(exchange, pause_ms)
        exchange.chunk(event)
    exchange.end_stream()


async def say(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`say-TOKENS-MS`: an answer whose usage says TOKENS, after MS milliseconds; a stream in four pieces."""
    tokens, took_ms = numbers
    model, chat, said = model_of(exchange), is_chat(exchange), texts(exchange, 4)
    if not streams(exchange):
        await pause(exchange, took_ms)
        exchange.whole(200, answers.whole(model, chat, said, True, tokens))
        return
    exchange.start_stream()
    for event in answers.events(model, chat, said, with_usage=asks_for_usage(exchange), tokens=tokens):
        await pause(exchange, took_ms // 4)
        exchange.chunk(event)
    exchange.end_stream()


async def pause(exchange: Exchange, pause_ms: int) -> None:
    """Ends early, with ClientLeft, when the client leaves."""
    try:
        await asyncio.wait_for(exchange.until_client_leaves(), pause_ms / 1000)
    except TimeoutError:
        return


async def no_usage(exchange: Exchange, _: tuple[int, ...]) -> None:
    if streams(exchange):
        send_stream(exchange, answer_events(exchange, usage=False))
    else:
        send_whole(exchange, texts(exchange), usage=False)


async def usage_null_chunks(exchange: Exchange, _: tuple[int, ...]) -> None:
    if streams(exchange):
        send_stream(exchange, answer_events(exchange, null_usage=True))
    else:
        send_whole(exchange, texts(exchange))


async def fail_first(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`fail-first-N`: 500 to the first N arrivals of a marker, then well."""
    assert exchange.arrival is not None
    if exchange.arrival.nth <= (numbers[0] if numbers else 1):
        await status(exchange, (500,))
    else:
        await ok(exchange, ())


async def crlf(exchange: Exchange, _: tuple[int, ...]) -> None:
    send_stream(exchange, answer_events(exchange, end=b"\r\n\r\n"))


async def split(exchange: Exchange, _: tuple[int, ...]) -> None:
    """Events cut at odd places, several segments per event and events that share a segment."""
    exchange.start_stream()
    for part in odd_parts(b"".join(answer_events(exchange))):
        exchange.chunk(part)
        await asyncio.sleep(0.001)
    exchange.end_stream()


def odd_parts(data: bytes) -> Iterator[bytes]:
    sizes = (1, 3, 7, 61, 2, 251, 5, 13)
    start = turn = 0
    while start < len(data):
        end = start + sizes[turn % len(sizes)]
        yield data[start:end]
        start, turn = end, turn + 1


async def big(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`big-KB`: pieces of KB kilobytes each (default 64)."""
    said = texts(exchange, 4, (numbers[0] if numbers else 64) * 1000)
    if not streams(exchange):
        send_whole(exchange, said)
        return
    exchange.start_stream()
    for event in answers.events(
        model_of(exchange), is_chat(exchange), said, with_usage=asks_for_usage(exchange)
    ):
        exchange.chunk(event)
        await exchange.drain()
    exchange.end_stream()


async def cached(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`cached-INPUT-READ-OUTPUT-REASONING`: a plain answer with usage of every kind, as OpenAI reports it."""
    prompt, read, output, reasoning = numbers or (1000, 600, 200, 50)
    answer = orjson.loads(answers.whole(model_of(exchange), is_chat(exchange), texts(exchange), False))
    answer["usage"] = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": read},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    exchange.whole(200, orjson.dumps(answer))


MODES: dict[str, Behaviour] = {
    "ok": ok,
    "ok-stream": ok,
    "float-only": float_only,
    "reset-before": reset_before,
    "close-before": close_before,
    "status": status,
    "stall-before": stall_before,
    "reset-mid": reset_mid,
    "stall-mid": stall_mid,
    "truncated": truncated,
    "malformed-sse": malformed_sse,
    "malformed-json": malformed_json,
    "slow": slow,
    "say": say,
    "no-usage": no_usage,
    "usage-null-chunks": usage_null_chunks,
    "fail-first": fail_first,
    "crlf": crlf,
    "split": split,
    "big": big,
    "cached": cached,
    "told": told,
    "detailed": detailed,
}
