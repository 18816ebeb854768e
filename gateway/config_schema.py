"""What keys the settings have, read off the pydantic models: for did-you-mean, and for the docs' test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.config import GatewaySettings
from gateway.problems import Path


def model_at(path: Path) -> type[BaseModel] | None:
    """The settings model whose keys may stand in the mapping at this path."""
    models: list[type[BaseModel]] = [GatewaySettings]
    in_collection = False
    for part in path:
        if in_collection:
            in_collection = False
            continue
        found = next((f for m in models for k, f in _keys_of(m) if k == part), None)
        if found is None:
            return None
        models, in_collection = _unwrap(found.annotation)
    return models[0] if models and not in_collection else None


def keys_at(path: Path) -> tuple[str, ...]:
    model = model_at(path)
    return tuple(key for key, _ in _keys_of(model)) if model else ()


def every_key(model: type[BaseModel] = GatewaySettings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """`tenants.*.keys[].name` and its like, with the field, depth first in the order of the models."""
    for key, found in _keys_of(model):
        path = f"{prefix}{key}"
        yield path, found
        nested, in_collection = _unwrap(found.annotation)
        step = ("[]" if _is_sequence(found.annotation) else ".*") if in_collection else ""
        for inner in nested:
            yield from every_key(inner, f"{path}{step}.")


def _keys_of(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return [(found.alias or name, found) for name, found in model.model_fields.items()]


def _unwrap(annotation: Any) -> tuple[list[type[BaseModel]], bool]:
    """The settings models inside a field's type, and whether they stand in a mapping or list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation], False
    origin = get_origin(annotation)
    collection = isinstance(origin, type) and issubclass(origin, (Mapping, Sequence))
    models: list[type[BaseModel]] = []
    nested_collection = collection
    for argument in get_args(annotation):
        inner, inside = _unwrap(argument)
        models += inner
        nested_collection = nested_collection or (inside and bool(inner))
    return models, nested_collection


def _is_sequence(annotation: Any) -> bool:
    origins = [get_origin(annotation), *(get_origin(argument) for argument in get_args(annotation))]
    return any(isinstance(origin, type) and issubclass(origin, Sequence) for origin in origins)
