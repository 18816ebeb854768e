"""The ledger's costs as FOCUS data, for FinOps tools: `weir export focus` writes it, `weir export check`
looks a file over. Days are UTC days unless a time zone is named, the last one included."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import orjson

from gateway.commands.common import CommandFailed, add_config, day, fail, load_for_books, table
from gateway.config import GatewaySettings
from gateway.gpu_time import gpu_price
from gateway.snapshot import compile_snapshot
from metering.catalogue import GenaiCatalogue
from metering.days import US_PER_DAY
from metering.focus.check import Unreadable, Violation, check_file
from metering.focus.columns import DATASETS, VERSIONS, columns
from metering.focus.datasets import billing_periods, cost_and_usage, invoice_details
from metering.focus.export import Export, Month, export, months_of
from metering.focus.prices import BookPrices
from metering.focus.render import Cell, Cells, Issuer
from metering.focus.write import FORMATS, CannotWrite, write_csv, write_parquet
from metering.ledger import LedgerError
from metering.ledger_url import open_reader
from metering.money import format_usd
from metering.periods import ReportError
from metering.prices import PricedModel
from metering.store.names import US_PER_HOUR

HELP = "the ledger's costs as FOCUS data, and checks of such a file"
INCOMPLETE = 3
"""The exit code of --strict where the cost of something is unknown."""
_BUCKET_US = {"day": US_PER_DAY, "hour": US_PER_HOUR}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="focus|check", required=True)
    _add_focus(what.add_parser("focus", help="write a FOCUS file", description=_export.__doc__))
    _add_check(what.add_parser("check", help="check a FOCUS file", description=_check.__doc__))


def _add_focus(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--month", type=_month, metavar="MONTH", help="such as 2026-10")
    parser.add_argument("--from", dest="from_", type=day, metavar="DAY", help="first day, instead of --month")
    parser.add_argument("--to", type=day, metavar="DAY", help="last day (default: today)")
    _add_shape(parser)
    parser.add_argument("--format", choices=FORMATS, help="default: what the file's name ends in, else csv")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: CSV on standard output")
    parser.add_argument(
        "--by", choices=tuple(_BUCKET_US), default="day", help="charge periods (default: day)"
    )
    parser.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="whose months are billing periods (default: UTC)"
    )
    parser.add_argument(
        "--issuer", default="Weir", metavar="NAME", help="who runs the gateway and charges (default: Weir)"
    )
    parser.add_argument("--account", metavar="ID", help="the billing account (default: made from the issuer)")
    parser.add_argument(
        "--strict", action="store_true", help=f"exit with {INCOMPLETE} where a cost is unknown"
    )


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="CSV, or Parquet where its name ends in .parquet")
    _add_shape(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--csv", action="store_true")


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", choices=VERSIONS, default="1.4", help="of FOCUS (default: 1.4)")
    parser.add_argument(
        "--dataset", choices=DATASETS, default="cost-and-usage", help="default: cost-and-usage"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        return _check(arguments) if arguments.what == "check" else _export(arguments)
    except ReportError as error:
        fail("export", error)
        return 2
    except (CommandFailed, LedgerError, CannotWrite, Unreadable, ValueError) as error:
        return fail("export", error)


def _export(arguments: argparse.Namespace) -> int:
    """Writes what was charged in a period as a FOCUS dataset. What is billed adds up to the ledger, to the
    nano-dollar. Usage whose cost is unknown is in no row; it is counted on standard error."""
    specs = columns(arguments.dataset, arguments.version)
    format = _format(arguments)
    months = _months(arguments)
    settings = load_for_books(arguments.config).settings
    found = export(open_reader(settings.ledger), _prices(settings), months, _BUCKET_US[arguments.by])
    issuer = Issuer(arguments.account or _account(arguments.issuer), arguments.issuer)
    rows: list[Cells] = [*_rows(arguments, found, issuer)]
    if format == "parquet":
        write_parquet(Path(arguments.output), specs, rows)
    elif arguments.output is None:
        write_csv(sys.stdout, specs, rows)
    else:
        with _create(arguments.output) as file:
            write_csv(file, specs, rows)
    sys.stderr.write(_summary(found, len(rows)))
    return INCOMPLETE if arguments.strict and found.unknown else 0


def _check(arguments: argparse.Namespace) -> int:
    """Checks a FOCUS file for what the published validators let pass: instants, exact products, negative
    usage, units, columns, JSON, ratios of split costs, bounds of periods. Exits with 1 where something is
    wrong, and names row, column and rule."""
    rows, violations = check_file(Path(arguments.file), arguments.dataset, arguments.version)
    sys.stdout.write(_told(arguments, rows, violations))
    return 1 if violations else 0


def _told(arguments: argparse.Namespace, rows: int, violations: list[Violation]) -> str:
    if arguments.json:
        body = {
            "object": "focus_check",
            "rows": rows,
            "violations": [violation._asdict() for violation in violations],
        }
        return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n"
    cells = [[str(v.row), v.column, v.rule, v.message] for v in violations]
    if arguments.csv:
        quoted = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in cells)
        return "row,column,rule,message\n" + "".join(",".join(row) + "\n" for row in quoted)
    if not violations:
        return f"{rows} rows, nothing wrong.\n"
    return table(("row", "column", "rule", "what is wrong"), cells)


def _rows(arguments: argparse.Namespace, found: Export, issuer: Issuer) -> list[dict[str, Cell]]:
    if arguments.dataset == "billing-period":
        return billing_periods(found, issuer, int(datetime.now(UTC).timestamp()) * 1_000_000)
    if arguments.dataset == "invoice-detail":
        return invoice_details(found, issuer)
    return cost_and_usage(found, issuer, arguments.version)


def _summary(found: Export, rows: int) -> str:
    lines = [f"{rows} rows, {format_usd(found.billed_nanos)} USD billed"]
    lines += found.notes
    if found.withheld_labels:
        lines.append(f"{found.withheld_labels} labels look like a mail address or a secret and were left out")
    for each in found.unknown:
        lines.append(
            f"UNKNOWN COST: {each.attempts} attempts of {each.tenant} with {each.model} on {each.backend} "
            "are in no row"
        )
    return "".join(f"{line}\n" for line in lines)


def _prices(settings: GatewaySettings) -> BookPrices:
    """The prices and terms of the file, as a gateway would charge them."""
    snapshot = compile_snapshot(settings, 1, GenaiCatalogue(), datetime.now(UTC).date())
    models = {
        key: PricedModel(s.model, s.backend, s.price_provider, s.upstream_model)
        for key, s in snapshot.served.items()
    }

    def usd_per_hour(backend: str, at: date) -> Decimal | None:
        price = gpu_price(settings, backend, at)
        return None if price is None else price.usd_per_hour

    return BookPrices(snapshot.prices, settings.terms, models, usd_per_hour)


def _months(arguments: argparse.Namespace) -> list[Month]:
    """Raises CommandFailed and ReportError."""
    first, last = arguments.from_, arguments.to
    if arguments.month is not None:
        if first is not None or last is not None:
            raise ReportError("--month: name a month, or days with --from and --to")
        first = arguments.month
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if first is None:
        raise ReportError("--month or --from: say which period")
    return months_of(first, last or datetime.now(UTC).date(), arguments.time_zone)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month, such as 2026-10") from None


def _format(arguments: argparse.Namespace) -> str:
    """Raises CommandFailed."""
    output: str | None = arguments.output
    by_name = "parquet" if output is not None and output.endswith(".parquet") else "csv"
    format: str = arguments.format or by_name
    if format == "parquet" and output is None:
        raise CommandFailed("--format parquet: name a file with -o")
    return format


def _create(path: str) -> TextIO:
    """Raises CommandFailed."""
    try:
        return Path(path).open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"-o: {error}") from error


def _account(issuer: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", issuer.lower()).strip("-") or "weir"
