"""The client's body, made ready for an upstream, with as few bytes changed as possible.

Only two things ever change: the model's name, and the request for a stream's usage chunk. Both are spliced
into the client's own bytes, so that numbers, escapes, key order and duplicates travel as they were sent;
where splicing would be unsafe the parsed fields are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
_ASK_USAGE = b'"stream_options":{"include_usage":true}'


def upstream_body(body: bytes, fields: Mapping[str, Any], *, model: str, ask_usage: bool) -> bytes:
    """`fields` is `body`, parsed. With `ask_usage`, the upstream is asked for the usage chunk."""
    options = fields.get("stream_options")
    asks_already = isinstance(options, dict) and options.get("include_usage") is True
    add_usage = ask_usage and not asks_already
    if fields["model"] != model:
        renamed = _with_model(body, model)
        if renamed is None:
            return _written_anew(fields, model, add_usage)
        body = renamed
    if not add_usage:
        return body
    if "stream_options" in fields:
        return _written_anew(fields, model, add_usage)
    end = body.rindex(b"}")
    return b"%b,%b}" % (body[:end], _ASK_USAGE)


def _with_model(body: bytes, model: str) -> bytes | None:
    """A lone `"model"` in the body can only be the top-level key, since that one is there for certain: in
    text it would stand with escaped quotes. With two, one may be a tool's parameter; with a letter of the
    key spelled as an escape (\\u006d is m), the lone one may be as well."""
    if body.count(b'"model"') != 1 or b"\\u006" in body:
        return None
    match = _MODEL.search(body)
    if match is None:
        return None
    return b'%b"model":%b%b' % (body[: match.start()], orjson.dumps(model), body[match.end() :])


def _written_anew(fields: Mapping[str, Any], model: str, add_usage: bool) -> bytes:
    changed = {**fields, "model": model}
    if add_usage:
        changed["stream_options"] = {**(fields.get("stream_options") or {}), "include_usage": True}
    return orjson.dumps(changed)
