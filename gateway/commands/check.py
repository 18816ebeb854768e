"""Says what a configuration file means, then OK; or names every mistake in it with its line, and exits
with 1. Reads the environment for ${VARIABLES} and the key store for names, and changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from gateway.config import GatewaySettings
from gateway.config_file import LoadedConfig, load
from gateway.describe import describe, in_words
from gateway.keydirectory import tenants_in_store
from gateway.pricecheck import list_price, price_check
from gateway.problems import ConfigError, Problem, dotted
from gateway.snapshot import compile_snapshot
from metering.catalogue import GenaiCatalogue

HELP = "say what a configuration file means, or every mistake in it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="configuration file")
    parser.add_argument("--json", action="store_true", help="mistakes, warnings and meaning as JSON")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file instead")


def run(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        _print_json(GatewaySettings.model_json_schema(by_alias=True))
        return 0
    if arguments.config is None:
        sys.stderr.write("weir check: name a configuration file\n")
        return 2
    catalogue = GenaiCatalogue()
    try:
        loaded = load(
            arguments.config,
            os.environ,
            priced=price_check(catalogue),
            listed=list_price(catalogue),
            tenants_in_store=tenants_in_store,
        )
    except ConfigError as error:
        return _mistakes(error.problems, as_json=arguments.json)
    today = datetime.now(UTC).date()
    _meaning(
        loaded,
        describe(compile_snapshot(loaded.settings, 1, catalogue, today), today),
        as_json=arguments.json,
    )
    return 0


def _mistakes(problems: tuple[Problem, ...], *, as_json: bool) -> int:
    if as_json:
        _print_json({"ok": False, "problems": _plain(problems), "warnings": []})
        return 1
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    sys.stderr.write(f"{len(problems)} mistake{'' if len(problems) == 1 else 's'}\n")
    return 1


def _meaning(loaded: LoadedConfig, description: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        warnings = _plain(loaded.warnings)
        _print_json({"ok": True, "problems": [], "warnings": warnings, "meaning": description})
        return
    sys.stdout.write("\n".join(in_words(description)) + "\n\n")
    for warning in loaded.warnings:
        sys.stdout.write(f"warning: {warning}\n")
    sys.stdout.write("OK\n")


def _plain(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [
        {
            "file": problem.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "path": dotted(problem.path),
            "message": problem.message,
        }
        for problem in problems
    ]


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
