"""POST /v1/embeddings: what engines cannot do of OpenAI's form is done here.

SDKs send token ids of OpenAI's encodings and ask for base64 by default. An engine that serves another
model would read those ids as words of its own vocabulary and answer nonsense, so they are decoded to text
first (unless the model's `token_ids: engine` says that its clients send its own ids), and vectors are asked
for as floats and packed on the way back.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from array import array
from collections.abc import Mapping
from typing import Any

import orjson

from gateway import tokens
from gateway.api.read import Resource, optional, required
from gateway.call import Api
from gateway.errors import BadRequest

MAX_INPUTS = 2048
"""OpenAI's own limit on one request."""


def check(fields: Mapping[str, Any]) -> None:
    given = required(fields, "input", (str, list))
    if isinstance(given, list) and not (_all(given, str) or _is_ids(given) or _all_ids(given)):
        raise BadRequest(
            "The field 'input' must be a string, an array of strings, an array of token ids, or an array of "
            "arrays of token ids, none of them empty.",
            param="input",
            code="wrong_type",
        )
    if isinstance(given, list) and not _is_ids(given) and len(given) > MAX_INPUTS:
        raise BadRequest(f"The field 'input' holds more than {MAX_INPUTS} inputs.", param="input")
    form = optional(fields, "encoding_format", str)
    if form not in (None, "float", "base64"):
        raise BadRequest(
            "The field 'encoding_format' must be 'float' or 'base64'.",
            param="encoding_format",
            code="wrong_value",
        )


EMBEDDINGS = Resource(Api.EMBEDDINGS, "/embeddings", Api.EMBEDDINGS.value, check)


async def engine_fields(fields: Mapping[str, Any], token_ids: str) -> dict[str, Any]:
    """The request as any engine understands it. Raises BadRequest for ids outside the encoding."""
    changed = {name: value for name, value in fields.items() if name != "encoding_format"}
    given = fields["input"]
    if token_ids != "engine" and isinstance(given, list) and not isinstance(given[0], str):
        rows = [given] if _is_ids(given) else given
        try:
            texts = await asyncio.to_thread(lambda: [tokens.decode(token_ids, row) for row in rows])
        except ValueError as unknown:
            raise BadRequest(f"The field 'input' cannot be read: {unknown}.", param="input") from None
        changed["input"] = texts
    return changed


def as_asked(answer: dict[str, Any], encoding_format: object) -> dict[str, Any]:
    """The engine's answer in the form the client asked for; vectors already in that form stay."""
    for row in answer.get("data", ()):
        vector = row.get("embedding")
        if encoding_format == "base64" and isinstance(vector, list):
            row["embedding"] = _packed(vector)
        elif encoding_format != "base64" and isinstance(vector, str):
            row["embedding"] = _unpacked(vector)
    return answer


def answer_bytes(body: bytes, encoding_format: object) -> bytes:
    return orjson.dumps(as_asked(orjson.loads(body), encoding_format))


def _packed(vector: list[float]) -> str:
    """Little-endian 32-bit floats, as OpenAI packs them."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode("ascii")


def _unpacked(text: str) -> list[float]:
    vector = array("f", base64.b64decode(text))
    if sys.byteorder == "big":
        vector.byteswap()
    return vector.tolist()


def _all(values: list[Any], kind: type) -> bool:
    return all(isinstance(value, kind) and value != "" for value in values)


def _is_ids(values: list[Any]) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _all_ids(values: list[Any]) -> bool:
    return all(isinstance(row, list) and row and _is_ids(row) for row in values)
