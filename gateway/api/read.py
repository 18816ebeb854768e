"""From the client's bytes to a `Call`: one pass, and a message that names the cause of every refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cache.control import parse_cache_control
from gateway.call import Api, Call
from gateway.errors import BadRequest, WrongContentType
from gateway.front.client import Client

MAX_TAGS = 16
MAX_TAG_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Resource:
    """One OpenAI resource: where it lives, and what its body must look like."""

    api: Api
    path: str
    name: str
    """`api` as plain text."""
    check: Callable[[Mapping[str, Any]], None]
    """Raises BadRequest naming the field that is wrong. Unknown fields are not its business."""


def check_content_type(content_type: bytes | None, content_encoding: bytes | None) -> None:
    """Raises WrongContentType. A missing content type is taken for JSON."""
    if content_encoding not in (None, b"identity"):
        raise WrongContentType(
            f"Request bodies encoded as {_shown(content_encoding)} are not accepted; send plain JSON.",
            param="content-encoding",
        )
    if content_type is None or content_type == b"application/json":
        return
    kind = content_type.partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise WrongContentType(
            f"The content type is {_shown(kind)}; it must be application/json "
            "(with curl: -H 'content-type: application/json').",
            param="content-type",
        )


def parse_json(body: bytes, max_depth: int) -> dict[str, Any]:
    """Raises BadRequest for anything but a JSON object of bounded nesting."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        if "depth limit" in str(wrong):
            raise _too_deep(max_depth) from None
        where = f"line {wrong.lineno}, column {wrong.colno}"
        raise BadRequest(
            f"The request body is not valid JSON ({wrong.msg}, {where}).", code="invalid_json"
        ) from None
    if not isinstance(fields, dict):
        raise BadRequest(f"The request body must be a JSON object, not {_kind(fields)}.", code="invalid_json")
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > max_depth and _deeper_than(fields, max_depth):
        raise _too_deep(max_depth)
    return fields


def read_call(
    resource: Resource,
    client: Client,
    body: bytes,
    *,
    request_id: str,
    max_depth: int,
    now_s: float,
    now_us: int,
) -> Call:
    """Raises BadRequest."""
    fields = parse_json(body, max_depth)
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise _wrong("model", "a non-empty string", fields)
    stream = optional(fields, "stream", bool) or False
    options = optional(fields, "stream_options", dict) or {}
    resource.check(fields)
    return Call(
        request_id=request_id,
        api=resource.api,
        api_name=resource.name,
        body=body,
        fields=fields,
        model=model,
        stream=stream,
        wants_usage=options.get("include_usage") is True,
        tags=_tags(client.header(b"x-weir-tags"), client.header(b"x-weir-task")),
        cache_control=parse_cache_control(client.header(b"cache-control")),
        explain=client.header(b"x-weir-route") == b"explain",
        received_s=now_s,
        received_us=now_us,
    )


def check_types(fields: Mapping[str, Any], kinds: Iterable[tuple[str, type]]) -> None:
    """Fields that may be absent or null, and otherwise have one type. Raises BadRequest."""
    for name, kind in kinds:
        if fields.get(name) is not None:
            optional(fields, name, kind)


def optional(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    """The field's value if it is of that type, None if it is absent or null. Raises BadRequest."""
    value = fields.get(name)
    if value is None:
        return None
    wrong_number = kind is int and isinstance(value, bool)
    if not isinstance(value, kind) or wrong_number:
        raise _wrong(name, _KINDS[kind], fields)
    return value


def required(fields: Mapping[str, Any], name: str, kinds: tuple[type, ...]) -> Any:
    """The field's value, of one of those types and not empty. Raises BadRequest."""
    value = fields.get(name)
    if not isinstance(value, kinds) or not value:
        raise _wrong(name, "a non-empty " + " or ".join(_KINDS[kind].split()[-1] for kind in kinds), fields)
    return value


def _tags(header: bytes | None, task: bytes | None) -> tuple[tuple[str, str], ...]:
    """`k=v,k2=v2`, sorted; a task of its own header is the tag `task`, unless the tags have one. Labels only:
    identity and money come from the key."""
    if task is not None:
        return _tags_and_task(header, task.decode("utf-8", "replace").strip())
    if header is None:
        return ()
    return tuple(sorted(_tags_of(header).items()))


def _tags_and_task(header: bytes | None, task: str) -> tuple[tuple[str, str], ...]:
    if not task or len(task) > MAX_TAG_LENGTH:
        raise BadRequest(
            f"The header x-weir-task must name a task, in at most {MAX_TAG_LENGTH} characters.",
            param="x-weir-task",
        )
    tags = {} if header is None else _tags_of(header)
    return tuple(sorted(({"task": task} | tags).items()))


def _tags_of(header: bytes) -> dict[str, str]:
    tags: dict[str, str] = {}
    for part in header.decode("utf-8", "replace").split(","):
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not (name and equals) or len(name) > MAX_TAG_LENGTH or len(value) > MAX_TAG_LENGTH:
            raise BadRequest(
                "The header x-weir-tags must read name=value,name=value "
                f"(at most {MAX_TAG_LENGTH} characters each); {part.strip()[:40]!r} does not.",
                param="x-weir-tags",
            )
        tags[name] = value
    if len(tags) > MAX_TAGS:
        raise BadRequest(f"The header x-weir-tags names more than {MAX_TAGS} tags.", param="x-weir-tags")
    return tags


def _deeper_than(value: object, limit: int) -> bool:
    """Breadth first, so that no Python stack is at stake."""
    level: list[object] = [value]
    for _ in range(limit):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: object) -> list[object]:
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [value for value in values if isinstance(value, (dict, list))]


def _too_deep(limit: int) -> BadRequest:
    return BadRequest(f"The request body nests deeper than {limit} levels.", code="nested_too_deeply")


_KINDS: dict[type, str] = {
    bool: "a boolean",
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "an integer",
}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return _KINDS.get(type(value), "a number")


def _wrong(name: str, wanted: str, fields: Mapping[str, Any]) -> BadRequest:
    if name not in fields:
        return BadRequest(
            f"The field '{name}' is missing; it must be {wanted}.", param=name, code="missing_field"
        )
    got = fields[name]
    found = f"empty ({_kind(got)})" if got in ("", [], {}) else _kind(got)
    return BadRequest(
        f"The field '{name}' must be {wanted}, but it is {found}.", param=name, code="wrong_type"
    )


def _shown(value: bytes | None) -> str:
    return repr((value or b"").decode("latin-1")[:60])
