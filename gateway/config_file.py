"""A configuration file -> validated settings, or every mistake in it with its line.

Secrets are never shown: what came from a `${VARIABLE}` appears in messages as `${VARIABLE}`, credentials in
URLs as `***`, and other values of secret settings not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path as FilePath

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config import GatewaySettings
from gateway.config_checks import ListPrice, cross_check
from gateway.config_findings import Finding, names_in
from gateway.config_future import FUTURE_KEYS, future_key, future_values
from gateway.config_prune import PLACEHOLDER, Pruned, prune
from gateway.config_schema import keys_at
from gateway.config_yaml import Document, Plain, read
from gateway.problems import ConfigError, Path, Place, Problem, did_you_mean

__all__ = ["ConfigError", "LoadedConfig", "PriceCheck", "Problem", "TenantsInStore", "load", "parse"]

PriceCheck = Callable[[GatewaySettings, str, str], bool]
"""(settings, backend, public model name) -> whether the catalogue has a price for it."""

TenantsInStore = Callable[[GatewaySettings], Collection[str] | None]
"""The tenants that live in the key store; None when it cannot be read, and then nothing is said of names
that may be there."""

_MAX_ROUNDS = 6
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s'\"]+(?=@)")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    settings: GatewaySettings
    warnings: tuple[Problem, ...]
    text_hash: str
    """SHA-256 of the file as written, hexadecimal: two gateways that show the same ran the same file."""
    path: str


def load(
    path: str | FilePath,
    environ: Mapping[str, str],
    *,
    priced: PriceCheck | None = None,
    listed: ListPrice | None = None,
    tenants_in_store: TenantsInStore | None = None,
) -> LoadedConfig:
    """Raises ConfigError. Without `priced`, models without an entry under `rates` are not questioned; without
    `listed`, rates are not compared with the catalogue."""
    try:
        content = FilePath(path).read_bytes()
    except OSError as error:
        raise ConfigError([_whole(path, f"cannot be read: {error.strerror or error}")]) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([_whole(path, "is not UTF-8 text here", line)]) from error
    return parse(
        text, environ, file=str(path), priced=priced, listed=listed, tenants_in_store=tenants_in_store
    )


def parse(
    text: str,
    environ: Mapping[str, str],
    *,
    file: str = "<config>",
    priced: PriceCheck | None = None,
    listed: ListPrice | None = None,
    tenants_in_store: TenantsInStore | None = None,
) -> LoadedConfig:
    """`load` for text that is already at hand. Raises ConfigError."""
    document = read(file, text, environ)
    if document.value is None:
        raise ConfigError(
            document.problems or [_whole(file, "the file is empty; it needs at least `backends`")]
        )
    if not isinstance(document.value, dict):
        document.add((), "the file must be a mapping, such as `backends:` with names below it")
        raise ConfigError(document.problems)
    # What the cross-checks may refer to is read before mistaken parts are cut out: a model whose backend
    # has a typo elsewhere is still no unknown model.
    names = names_in(document.value)
    settings, pruned = _validate(document, document.value)
    warnings: list[Problem] = []
    if settings is not None:
        stored = tenants_in_store(settings) if tenants_in_store else ()
        for finding in cross_check(settings, names, priced, stored, datetime.now(UTC).date(), listed):
            _keep(document, replace(finding, path=pruned.original(finding.path)), warnings)
    if document.problems or settings is None:
        raise ConfigError(document.problems)
    return LoadedConfig(settings, tuple(warnings), sha256(text.encode()).hexdigest(), file)


def _whole(path: str | FilePath, message: str, line: int = 1) -> Problem:
    return Problem(str(path), Place(line, 1), (), message)


def _keep(document: Document, finding: Finding, warnings: list[Problem]) -> None:
    if PLACEHOLDER in finding.path:
        return
    message = _redacted(document, finding.path, finding.message)
    if finding.warning:
        warnings.append(Problem(document.file, document.place(finding.path), finding.path, message))
    elif not any(problem.path == finding.path for problem in document.problems):
        document.add(finding.path, message)


def _validate(document: Document, top: dict[str, Plain]) -> tuple[GatewaySettings | None, Pruned]:
    """Validates, cuts out what is mistaken, and validates again, so that one mistake does not hide the
    next. Returns the settings of what is left, for the cross-checks, or None."""
    cut: set[Path] = set()
    for path, message in future_values(top):
        document.add(path, message)
        cut.add(path)
    for _ in range(_MAX_ROUNDS):
        pruned = prune(top, cut)
        try:
            return GatewaySettings.model_validate(pruned.value), pruned
        except ValidationError as error:
            before = frozenset(cut)
            for details in error.errors(include_url=False):
                missing = details["type"] == "missing"
                loc = details["loc"][:-1] if missing else details["loc"]
                path = _known_path(document, pruned.original(loc))
                _report(document, path, details, before)
                cut.add(path)
    return None, pruned


def _report(document: Document, path: Path, details: ErrorDetails, cut: frozenset[Path]) -> None:
    """`cut` is what earlier rounds removed: what follows from that was told already."""
    if details["type"] == "missing":
        here = (*path, str(details["loc"][-1]))
        consequence = here in cut
    else:
        here = path
        consequence = any(gone[: len(path)] == path for gone in cut)
    if not consequence and all(problem.path != here for problem in document.problems):
        message = _redacted(document, path, _message(path, details))
        document.add(here, message, document.place(path))


def _known_path(document: Document, loc: Path) -> Path:
    """Pydantic's location without what it adds for unions and for mapping keys."""
    path: Path = ()
    for part in loc:
        if (*path, part) in document.values:
            path = (*path, part)
    return path


def _message(path: Path, details: ErrorDetails) -> str:
    kind, given = details["type"], details["input"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        key = str(path[-1])
        return future_key(key) or f"unknown key{did_you_mean(key, (*keys_at(path[:-1]), *FUTURE_KEYS))}"
    if given is None:
        return "is empty; give it a value or remove the key"
    if kind == "string_type" and isinstance(given, (bool, int, float)):
        return "must be text: put it in quotes"
    if kind == "string_pattern_mismatch":
        return _pattern_message(str(details["ctx"]["pattern"]), path)
    if kind == "literal_error":
        return f"must be one of {details['ctx']['expected']}".replace(" or ", ", ")
    if kind.startswith(("date", "timezone")):
        return "must be a day or a time, such as 2026-12-31 or 2026-12-31T18:00:00Z"
    return _plainly(details["msg"])


def _pattern_message(pattern: str, path: Path) -> str:
    if pattern.startswith("^sha256"):
        return "must be `sha256:` and 64 hexadecimal digits; `weir keys hash` makes it from a key"
    return "names begin with a letter or digit and go on with letters, digits and . _ : / - (128 at most)"


def _plainly(message: str) -> str:
    message = message.removeprefix("Value error, ").replace("Input should be", "must be")
    return message.replace("valid dictionary or instance of", "mapping with the keys of").replace(
        "a valid dictionary", "a mapping"
    )


def _redacted(document: Document, path: Path, message: str) -> str:
    for place, used in document.expanded.items():
        if place[: len(path)] == path or path[: len(place)] == place:
            for variable, content in used:
                message = message.replace(content, f"${{{variable}}}")
    return _URL_CREDENTIALS.sub("***", message)
