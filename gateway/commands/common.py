"""What several commands share: the configuration file, the key store, instants, tables."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from gateway.clock import SystemClock
from gateway.config_file import LoadedConfig, load
from gateway.keydirectory import tenants_in_store
from gateway.problems import ConfigError
from metering.audit.entry import Author, Entry

DEFAULT_CONFIG = "weir.yaml"
PLACEHOLDER = "unset-environment-variable"


class CommandFailed(Exception):
    """Told on stderr; the exit code is 1."""


def fail(command: str, message: object) -> int:
    sys.stderr.write(f"weir {command}: {message}\n")
    return 1


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"configuration file (default: {DEFAULT_CONFIG})",
    )


def author() -> Author:
    """For the audit log: the user of this machine that runs the command, now. Not `$USER`, which anybody can
    set."""
    return Author(f"cli:{_os_user()}", SystemClock().wall_ns() // 1000)


def put_on_record(
    url: str,
    who: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    """A row of the audit log for a change about to be made, now; `who` is `author().who` as a rule. With
    `url` bound, what the books take as their hook. Raises AuditUnavailable: the change must not
    be made then."""
    from metering.audit.log import AuditLog  # SQLAlchemy is loaded only where it is used

    AuditLog(url).write(Author(who, SystemClock().wall_ns() // 1000), Entry(action, subject, before, after))


def _os_user() -> str:
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container
        return f"uid-{os.getuid()}"


def load_for_books(path: str) -> LoadedConfig:
    """For commands that need the file's names and its ledger, not its secrets: variables that this shell
    does not have are no mistake. Raises CommandFailed."""
    try:
        return load(path, _Placeholders(os.environ), tenants_in_store=tenants_in_store)
    except ConfigError as error:
        raise CommandFailed(f"the configuration has mistakes\n{error}") from error


class _Placeholders(Mapping[str, str]):
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        return self._environ.get(name) or PLACEHOLDER

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


def instant(text: str) -> datetime | date:
    """For argparse: `2026-12-31` or `2026-12-31T18:00:00Z`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day or a time, such as 2026-12-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def day(text: str) -> date:
    """For argparse: `2026-12-31`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-12-31") from None


def model_list(text: str) -> tuple[str, ...]:
    """For argparse: `auto,gpt-5-mini`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, `-` where empty."""
    cells = [list(titles), *([cell or "-" for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "".join(line.rstrip() + "\n" for line in lines)
