"""What lies in the journal: per gateway process its segments, the attempts under way, the rows that the
ledger has not got yet, and damage; then what is in quarantine. Changes nothing; a gateway may be running."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.commands.common import CommandFailed, add_config, fail, load_for_books, table
from metering.journal import describe

HELP = "what lies in the journal between the gateway and its ledger"
_TITLES = ("PROCESS", "STATE", "SEGMENTS", "MB", "UNDER WAY", "NOT SHIPPED", "DAMAGES")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    try:
        folder = load_for_books(arguments.config).settings.journal_folder
        if not folder.exists():
            raise CommandFailed(f"there is no journal at {folder}; a gateway makes it when it starts")
        found = describe(folder)
    except (CommandFailed, OSError) as error:
        return fail("journal", error)
    if arguments.json:
        sys.stdout.write(json.dumps({"folder": str(folder), "found": found}, indent=2) + "\n")
    else:
        sys.stdout.writelines(_lines(folder, found))
    return 0


def _lines(folder: Path, found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    processes = [each for each in found if "process" in each]
    yield f"Journal {folder}\n\n"
    if processes:
        yield table(_TITLES, [_row(each) for each in processes])
    else:
        yield "No process has anything here: all rows are in the ledger.\n"
    for each in processes:
        yield from (f"damage in {each['process']}: {damage}\n" for damage in each["damages"])
    for each in found:
        yield from (f"quarantine: {kept}\n" for kept in each.get("quarantine", ()))


def _row(process: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a process that is gone, the attempts under way become interrupted ones at the next start."""
    return (
        process["process"],
        "running" if process["alive"] else "gone",
        str(len(process["segments"])),
        f"{process['bytes'] / 1e6:.1f}",
        str(process["open_attempts"]),
        str(process["rows_not_shipped"]),
        str(len(process["damages"])),
    )
