"""The audit log: who changed what through management, and whether the log is what was written. Days are UTC
days, the last one included."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from gateway.commands.common import CommandFailed, add_config, day, fail, load_for_books, table
from metering.audit.entry import FIELDS, AuditRow, fields_of
from metering.audit.read import MAX_ROWS, AuditQuery, audit_rows
from metering.audit.show import instant, row_json, verdict_json
from metering.audit.verify import BadHead, Verdict, head_of, parse_head, verify
from metering.days import day_start_us
from metering.ledger import LedgerError, LedgerReader
from metering.ledger_url import open_reader
from metering.render import inert

HELP = "who changed what, and whether the log of it is whole"
_WIDEST = 60
"""Of a column of the table; JSON and CSV have everything."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action_", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="changes, oldest first")
    listing.add_argument("--from", dest="from_", type=day, metavar="DAY", help="first day")
    listing.add_argument("--to", type=day, metavar="DAY", help="last day")
    listing.add_argument("--who", metavar="NAME", help="tenant/key, admin_key, cli:USER or gateway:CAUSE")
    listing.add_argument("--action", metavar="NAME", help="such as key.revoke, or key for all of keys")
    listing.add_argument("--subject", metavar="NAME", help="such as 'key acme/web'")
    shape = listing.add_mutually_exclusive_group()
    shape.add_argument("--json", dest="shape", action="store_const", const="json", default="text")
    shape.add_argument("--csv", dest="shape", action="store_const", const="csv")
    add_config(listing)
    check = actions.add_parser("verify", help="check numbers, hashes and chain; exit code 1 if one is wrong")
    check.add_argument("--head", metavar="SEQ:HASH", help="what `weir audit head` printed at some time")
    check.add_argument("--json", action="store_true")
    add_config(check)
    head = actions.add_parser("head", help="print number and hash of the newest row, to be noted elsewhere")
    add_config(head)


def run(arguments: argparse.Namespace) -> int:
    try:
        reader = open_reader(load_for_books(arguments.config).settings.ledger)
        return _ACTIONS[arguments.action_](arguments, reader)
    except (CommandFailed, LedgerError) as error:
        return fail(f"audit {arguments.action_}", error)


def _list(arguments: argparse.Namespace, reader: LedgerReader) -> int:
    if arguments.from_ and arguments.to and arguments.from_ > arguments.to:
        raise CommandFailed("--from: the period ends before it starts")
    _WRITE[arguments.shape](_rows(arguments, reader))
    return 0


def _rows(arguments: argparse.Namespace, reader: LedgerReader) -> Iterator[AuditRow]:
    query = AuditQuery(
        from_us=None if arguments.from_ is None else day_start_us(arguments.from_),
        until_us=None if arguments.to is None else day_start_us(arguments.to + timedelta(days=1)),
        who=arguments.who,
        action=arguments.action,
        subject=arguments.subject,
        limit=MAX_ROWS,
    )
    while page := audit_rows(reader, query):
        yield from page
        query = replace(query, after=page[-1].seq)


def _verify(arguments: argparse.Namespace, reader: LedgerReader) -> int:
    try:
        noted = None if arguments.head is None else parse_head(arguments.head)
    except BadHead as error:
        raise CommandFailed(f"--{error}") from error
    verdict = verify(reader, noted)
    if arguments.json:
        sys.stdout.write(json.dumps(verdict_json(verdict), indent=2) + "\n")
    else:
        sys.stdout.write(_told(verdict))
    return 0 if verdict.ok else 1


def _told(verdict: Verdict) -> str:
    if verdict.finding is not None:
        finding = verdict.finding
        return (
            f"BROKEN at row {finding.seq} ({finding.kind}): {finding.detail}\n"
            f"{verdict.rows} rows before it are what was written\n"
        )
    return f"{verdict.rows} rows, all of them what was written\nhead {verdict.head}\n"


def _head(arguments: argparse.Namespace, reader: LedgerReader) -> int:
    sys.stdout.write(f"{head_of(reader)}\n")
    return 0


def _write_json(rows: Iterator[AuditRow]) -> None:
    sys.stdout.write(json.dumps([row_json(row) for row in rows], indent=2) + "\n")


def _write_csv(rows: Iterator[AuditRow]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("at", *FIELDS))
    for row in rows:
        cells = ("" if value is None else inert(str(value)) for value in fields_of(row))
        writer.writerow((instant(row.at_us), *cells))


def _write_text(rows: Iterator[AuditRow]) -> None:
    titles = ("SEQ", "AT", "WHO", "ACTION", "SUBJECT", "BEFORE", "AFTER")
    cells = [
        (
            *(str(row.seq), instant(row.at_us) or "", _short(row.who), row.action, _short(row.subject)),
            *(_short(row.before or ""), _short(row.after or "")),
        )
        for row in rows
    ]
    sys.stdout.write(table(titles, cells) if cells else "No changes.\n")


def _short(text: str) -> str:
    """Names may come from elsewhere: they must not move the cursor of who reads the table."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= _WIDEST else plain[: _WIDEST - 3] + "..."


_WRITE: dict[str, Callable[[Iterator[AuditRow]], None]] = {
    "text": _write_text,
    "json": _write_json,
    "csv": _write_csv,
}
_ACTIONS: dict[str, Callable[[argparse.Namespace, LedgerReader], int]] = {
    "list": _list,
    "verify": _verify,
    "head": _head,
}
