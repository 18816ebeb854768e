"""A configuration without its mistaken parts, and the way back to where the rest stood."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.config_yaml import Plain
from gateway.problems import Path

PLACEHOLDER = "placeholder.invalid"
"""The backend that stands in where none is left without a mistake, so that the rest can still be checked."""


@dataclass(frozen=True, slots=True)
class Pruned:
    value: Plain
    positions: dict[Path, list[int]]
    """Per list, by its original path: the original positions of the items that are left."""

    def original(self, path: Path) -> Path:
        """Where the file as written has what stands at this path of `value`."""
        found: Path = ()
        for part in path:
            left = self.positions.get(found)
            if isinstance(part, int) and left is not None and part < len(left):
                part = left[part]
            found = (*found, part)
        return found


def prune(top: dict[str, Plain], cut: AbstractSet[Path]) -> Pruned:
    """Leaves `top` as it is."""
    positions: dict[Path, list[int]] = {}
    value = _without(top, cut, (), positions)
    if isinstance(value, dict) and cut and not value.get("backends"):
        url = f"http://{PLACEHOLDER}"
        value["backends"] = {PLACEHOLDER: {"kind": "openai", "url": url, "models": {PLACEHOLDER: "none"}}}
    return Pruned(value, positions)


def _without(value: Plain, cut: AbstractSet[Path], path: Path, positions: dict[Path, list[int]]) -> Plain:
    if isinstance(value, dict):
        return {
            key: _without(inner, cut, (*path, key), positions)
            for key, inner in value.items()
            if (*path, key) not in cut
        }
    if isinstance(value, list):
        positions[path] = left = [at for at in range(len(value)) if (*path, at) not in cut]
        return [_without(value[at], cut, (*path, at), positions) for at in left]
    return value
