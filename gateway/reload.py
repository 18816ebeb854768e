"""Whether a configuration file may be taken by a running gateway."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.config_file import ConfigError, LoadedConfig, load
from gateway.keydirectory import tenants_in_store
from gateway.keywatch import KeyWatcher
from gateway.pricecheck import price_check
from gateway.problems import Place, Problem
from metering.catalogue import Catalogue


def stamp_of(path: str) -> tuple[int, int] | None:
    """Changes when the file does; None while it is not there (an editor may be replacing it)."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size


def read_config(path: str | Path, catalogue: Catalogue) -> LoadedConfig:
    """The file, with every check that a gateway makes. Raises ConfigError."""
    return load(path, os.environ, priced=price_check(catalogue), tenants_in_store=tenants_in_store)


def refuse_names_twice(keys: KeyWatcher, loaded: LoadedConfig) -> None:
    """Raises ConfigError: of two tenants or keys with one name nobody could tell which one holds."""
    conflicts = keys.conflicts(loaded.settings)
    if conflicts:
        message = f"both here and in the key store: {', '.join(conflicts)}"
        raise ConfigError([Problem(loaded.path, Place(1, 1), (), message)])


def refuse_what_needs_a_restart(old: LoadedConfig, new: LoadedConfig) -> None:
    """Raises ConfigError for a change that a running process cannot make."""
    was, now = old.settings, new.settings
    fixed = {
        "ledger": was.ledger == now.ledger,
        "journal": was.journal == now.journal,
        "server.host": was.server.host == now.server.host,
        "server.port": was.server.port == now.server.port,
        "cache.max_memory": was.cache.max_memory == now.cache.max_memory,
        "cache.max_tenant": was.cache.max_tenant == now.cache.max_tenant,
        "cache.max_index": was.cache.max_index == now.cache.max_index,
        "cache.secret": was.cache.secret == now.cache.secret,
    }
    changed = [name for name, same in fixed.items() if not same]
    if changed:
        message = f"{', '.join(changed)} can only change with a restart"
        raise ConfigError([Problem(new.path, Place(1, 1), (), message)])
