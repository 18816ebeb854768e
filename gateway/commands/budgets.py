"""Where budgets and limits stand, asked of the running gateway: the numbers that it refuses by."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from gateway.commands.asking import add_url, ask
from gateway.commands.common import CommandFailed, add_config, fail, load_for_books, table

HELP = "where budgets and limits stand in the running gateway"
_TITLES = ("budget", "terms", "spent", "reserved", "remaining", "resets", "state", "action")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_url(parser)
    parser.add_argument("--tenant", metavar="NAME", help="only this tenant's")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load_for_books(arguments.config).settings
        query = f"?{urlencode({'tenant': arguments.tenant})}" if arguments.tenant else ""
        found = ask(settings, arguments.url, f"/admin/budgets{query}")
    except CommandFailed as error:
        return fail("budgets", error)
    sys.stdout.write(_as_json(found) if arguments.json else as_text(found["data"]))
    return 0


def as_text(standings: Sequence[Mapping[str, Any]]) -> str:
    if not standings:
        return "There is no budget or limit here, or nobody has used it yet.\n"
    return table(_TITLES, [_row(standing) for standing in standings])


def _row(standing: Mapping[str, Any]) -> list[str]:
    amounts = [str(standing[name] or "") for name in ("spent", "reserved", "remaining")]
    unknown = standing["unknown_events"]
    state = standing["state"] + (f", {unknown} of unknown cost" if unknown else "")
    return [
        standing["counter"],
        standing["terms"],
        *amounts,
        standing["resets_at"] or "",
        state,
        standing["action"] or "",
    ]


def _as_json(found: Mapping[str, Any]) -> str:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"
