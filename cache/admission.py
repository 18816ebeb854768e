"""What may be answered from the cache at all, and which answers are whole enough to be kept.

The functions say why not, in a few fixed words fit for a log or a metric's label, or None for yes.
What is sampled, personal or of a moment is not kept either, unless a route says so (`Exclusions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from cache import personal, timely

CHAT = "chat.completions"
EMBEDDINGS = "embeddings"

_WHOLE = "stop"
_CUT_BY = {
    "length": "cut",
    "content_filter": "filtered",
    "tool_calls": "tool calls",
    "function_call": "tool calls",
}


def cacheable_request(api: str, fields: Mapping[str, Any]) -> str | None:
    """None if an answer to this request may be served from the cache and kept, else why not."""
    if api == EMBEDDINGS:
        return None
    if fields.get("tools") or fields.get("functions"):
        return "tools offered"
    if fields.get("n") not in (None, 1):
        return "several choices"
    if _asks_for_logprobs(fields):
        return "logprobs"
    if fields.get("store"):
        return "stored upstream"
    return _chat_reason(fields) if api == CHAT else None


class Exclusions(NamedTuple):
    """What is not kept, though its answer is whole; a route may say otherwise."""

    personal: AbstractSet[str] = personal.KINDS
    own: tuple[personal.Pattern, ...] = ()
    time_bound: bool = True
    sampled: bool = True


NOTHING_SPECIAL = Exclusions()
MAX_READ_CHARACTERS = 8_192
"""Of the last words. Longer ones are documents rather than questions: they are not looked through, and
matched word for word only."""


def is_sampled(fields: Mapping[str, Any]) -> bool:
    """A temperature above 0 asks for variety. None given asks for nothing, and counts as no sampling,
    whatever the upstream's own default is."""
    return _above_0(fields.get("temperature"))


def passing_request(text: str, exclusions: Exclusions = NOTHING_SPECIAL) -> str | None:
    """None if the answer to these last words may be kept for later, else why not."""
    if len(text) > MAX_READ_CHARACTERS:
        return None
    if personal.reason(text, exclusions.personal, exclusions.own) is not None:
        return "personal data"
    return timely.reason(text) if exclusions.time_bound else None


def _above_0(temperature: object) -> bool:
    """What is no number is for the upstream to refuse, and is not taken for 0."""
    if temperature is None or temperature is False:
        return False
    return not isinstance(temperature, int | float) or temperature > 0


def whole_answer(api: str, answer: Mapping[str, Any]) -> str | None:
    """None if this non-streamed answer is whole and may be kept, else why not. Usage may be missing."""
    if answer.get("error"):
        return "error"
    if api == EMBEDDINGS:
        return _vectors_reason(answer.get("data"))
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        return "no choices"
    for choice in choices:
        reason = _choice_reason(api, choice) if isinstance(choice, dict) else "malformed"
        if reason is not None:
            return reason
    return None


def _asks_for_logprobs(fields: Mapping[str, Any]) -> bool:
    """Completions count them (0 is a request too), chat says true or false."""
    asked = fields.get("logprobs")
    return (asked is not None and asked is not False) or bool(fields.get("top_logprobs"))


def _chat_reason(fields: Mapping[str, Any]) -> str | None:
    if fields.get("audio") or fields.get("modalities") not in (None, ["text"]):
        return "audio"
    if fields.get("web_search_options") is not None:
        return "web search"
    for part in _parts(fields):
        if _points_elsewhere(part):
            return "linked content"
    return None


def _parts(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = []
    for message in fields.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        if type(content) is list:
            parts.extend(part for part in content if isinstance(part, dict))
    return parts


def _points_elsewhere(part: Mapping[str, Any]) -> bool:
    """A link stays the same while what lies behind it changes; only data that the body carries can be
    compared."""
    match part.get("type"):
        case "text" | "input_text" | "refusal" | "input_audio":
            return False
        case "image_url" | "input_image":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            return not (isinstance(url, str) and url[:5].lower() == "data:")
        case _:
            return True


def _vectors_reason(data: object) -> str | None:
    if not isinstance(data, list) or not data:
        return "no vectors"
    whole = all(isinstance(row, dict) and row.get("embedding") for row in data)
    return None if whole else "malformed"


def _choice_reason(api: str, choice: Mapping[str, Any]) -> str | None:
    ended = choice.get("finish_reason")
    if ended != _WHOLE:
        return _CUT_BY.get(ended, "unfinished") if isinstance(ended, str) else "unfinished"
    if api == CHAT:
        message = choice.get("message")
        return _message_reason(message) if isinstance(message, dict) else "malformed"
    text = choice.get("text")
    return None if isinstance(text, str) and text else "empty"


def _message_reason(message: Mapping[str, Any]) -> str | None:
    if message.get("refusal"):
        return "refused"
    if message.get("tool_calls") or message.get("function_call"):
        return "tool calls"
    if message.get("audio"):
        return "audio"
    content = message.get("content")
    return None if isinstance(content, str) and content else "empty"
