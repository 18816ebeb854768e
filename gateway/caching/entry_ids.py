"""The id of a kept answer: unique, and with it a mark of what the answer says.

Where questions of one intent share an answer, near questions that lead to the same answer speak for each
other. The mark tells which do without fetching them. It is keyed, so that an id shows nothing of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

_PERSON = b"weir answer 1"
_MARK_BYTES = 6


def entry_id(secret: bytes, kind: str, name: str, answer: Mapping[str, Any]) -> str:
    """`hit_NAME_MARK`; answers of one text have one mark."""
    said = [_said(choice) for choice in choices_of(answer)]
    mark = blake2b(orjson.dumps(said), digest_size=_MARK_BYTES, key=secret, person=_PERSON).hexdigest()
    return f"{kind}_{name}_{mark}"


def choices_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of a chat or a completion; none of embeddings."""
    choices = answer.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _said(choice: Mapping[str, Any]) -> object:
    message = choice.get("message")
    return message.get("content") if isinstance(message, dict) else choice.get("text")


def answer_of(entry_id: str) -> str:
    """The mark; an id without one stands for itself."""
    head, _, mark = entry_id.rpartition("_")
    return mark if head.count("_") else entry_id
