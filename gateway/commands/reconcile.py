"""Holds a vendor's costs and usage against the ledger: what differs by day and model, why, and what is left.

Reads files (OpenAI's and Anthropic's cost and usage reports as JSON; any FOCUS export as CSV or Parquet), or
asks a vendor's API with --api. Give costs and usage together: costs alone cannot tell a price from a
quantity. With --adjust, entries are booked that make the tenants' sum equal the invoice. Days are UTC days,
the last included.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gateway.commands.common import (
    CommandFailed,
    add_config,
    author,
    day,
    fail,
    load_for_books,
    put_on_record,
)
from gateway.config import GatewaySettings
from gateway.keydirectory import tenants_in_store
from gateway.vendor_api import VENDORS as APIS
from gateway.vendor_api import FetchFailed, fetch_file, fetch_reports
from gateway.vendor_models import VendorModels
from metering.books.entries import EntryDesk, read_entries
from metering.books.errors import BooksError
from metering.books.months import BadMonth
from metering.books.store import open_books
from metering.ledger import LedgerError
from metering.ledger_url import open_reader
from metering.money import NANOS_PER_USD, format_usd
from metering.periods import ReportError
from metering.reconcile.adjust import (
    AdjustRefused,
    Options,
    Plan,
    Source,
    check_month,
    plan_entries,
    source_of,
)
from metering.reconcile.detect import AUTO, VENDORS, VendorFile, read_file
from metering.reconcile.focus import COSTS, FocusOptions
from metering.reconcile.ledger_side import LedgerSide, read_ledger
from metering.reconcile.line import Imported, ImportFailed, LineKind, VendorLine, merged
from metering.reconcile.reconcile import Own, Result, reconcile
from metering.reconcile.render import as_json, entries_text, render_csv, render_text

HELP = "hold a vendor's invoice against the ledger, and book what differs"
_MAX_PLACES = 9


class Compared(NamedTuple):
    result: Result
    side: LedgerSide
    source: Source
    notes: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE|URL", help="costs, usage; - is standard input")
    add_config(parser)
    parser.add_argument("--vendor", choices=VENDORS, default=AUTO, help=f"whose form it is (default: {AUTO})")
    parser.add_argument("--api", choices=tuple(APIS), help="ask this vendor, with its ..._ADMIN_KEY")
    parser.add_argument("--api-url", default="", metavar="URL", help="instead of the vendor's own address")
    parser.add_argument(
        "--backend", action="append", default=[], metavar="NAME",
        help="whose rows to compare (default: backends with the vendor's price_provider)",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="from_", type=day, metavar="DAY", help="first day (default: the file's)"
    )
    parser.add_argument("--to", type=day, metavar="DAY", help="last day (default: the file's)")
    parser.add_argument(
        "--map", type=_pair, action="append", default=[], metavar="THEIRS=OURS", help="a model's name"
    )
    parser.add_argument(
        "--project", action="append", default=[], metavar="ID", help="the gateway's own, at the vendor"
    )
    parser.add_argument(
        "--key", action="append", default=[], metavar="ID", help="the gateway's own key, at the vendor"
    )
    parser.add_argument(
        "--places", type=int, metavar="N", help="the vendor's amounts are rounded to N places"
    )
    focus = parser.add_argument_group("FOCUS files")
    focus.add_argument("--cost", choices=tuple(COSTS), default="billed", help="which money (default: billed)")
    focus.add_argument("--service", action="append", default=[], metavar="NAME", help="only this ServiceName")
    focus.add_argument(
        "--provider", default="", metavar="ID", help="only this provider: aws, azure, google, ..."
    )
    books = parser.add_argument_group("booking the difference")
    books.add_argument("--adjust", action="store_true", help="show the entries that close the difference")
    books.add_argument("--yes", action="store_true", help="and write them")
    books.add_argument("--book-in", default="", metavar="MONTH", help="where the month of the use is closed")
    books.add_argument(
        "--bypassed-to", default="", metavar="TENANT", help="who pays for what bypassed (default: the house)"
    )
    books.add_argument(
        "--charged", action="store_true", help="let charges equal the invoice: no markup is left"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", dest="shape", action="store_const", const="json", default="text")
    shape.add_argument("--csv", dest="shape", action="store_const", const="csv")


def run(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except (CommandFailed, ImportFailed, FetchFailed, LedgerError, ReportError, AdjustRefused) as error:
        return fail("reconcile", error)
    except BooksError as error:
        return fail("reconcile", f"{error}; see --book-in")


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    settings = load_for_books(arguments.config).settings
    compared = _compare(arguments, settings)
    result, side, source, notes = compared
    if arguments.shape == "text":
        sys.stdout.write(render_text(result, source, notes))
    elif arguments.shape == "csv":
        sys.stdout.write(render_csv(result))
    plan, written = None, None
    if arguments.adjust:
        plan, written = _adjust(arguments, settings, result, side, source)
    if arguments.shape == "json":
        sys.stdout.write(as_json(result, source, notes, plan, written))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raises CommandFailed for what makes no sense together."""
    if bool(arguments.files) == bool(arguments.api):
        raise CommandFailed("give files, or --api VENDOR, and not both")
    first, last = arguments.from_, arguments.to
    if arguments.api and (first is None or last is None):
        raise CommandFailed("--api needs --from and --to")
    if arguments.api and arguments.key:
        raise CommandFailed("--key: what the API tells of costs names no keys; use --project")
    if first is not None and last is not None and first > last:
        raise CommandFailed("--from: the period ends before it starts")
    if arguments.yes and not arguments.adjust:
        raise CommandFailed("--yes says that entries may be written: add --adjust")
    if arguments.places is not None and not 0 <= arguments.places <= _MAX_PLACES:
        raise CommandFailed(f"--places: between 0 and {_MAX_PLACES}, not {arguments.places}")
    if arguments.book_in:
        try:
            check_month(arguments.book_in)
        except BadMonth as error:
            raise CommandFailed(f"--book-in: {error}") from error


def _compare(arguments: argparse.Namespace, settings: GatewaySettings) -> Compared:
    files = _files(arguments)
    provider = arguments.provider.strip().lower()
    options = FocusOptions(arguments.cost, frozenset(map(str.lower, arguments.service)), provider)
    vendor = arguments.api or arguments.vendor
    imported = merged(read_file(file, vendor, options) for file in files)
    first, last = _period(arguments, imported)
    lines = [line for line in imported.lines if first <= line.day <= last]
    _check_costs(lines)
    vendors = sorted({line.vendor for line in lines}) or [v for v in (vendor,) if v in APIS]
    models = VendorModels(settings, vendors, arguments.backend, dict(arguments.map))
    if models.problem:
        raise CommandFailed(models.problem)
    side = read_ledger(open_reader(settings.ledger), models.named, first, last)
    half = 0 if arguments.places is None else NANOS_PER_USD // 10**arguments.places // 2
    own = Own(frozenset(arguments.project), frozenset(arguments.key))
    result = reconcile(lines, side.cells, models.names, models.rates, own=own, places_nanos=half)
    source = source_of(vendors, first, last, [file.data for file in files])
    return Compared(result, side, source, _notes(imported, result, len(imported.lines) - len(lines)))


def _files(arguments: argparse.Namespace) -> list[VendorFile]:
    if not arguments.api:
        return [VendorFile(name, _read(name)) for name in arguments.files]
    variable = APIS[arguments.api].key_variable
    key = os.environ.get(variable, "").strip()
    if not key:
        raise CommandFailed(f"--api {arguments.api}: set {variable} to an admin key of the organisation")
    pages = fetch_reports(arguments.api, key, arguments.from_, arguments.to, base_url=arguments.api_url)
    return [VendorFile(page.name, page.data) for page in pages]


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    if name.startswith(("http://", "https://")):
        return fetch_file(name)
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{name}: {error.strerror or error}") from error


def _period(arguments: argparse.Namespace, imported: Imported) -> tuple[date, date]:
    first = arguments.from_ or min(imported.days, default=None)
    last = arguments.to or max(imported.days, default=None)
    if first is None or last is None:
        raise CommandFailed("the files speak of no day: say which with --from and --to")
    if first > last:
        raise CommandFailed(f"the files speak of {min(imported.days)} to {max(imported.days)} only")
    return first, last


def _check_costs(lines: Sequence[VendorLine]) -> None:
    """Usage alone would make every cost look like 0."""
    if lines and all(line.cost_nanos is None for line in lines):
        raise CommandFailed("there is usage and no cost in it: give the vendor's cost report too")


def _notes(imported: Imported, result: Result, outside: int) -> list[str]:
    notes = []
    if imported.left_out:
        usd = format_usd(imported.left_out_nanos)
        notes.append(f"{imported.left_out} rows of other services or providers ({usd} USD) were left out.")
    if outside:
        notes.append(f"{outside} lines of days outside the period were left out.")
    if result.without_tokens:
        notes.append(
            f"{result.without_tokens} rows have costs and no tokens: give the usage report too, and what is "
            "unexplained can be told apart."
        )
    if any(line.kind is LineKind.TOKENS and line.model is None for line in imported.lines):
        notes.append("Some lines name no model: all models are compared as one.")
    return notes


def _adjust(
    arguments: argparse.Namespace,
    settings: GatewaySettings,
    result: Result,
    side: LedgerSide,
    source: Source,
) -> tuple[Plan, int | None]:
    options = Options(arguments.bypassed_to, arguments.book_in, arguments.charged)
    _check_tenant(arguments.bypassed_to, settings)
    plan = plan_entries(
        result,
        side.payers,
        source,
        read_entries(open_reader(settings.ledger)),
        time.time_ns() // 1000,
        options,
    )
    told = sys.stdout if arguments.shape == "text" else sys.stderr
    told.write("\n" + entries_text(plan))
    told.flush()  # before anything is written
    if not arguments.yes:
        told.write("Nothing was written: say --yes to book this.\n" if plan.entries else "")
        return plan, None
    if plan.entries:
        booked = {"entries": [asdict(entry) for entry in plan.entries]}
        put_on_record(settings.ledger, author().who, "reconcile.book", source.reference, None, booked)
    written = EntryDesk(open_books(settings.ledger)).add_all(plan.entries)
    told.write(f"{written} entries written\n")
    return plan, written


def _check_tenant(name: str, settings: GatewaySettings) -> None:
    """Raises CommandFailed. Where the store of tenants cannot be read, nobody can say that there is none."""
    stored = tenants_in_store(settings)
    if name and stored is not None and name not in stored | settings.tenants.keys():
        raise CommandFailed(f"--bypassed-to: there is no tenant {name!r}")


def _pair(text: str) -> tuple[str, str]:
    theirs, sign, ours = text.partition("=")
    if not sign or not theirs.strip() or not ours.strip():
        raise argparse.ArgumentTypeError(f"{text!r}: write THEIRS=OURS")
    return theirs.strip(), ours.strip()
