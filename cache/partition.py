"""The two keys of an entry. What an answer depends on, but for the last words said, makes the partition; the
last words make the entry's key, under that partition.

Both hash one JSON document whose shape never varies, so no two requests can be spelled alike: there is no
concatenation whose parts could run into each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from cache.base import EntryKey, PartitionKey

MIN_SECRET_BYTES = 16
MAX_SECRET_BYTES = 64
"""What keyed BLAKE2b takes."""

CHAT = "chat.completions"
LAST_WORDS = {"completions": "prompt", "embeddings": "input"}
"""Where an API other than chat keeps what was said last."""

NOT_PART_OF_THE_ANSWER = frozenset({"model", "stream", "stream_options", "user", "metadata"})
"""Fields that leave the answer as it is: how it is delivered, and labels. `model` counts too, but by the name
that the caller gives. Every other field counts, known or not."""

_KEY_BYTES = 32
_PARTITION, _ENTRY, _CANONICAL = b"weir partition 1", b"weir entry 1", b"weir canonical"


class Scope(NamedTuple):
    """Who shares answers. The tenant always stands between; project and key only where they are given."""

    tenant: str
    project: str | None = None
    key: str | None = None


class Group(NamedTuple):
    """Tenants that share answers with each other. Whoever makes one has made sure that the group names the
    tenant and that the tenant opted in."""

    name: str


Sharing = Scope | Group


def request_keys(
    secret: bytes, scope: Sharing, api: str, model_or_route: str, fields: Mapping[str, Any]
) -> tuple[PartitionKey, EntryKey]:
    """Keys under which this request's answer is kept. `fields` is the request's JSON, left untouched.

    Order of keys and white space of the body do not matter; everything else does, but for
    NOT_PART_OF_THE_ANSWER. Raises ValueError if the secret is not of 16 to 64 bytes: an empty one would
    silently hash without a key.
    """
    if not MIN_SECRET_BYTES <= len(secret) <= MAX_SECRET_BYTES:
        raise ValueError(f"a secret of {len(secret)} bytes; BLAKE2b wants 16 to 64 here")
    rest = {name: value for name, value in fields.items() if name not in NOT_PART_OF_THE_ANSWER}
    last, place = _take_last_words(rest, api)
    partition = _hash(secret, _PARTITION, _canonical((*_who(scope), api, model_or_route, place, rest)))
    entry = _hash(secret, _ENTRY, partition + _canonical(last))
    return PartitionKey(partition), EntryKey(entry)


def canonical_key(secret: bytes, partition: PartitionKey, form: str) -> EntryKey:
    """The key of a canonical form of the last words. Never equal to a verbatim one: the two are hashed for
    different purposes."""
    return EntryKey(_hash(secret, _CANONICAL, partition + form.encode("utf-8", "surrogatepass")))


def last_text(api: str, fields: Mapping[str, Any]) -> str | None:
    """The last words, if they are one text and nothing else: what a canonical form and a neighbour can be
    looked for by. None if there are images, several parts, token ids or no words."""
    last, _ = _take_last_words(dict(fields), api)
    words = last[0] if last else None
    if isinstance(words, list) and len(words) == 1 and isinstance(words[0], dict):
        part = words[0]
        words = part.get("text") if part.keys() == {"type", "text"} and part["type"] == "text" else None
    return words if isinstance(words, str) and words else None


def _who(scope: Sharing) -> tuple[object, ...]:
    """A group is an object where a tenant is a text, so that no tenant can be named like a group."""
    if isinstance(scope, Group):
        return ({"group": scope.name},)
    return scope.tenant, scope.project, scope.key


def _take_last_words(rest: dict[str, Any], api: str) -> tuple[list[Any], int | None]:
    """Moves the last words out of `rest`. Gives none or one, so that an absent value is not a null one, and
    the number of the message they were taken from."""
    if api == CHAT:
        return _take_last_user_content(rest)
    name = LAST_WORDS.get(api, "")
    return ([rest.pop(name)] if name in rest else []), None


def _take_last_user_content(rest: dict[str, Any]) -> tuple[list[Any], int | None]:
    """The message keeps its place and its other fields in the partition, so that a prefilled answer or a
    tool's result behind it, or the speaker's name, still counts."""
    messages = rest.get("messages")
    if not isinstance(messages, list):
        return [], None
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        if isinstance(message, dict) and message.get("role") == "user" and "content" in message:
            without = message.copy()
            content = without.pop("content")
            rest["messages"] = [*messages[:position], without, *messages[position + 1 :]]
            return [content], position
    return [], None


def _canonical(value: object) -> bytes:
    """One JSON text per value: keys sorted, no white space."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # nested deeper than orjson goes, which the gateway can be set to allow
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _hash(secret: bytes, person: bytes, text: bytes) -> bytes:
    return blake2b(text, digest_size=_KEY_BYTES, key=secret, person=person, usedforsecurity=True).digest()
