"""What a client must see, and what the ledger must say, for each way an upstream can behave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from tests.fakes import answers
from tests.fakes.client import Answer
from tests.fakes.modes import DEFAULT_PIECES, LEAKED_KEY

Check = Callable[[Answer, str], None]
"""Raises AssertionError when an answer to a marker is wrong."""


def right_text(marker: str, pieces: int = DEFAULT_PIECES, size: int = 0) -> str:
    return "".join(answers.pieces(marker, pieces, size))


def whole(pieces: int = DEFAULT_PIECES, size: int = 0) -> Check:
    """The right answer, not streamed."""

    def check(answer: Answer, marker: str) -> None:
        assert answer.status == 200, answer
        assert answer.json()["choices"][0]["message"]["content"] == right_text(marker, pieces, size)

    return check


def streamed(pieces: int = DEFAULT_PIECES, size: int = 0) -> Check:
    """The right answer, streamed to its end, without the usage chunk that nobody asked for."""

    def check(answer: Answer, marker: str) -> None:
        assert (answer.status, answer.whole) == (200, True), answer
        *events, last = answer.events()
        assert last == b"[DONE]"
        chunks = [orjson.loads(event) for event in events]
        assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks), (
            "the usage chunk was shown"
        )
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        assert text == right_text(marker, pieces, size)
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"

    return check


def embedded(answer: Answer, marker: str) -> None:
    assert answer.status == 200, answer
    assert answer.json()["data"][0]["embedding"] == answers.vector(f"[id:{marker}] hello")


def failed(status: int, type: str) -> Check:
    """An error of that status and type, in OpenAI's shape, instead of any answer."""

    def check(answer: Answer, marker: str) -> None:
        assert answer.status == status, answer
        _check_error(answer.json(), type)
        assert LEAKED_KEY.encode() not in answer.body

    return check


def broke_off(type: str) -> Check:
    """A stream that began well and ended, in order, with an error event."""

    def check(answer: Answer, marker: str) -> None:
        assert (answer.status, answer.whole) == (200, True), answer
        events = answer.events()
        assert f"[id:{marker}]".encode() in events[0]
        assert b"[DONE]" not in events
        _check_error(orjson.loads(events[-1]), type)
        for event in events[:-1]:
            assert "choices" in orjson.loads(event), "a broken event reached the client"

    return check


def nothing(answer: Answer, marker: str) -> None:
    """The client left: whatever came until then is fine."""


def _check_error(payload: object, type: str) -> None:
    assert isinstance(payload, dict)
    error = payload["error"]
    assert set(error) >= {"message", "type", "param", "code"}, error
    assert error["type"] == type, error
    assert isinstance(error["message"], str)
    assert error["message"]


@dataclass(frozen=True, slots=True)
class Case:
    model: str
    stream: bool
    weight: int
    """How many of the thousand requests."""
    check: Check
    outcomes: tuple[str, ...]
    """One per expected event of the ledger, in the order of attempts."""
    path: str = "/chat/completions"
    leaves: bool = False
    """The client leaves as soon as the upstream has the request."""
    seen: bool = True
    """The attempts reach the upstream (False: nobody listens there, or the gateway refuses)."""


DONE, FAILED, REFUSED = "completed", "upstream_failed", "upstream_refused"
TIMEOUT, CUT, GONE = "upstream_timeout", "upstream_cut", "client_gone"
BAD_GATEWAY, TOO_LATE = failed(502, "upstream_error"), failed(504, "upstream_error")
BROKEN = broke_off("upstream_error")

CASES = (
    # right answers, however they come
    Case("fault/ok", False, 140, whole(), (DONE,)),
    Case("fault/ok", True, 140, streamed(), (DONE,)),
    Case("fault/ok", False, 20, embedded, (DONE,), path="/embeddings"),
    Case("fault/no-usage", False, 10, whole(), (DONE,)),
    Case("fault/no-usage", True, 10, streamed(), (DONE,)),
    Case("fault/usage-null-chunks", True, 20, streamed(), (DONE,)),
    Case("fault/crlf", True, 20, streamed(), (DONE,)),
    Case("fault/split", True, 20, streamed(), (DONE,)),
    Case("fault/slow-10-10", True, 20, streamed(10), (DONE,)),
    Case("fault/slow-10-10", False, 20, whole(10), (DONE,)),
    Case("fault/big-64", True, 5, streamed(4, 64_000), (DONE,)),
    Case("fault/big-64", False, 5, whole(4, 64_000), (DONE,)),
    # mended by a retry or a fallback
    Case("fault/fail-first-1", False, 25, whole(), (FAILED, DONE)),
    Case("fault/fail-first-1", True, 25, streamed(), (FAILED, DONE)),
    Case("chain", False, 15, whole(), (FAILED, FAILED, DONE)),
    Case("chain", True, 15, streamed(), (FAILED, FAILED, DONE)),
    # no answer before the first byte
    Case("fault/reset-before", False, 20, BAD_GATEWAY, (FAILED, FAILED)),
    Case("fault/reset-before", True, 20, BAD_GATEWAY, (FAILED, FAILED)),
    Case("fault/close-before", False, 20, BAD_GATEWAY, (FAILED, FAILED)),
    Case("fault/close-before", True, 20, BAD_GATEWAY, (FAILED, FAILED)),
    Case("fault/status-500", False, 20, BAD_GATEWAY, (FAILED, FAILED)),
    Case("fault/status-500", True, 20, BAD_GATEWAY, (FAILED, FAILED)),
    Case("fault/status-429", False, 15, failed(429, "rate_limit_error"), (FAILED, FAILED)),
    Case("fault/status-429-7", True, 15, failed(429, "rate_limit_error"), (FAILED,)),
    Case("fault/status-401", False, 15, BAD_GATEWAY, (FAILED,)),
    Case("fault/status-401", True, 15, BAD_GATEWAY, (FAILED,)),
    Case("fault/status-400", False, 15, failed(400, "invalid_request_error"), (REFUSED,)),
    Case("stall/stall-before", False, 10, TOO_LATE, (TIMEOUT,)),
    Case("stall/stall-before", True, 10, TOO_LATE, (TIMEOUT,)),
    Case("dead", False, 10, BAD_GATEWAY, (FAILED, FAILED), seen=False),
    # broken off after it
    Case("fault/reset-mid-200", False, 15, BAD_GATEWAY, (CUT,)),
    Case("fault/reset-mid-200", True, 15, BROKEN, (CUT,)),
    Case("stall/stall-mid", False, 10, TOO_LATE, (TIMEOUT,)),
    Case("stall/stall-mid", True, 10, BROKEN, (TIMEOUT,)),
    Case("fault/truncated", False, 15, BAD_GATEWAY, (CUT,)),
    Case("fault/truncated", True, 15, BROKEN, (CUT,)),
    Case("fault/malformed-sse", True, 20, BROKEN, (CUT,)),
    Case("fault/malformed-json", False, 15, BAD_GATEWAY, (CUT,)),
    # the client leaves first
    Case("fault/slow-500-20", True, 15, nothing, (GONE,), leaves=True),
    Case("fault/slow-500-20", False, 15, nothing, (GONE,), leaves=True),
    # refused by the gateway itself: no attempt, no event
    Case("no-such-model", False, 10, failed(404, "invalid_request_error"), (), seen=False),
)


def numbered() -> Iterator[tuple[str, Case]]:
    """Every request of the table with its marker."""
    number = 0
    for case in CASES:
        for _ in range(case.weight):
            number += 1
            yield str(number), case
