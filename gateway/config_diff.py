"""What a new configuration changes, for the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config_file import LoadedConfig
from gateway.effective import effective
from gateway.problems import Path, dotted

MOST_SETTINGS = 100
_NONE = object()


def config_change(
    old: LoadedConfig, new: LoadedConfig, version: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after): the file's hash, and of the settings those that differ, defaults included and secrets
    masked. `version` is that of the old one."""
    was, now = (dict(_leaves(effective(loaded.settings), ())) for loaded in (old, new))
    differing = [path for path in sorted({*was, *now}) if was.get(path, _NONE) != now.get(path, _NONE)]
    before = _side(was, differing) | {"version": version, "sha256": old.text_hash}
    after = _side(now, differing) | {"version": version + 1, "sha256": new.text_hash}
    return before, after


def _side(leaves: Mapping[str, Any], differing: list[str]) -> dict[str, Any]:
    told = {path: leaves[path] for path in differing[:MOST_SETTINGS] if path in leaves}
    more = len(differing) - MOST_SETTINGS
    return {"settings": told} | ({"settings_not_listed": more} if more > 0 else {})


def _leaves(value: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """(`tenants.acme.keys[0].name`, value) of everything that holds nothing else."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from _leaves(part, (*path, place))
    else:
        yield dotted(path), value
