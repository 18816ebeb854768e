"""What a request's JSON says about itself: its text, its size in tokens, what it cannot do without.

Everything here takes any JSON that has the right outline (`messages` is a list of objects with a role) and
never raises on what is inside: unknown parts and odd shapes are counted as far as they can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

CHAT = "chat.completions"

BYTES_PER_TOKEN = 4
"""UTF-8 bytes per token. Measured with OpenAI's o200k_base and cl100k_base: English questions 3.8 to 4.3
(from 1.7 for formulas to 6.3), code 4.3, German 5.1 and 3.7, Chinese 4.9 and 2.8, Russian 6.8 and 3.9,
Hindi 10.2 and 2.7, digits and JSON 2.5, emoji 2.5 and 1.4."""
MESSAGE_TOKENS = 4
"""What a chat template puts around one message."""
REPLY_TOKENS = 3
"""What it puts before the answer."""
MEDIA_TOKENS = 765
"""For one image (OpenAI: 1024 x 1024 in high detail), sound or file, whatever its size."""

_INPUT = {"completions": "prompt", "embeddings": "input"}
_ALONE = {
    CHAT: frozenset({"chat"}),
    "completions": frozenset({"completions"}),
    "embeddings": frozenset({"embeddings"}),
}
_BEYOND_WORDS = frozenset(
    {
        "tools",
        "functions",
        "logprobs",
        "top_logprobs",
        "response_format",
        "audio",
        "modalities",
        "web_search_options",
    }
)
_IMAGE_PARTS = ("image_url", "input_image", "image")


# ---------------------------------------------------------------------- text


def prompt_text_parts(fields: Mapping[str, Any], api: str) -> list[str]:
    """Every text that reaches the model, in order: messages, tool calls, tool definitions, or the prompts.
    Token-id arrays have no text."""
    if api != CHAT:
        return list(_strings(fields.get(_INPUT[api])))
    texts: list[str] = []
    for message in _messages(fields):
        texts.extend(content_texts(message.get("content")))
        texts.extend(_json_text(calls) for calls in _calls(message))
    texts.extend(_json_text(extra) for extra in _definitions(fields))
    return texts


def content_texts(content: object) -> list[str]:
    """The texts of a message's content: a string, or the text parts of an array."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    return [text for part in content if isinstance(text := _part_text(part), str)]


def last_turns(fields: Mapping[str, Any], api: str) -> Iterator[tuple[str, str]]:
    """(role, text) of each turn, the latest first. A completion's or embedding's input is one user's turn."""
    if api != CHAT:
        yield "user", "\n".join(_strings(fields.get(_INPUT[api])))
        return
    for message in reversed(_messages(fields)):
        content = message.get("content")
        text = content if type(content) is str else "\n".join(content_texts(content))
        yield str(message.get("role")), text


# ---------------------------------------------------------------------- both at once


class Outline(NamedTuple):
    """What every request is asked first, found in one pass."""

    prompt_tokens: int
    """An estimate, good to a factor of two."""
    needs: frozenset[str]
    plain: bool
    """A chat of plain texts: no tools, no parts, nothing but words said in turn."""


def outline(fields: Mapping[str, Any], api: str) -> Outline:
    """The same as `estimate_prompt_tokens` and `needs`, faster where the request is plain."""
    if api == CHAT and _BEYOND_WORDS.isdisjoint(fields):
        size_bytes = 0
        messages = _messages(fields)
        for message in messages:
            content = message.get("content")
            if type(content) is not str or len(message) > 2:
                break
            size_bytes += len(content) if content.isascii() else utf8_bytes(content)
        else:
            tokens = REPLY_TOKENS + MESSAGE_TOKENS * len(messages) + _tokens(size_bytes)
            return Outline(tokens, _ALONE[CHAT], True)
    return Outline(estimate_prompt_tokens(fields, api), needs(fields, api), False)


# ---------------------------------------------------------------------- size


def estimate_prompt_tokens(fields: Mapping[str, Any], api: str) -> int:
    """All input tokens, good to a factor of two. Exact for token-id arrays."""
    if api != CHAT:
        return sum(_input_sizes(fields, api))
    size_bytes, tokens = 0, REPLY_TOKENS
    for message in _messages(fields):
        tokens += MESSAGE_TOKENS
        content = message.get("content")
        if type(content) is str:
            size_bytes += len(content) if content.isascii() else utf8_bytes(content)
        elif type(content) is list:
            for part in content:
                text = _part_text(part)
                tokens += MEDIA_TOKENS if text is None else 0
                size_bytes += 0 if text is None else utf8_bytes(text)
        for calls in _calls(message):
            size_bytes += utf8_bytes(_json_text(calls))
    for extra in _definitions(fields):
        size_bytes += utf8_bytes(_json_text(extra))
    return tokens + _tokens(size_bytes)


def longest_prompt_tokens(fields: Mapping[str, Any], api: str) -> int:
    """What must fit into a context window at once: a list of prompts or inputs is read one by one."""
    if api == CHAT:
        return estimate_prompt_tokens(fields, api)
    return max(_input_sizes(fields, api), default=0)


def requested_output_tokens(fields: Mapping[str, Any]) -> int | None:
    """The client's own limit on output, None if it set none."""
    newer = fields.get("max_completion_tokens")
    if type(newer) is int and newer > 0:
        return newer
    older = fields.get("max_tokens")
    return older if type(older) is int and older > 0 else None


# ---------------------------------------------------------------------- needs


def needs(fields: Mapping[str, Any], api: str) -> frozenset[str]:
    """The features that a backend must have. `response_format: json_object` needs none: it is a wish that
    every model can follow."""
    extra = []
    if fields.get("tools") or fields.get("functions"):
        extra.append("tools")
    if _asks_for_logprobs(fields):
        extra.append("logprobs")
    form = fields.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_schema":
        extra.append("json_schema")
    if api == CHAT and _has_images(fields):
        extra.append("vision")
    return _ALONE[api].union(extra) if extra else _ALONE[api]


def _asks_for_logprobs(fields: Mapping[str, Any]) -> bool:
    """Completions count them (0 is a request too), chat says true or false."""
    asked = fields.get("logprobs")
    return (asked is not None and asked is not False) or bool(fields.get("top_logprobs"))


def _has_images(fields: Mapping[str, Any]) -> bool:
    for message in _messages(fields):
        content = message.get("content")
        if type(content) is list and any(
            isinstance(part, dict) and part.get("type") in _IMAGE_PARTS for part in content
        ):
            return True
    return False


# ---------------------------------------------------------------------- shapes


def _messages(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = fields.get("messages") or []
    return messages


def _calls(message: Mapping[str, Any]) -> Iterator[object]:
    """What an assistant's turn called: part of the prompt of the next turn."""
    for name in ("tool_calls", "function_call"):
        if calls := message.get(name):
            yield calls


def _definitions(fields: Mapping[str, Any]) -> Iterator[object]:
    """What chat templates write into the prompt beside the messages."""
    for name in ("tools", "functions"):
        if definitions := fields.get(name):
            yield definitions


def _part_text(part: object) -> str | None:
    """None for whatever is not text: an image, a sound, a file."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        for name in ("text", "refusal"):
            text = part.get(name)
            if isinstance(text, str):
                return text
    return None


def _strings(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return (item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _input_sizes(fields: Mapping[str, Any], api: str) -> list[int]:
    """Tokens of each prompt or input."""
    given = fields.get(_INPUT[api])
    if isinstance(given, str):
        return [_tokens(utf8_bytes(given))]
    if not isinstance(given, list) or not given:
        return []
    if isinstance(given[0], int):  # one prompt as token ids
        return [len(given)]
    return [len(item) if isinstance(item, list) else _tokens(utf8_bytes(str(item))) for item in given]


def _tokens(size_bytes: int) -> int:
    return -(-size_bytes // BYTES_PER_TOKEN)


def utf8_bytes(text: str) -> int:
    """The length that a text has on the wire, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _json_text(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than orjson goes, which the gateway can be set to allow
        return json.dumps(value, separators=(",", ":"))
