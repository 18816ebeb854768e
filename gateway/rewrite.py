"""The client's body, made ready for an upstream, with as few bytes changed as possible.

Only three things ever change: the model's name, the request for a stream and its usage, and what the gateway
asks for itself (log-probabilities). They are spliced
into the client's own bytes, so that numbers, escapes, key order and duplicates travel as they were sent;
where splicing would be unsafe the parsed fields are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

_NOTHING: Mapping[str, Any] = {}
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')


def upstream_body(
    body: bytes,
    fields: Mapping[str, Any],
    *,
    model: str,
    stream: bool,
    added: Mapping[str, Any] = _NOTHING,
) -> bytes:
    """`fields` is `body`, parsed. With `stream`, the upstream is asked for a stream and its usage chunk,
    whether the client asked for one or not. `added` replaces what the client said of the same name."""
    missing = _missing(fields) if stream else {}
    if added:
        missing = {**missing, **added}
    if fields["model"] != model:
        renamed = _with_model(body, model)
        if renamed is None:
            return _written_anew(fields, model, missing)
        body = renamed
    if not missing:
        return body
    if any(name in fields for name in missing):
        return _written_anew(fields, model, missing)
    end = body.rindex(b"}")
    return b"%b,%b" % (body[:end], orjson.dumps(missing)[1:])


def _missing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What must be said for a stream with usage, and is not said yet."""
    missing: dict[str, Any] = {}
    if fields.get("stream") is not True:
        missing["stream"] = True
    options = fields.get("stream_options")
    if not (isinstance(options, dict) and options.get("include_usage") is True):
        missing["stream_options"] = {**(options or {}), "include_usage": True}
    return missing


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


def _written_anew(fields: Mapping[str, Any], model: str, missing: Mapping[str, Any]) -> bytes:
    return orjson.dumps({**fields, "model": model, **missing})
