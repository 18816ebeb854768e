"""What was used and what it cost, from the ledger: a table, JSON, CSV or a workbook. Days are UTC days
unless a time zone is named, the last one included."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta

from gateway.commands.common import (
    DEFAULT_CONFIG,
    CommandFailed,
    day,
    fail,
    load_for_books,
    model_list,
)
from metering.ledger import LedgerError
from metering.ledger_url import open_reader
from metering.periods import PERIODS, ReportError, period_start_us
from metering.render import render_csv, render_json, render_text, reported_line
from metering.report_xlsx import write_report
from metering.reports import DEFAULT_GROUPING, DIMENSIONS, TAG, ReportQuery, usage_report
from metering.xlsx import CannotWrite

HELP = "what was used and what it cost"
_RENDER = {"text": render_text, "json": render_json, "csv": render_csv}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", metavar="FILE", help=f"whose ledger to read (default: {DEFAULT_CONFIG})")
    source.add_argument("--ledger", metavar="URL", help="such as sqlite:///weir.db")
    parser.add_argument(
        "--by",
        type=model_list,
        default=DEFAULT_GROUPING,
        metavar="A,B",
        help=f"group by {', '.join(DIMENSIONS)}, {TAG}NAME (default: {','.join(DEFAULT_GROUPING)})",
    )
    parser.add_argument("--from", dest="from_", type=day, metavar="DAY", help="first day")
    parser.add_argument("--to", type=day, metavar="DAY", help="last day")
    for name in DIMENSIONS:
        if name not in PERIODS:
            parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=f"only this {name}")
    parser.add_argument(
        "--tag", type=_tag, action="append", default=[], metavar="NAME=VALUE", help="only this label"
    )
    parser.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="whose days and months, such as Europe/Berlin"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", dest="shape", action="store_const", const="json", default="text")
    shape.add_argument("--csv", dest="shape", action="store_const", const="csv")
    shape.add_argument("--xlsx", metavar="FILE", help="write a workbook: what was asked, and the rows")


def run(arguments: argparse.Namespace) -> int:
    try:
        url = arguments.ledger or load_for_books(arguments.config or DEFAULT_CONFIG).settings.ledger
        report = usage_report(open_reader(url), _query(arguments))
        if arguments.xlsx:
            write_report(arguments.xlsx, report, time.time_ns() // 1000)
            return 0
    except (CommandFailed, LedgerError, CannotWrite) as error:
        return fail("report", error)
    except ReportError as error:
        fail("report", error)
        return 2
    sys.stdout.write(_RENDER[arguments.shape](report))
    if arguments.shape == "text":
        sys.stdout.write(reported_line(report))
    return 0


def _query(arguments: argparse.Namespace) -> ReportQuery:
    """Raises ReportError."""
    zone = arguments.time_zone
    asked = {name: getattr(arguments, name) for name in DIMENSIONS if name not in PERIODS}
    return ReportQuery(
        group_by=arguments.by,
        from_us=None if arguments.from_ is None else period_start_us(arguments.from_, zone),
        until_us=None if arguments.to is None else period_start_us(arguments.to + timedelta(days=1), zone),
        where={name: value for name, value in asked.items() if value is not None} | dict(arguments.tag),
        time_zone=zone,
    )


def _tag(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE")
    return f"{TAG}{name}", value
