"""Does a JSON value have the shape of a schema? The part of JSON Schema that structured outputs use.

What is not known here (formats, patterns, bounds) is taken for fulfilled: an answer is doubted for what is
certainly wrong with it, never for what cannot be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MAX_DEPTH = 50
"""Of values and references together; deeper ones are taken for right."""

_IS: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": lambda value: _is_number(value),
}


def fits_schema(value: Any, schema: Mapping[str, Any]) -> bool:
    """False only where the value certainly is of another shape. Raises nothing."""
    return _fits(value, schema, schema, MAX_DEPTH)


def _fits(value: Any, schema: Any, root: Mapping[str, Any], depth: int) -> bool:
    if schema is False:
        return False
    if not isinstance(schema, dict) or depth == 0:
        return True
    if isinstance(reference := schema.get("$ref"), str):
        return _fits(value, _resolved(reference, root), root, depth - 1)
    if "const" in schema and not _same(value, schema["const"]):
        return False
    if isinstance(allowed := schema.get("enum"), list) and not any(_same(value, each) for each in allowed):
        return False
    if not _of_type(value, schema.get("type")):
        return False
    return (
        _of_alternatives(value, schema, root, depth)
        and _members_fit(value, schema, root, depth)
        and _items_fit(value, schema, root, depth)
    )


def _of_type(value: Any, named: object) -> bool:
    kinds = named if isinstance(named, list) else [named]
    known = [_IS[kind] for kind in kinds if isinstance(kind, str) and kind in _IS]
    return len(known) < len(kinds) or any(is_one(value) for is_one in known)


def _of_alternatives(value: Any, schema: dict[str, Any], root: Mapping[str, Any], depth: int) -> bool:
    for name, enough in (("anyOf", any), ("oneOf", any), ("allOf", all)):
        parts = schema.get(name)
        if isinstance(parts, list) and not enough(_fits(value, part, root, depth - 1) for part in parts):
            return False
    return True


def _members_fit(value: Any, schema: dict[str, Any], root: Mapping[str, Any], depth: int) -> bool:
    if not isinstance(value, dict):
        return True
    required, known = schema.get("required"), schema.get("properties")
    if isinstance(required, list) and not all(name in value for name in required if isinstance(name, str)):
        return False
    properties = known if isinstance(known, dict) else {}
    others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
    return all(_fits(part, properties.get(name, others), root, depth - 1) for name, part in value.items())


def _items_fit(value: Any, schema: dict[str, Any], root: Mapping[str, Any], depth: int) -> bool:
    if not isinstance(value, list) or "prefixItems" in schema:
        return True
    return all(_fits(part, schema.get("items", True), root, depth - 1) for part in value)


def _resolved(reference: str, root: Mapping[str, Any]) -> Any:
    """Of `#/$defs/name`; True, which everything fits, for any other."""
    found: Any = root
    if not reference.startswith("#"):
        return True
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return True
        found = found[name]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(value: Any, other: Any) -> bool:
    """1 and true are two values in JSON."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
