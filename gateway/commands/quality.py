"""Were cheap answers good enough, and what was saved? From comparisons, feedback and the ledger: text, JSON
or CSV. Days are UTC days unless a time zone is named, the last one included."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.commands.common import DEFAULT_CONFIG, CommandFailed, day, fail, load_for_books
from gateway.config import GatewaySettings
from gateway.quality.discounts import cache_discounts
from gateway.snapshot import compile_snapshot
from metering.catalogue import GenaiCatalogue
from metering.ledger import LedgerError
from metering.ledger_url import open_reader
from metering.periods import ReportError, period_start_us
from metering.quality.render import render_csv, render_json, render_text
from metering.quality.report import QualityQuery, quality_report

HELP = "whether cheap answers were good enough, and what was saved"
_RENDER = {"text": render_text, "json": lambda report: render_json(report) + "\n", "csv": render_csv}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", metavar="FILE", help=f"whose ledger to read (default: {DEFAULT_CONFIG})")
    source.add_argument("--ledger", metavar="URL", help="such as sqlite:///weir.db; without prices of today")
    parser.add_argument("--route", metavar="NAME", help="only this virtual model")
    parser.add_argument("--from", dest="from_", type=day, metavar="DAY", help="first day")
    parser.add_argument("--to", type=day, metavar="DAY", help="last day")
    parser.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="whose days, such as Europe/Berlin"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", dest="shape", action="store_const", const="json", default="text")
    shape.add_argument("--csv", dest="shape", action="store_const", const="csv")


def run(arguments: argparse.Namespace) -> int:
    try:
        url, settings = _source(arguments)
        report = quality_report(open_reader(url), _query(arguments, settings))
    except (CommandFailed, LedgerError) as error:
        return fail("quality", error)
    except ReportError as error:
        fail("quality", error)
        return 2
    sys.stdout.write(_RENDER[arguments.shape](report))
    return 0


def _source(arguments: argparse.Namespace) -> tuple[str, GatewaySettings | None]:
    """The ledger, and the settings that have prices. Raises CommandFailed."""
    if arguments.ledger:
        return arguments.ledger, None
    settings = load_for_books(arguments.config or DEFAULT_CONFIG).settings
    return settings.ledger, settings


def _query(arguments: argparse.Namespace, settings: GatewaySettings | None) -> QualityQuery:
    """Raises ReportError."""
    zone = arguments.time_zone
    return QualityQuery(
        from_us=None if arguments.from_ is None else period_start_us(arguments.from_, zone),
        until_us=None if arguments.to is None else period_start_us(arguments.to + timedelta(days=1), zone),
        route=arguments.route,
        usd_per_cpu_hour=None if settings is None else settings.quality.usd_per_cpu_hour,
        cache_discounts={} if settings is None else _discounts(settings),
    )


def _discounts(settings: GatewaySettings) -> dict[str, Decimal]:
    today = datetime.now(UTC).date()
    return cache_discounts(compile_snapshot(settings, 1, GenaiCatalogue(), today), today)
