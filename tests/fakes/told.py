"""A mode in which the prompt says what each model answers.

The prompt holds `<<JSON>>`: model name (before the `/`) -> {"text", "times", "logprob", "finish", "calls",
"prefers", "waits", "unmetered"}.
With "logprob", every word of the text has that log-probability, where they are asked for; "prefers" is for a
judge, who chooses the answer that holds that text; "waits" answers nothing until the client has left,
"unmetered" reports no usage.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from tests.fakes import answers
from tests.fakes.exchange import Exchange

_SCRIPT = re.compile(r"<<(\{.*?\})>>", re.DOTALL)
_ANSWER_A = re.compile(r"<answer-a[^>]*>(.*?)</answer-a", re.DOTALL)


def asks(**models: dict[str, Any]) -> str:
    """The part of a prompt that tells each model what to answer."""
    return f"<<{orjson.dumps(models).decode()}>>"


async def told(exchange: Exchange, numbers: tuple[int, ...]) -> None:
    """`told-STATUS` refuses requests for log-probabilities with that status."""
    fields = exchange.request.fields
    if numbers and fields.get("logprobs"):
        exchange.whole(numbers[0], answers.error("logprobs are not supported", "invalid_request_error", None))
        return
    prompt = "\n".join(str(message.get("content")) for message in fields.get("messages", ()))
    found = _SCRIPT.search(prompt)
    script = orjson.loads(found[1]) if found else {}
    part = script.get(str(fields.get("model", "")).partition("/")[0], {})
    if part.get("waits"):
        await exchange.until_client_leaves()
    if status := part.get("status"):
        exchange.whole(status, answers.error("as the prompt says", "server_error", None))
        return
    text = " ".join([part.get("text", "an answer of some words")] * part.get("times", 1))
    if prefers := part.get("prefers"):
        first = _ANSWER_A.search(prompt)
        text = "[[A]]" if first and prefers in first[1] else "[[B]]"
    if fields.get("stream"):
        exchange.start_stream()
        words = [word + " " for word in text.split(" ")]
        for event in answers.events(str(fields["model"]), True, words, with_usage=True):
            exchange.chunk(event)
        exchange.end_stream()
        return
    exchange.whole(200, orjson.dumps(_answer(fields, text, part)))


def _answer(fields: dict[str, Any], text: str, part: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(answers.whole(str(fields["model"]), True, text.split(" "), True))
    choice = answer["choices"][0]
    choice["message"]["content"] = text
    choice["finish_reason"] = part.get("finish", "stop")
    if part.get("unmetered"):
        del answer["usage"]
    if calls := part.get("calls"):
        choice["message"]["tool_calls"] = calls
    if fields.get("logprobs") and "logprob" in part:
        tokens = [{"token": word, "logprob": part["logprob"]} for word in text.split(" ")]
        choice["logprobs"] = {"content": tokens}
    return answer
