"""The books: months are closed, once and for good, into numbered statements for each tenant. What comes late,
credits and adjustments stand on the next one. Months are those of `books.timezone`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial

from gateway.books_desk import cost_center_of, keeper_of
from gateway.clock import SystemClock
from gateway.commands import books_show as show
from gateway.commands.common import CommandFailed, add_config, author, fail, load_for_books, put_on_record
from gateway.commands.keys import directory
from gateway.config import GatewaySettings
from gateway.keystore import KeyStoreError
from metering.books.closing import BookKeeper
from metering.books.draft import MonthDraft
from metering.books.entries import Entry, Kind, entry_id, read_entries
from metering.books.errors import BooksError
from metering.books.months import BadMonth, first_day
from metering.books.periods import closed_periods
from metering.books.read import list_statements, month_statements, read_statement
from metering.books.xlsx import write_month, write_statement
from metering.ledger import LedgerError, LedgerReader
from metering.ledger_url import open_reader
from metering.money import usd_to_nanos
from metering.periods import ReportError
from metering.xlsx import CannotWrite

HELP = "close months, and write credits and statements"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    close = _action(actions, "close", "freeze a month that is over: says what, and does it with --yes")
    close.add_argument("month", type=_month, metavar="MONTH", help="such as 2026-10")
    close.add_argument("--yes", action="store_true", help="close it; without, nothing is written")
    _shapes(_action(actions, "periods", "list the months that are closed"))
    for name, what in (
        ("credit", "let a tenant off an amount in an open month"),
        ("adjust", "charge an amount in an open month; a negative one is in the tenant's favour"),
    ):
        _add_entry(_action(actions, name, what))
    entries = _action(actions, "entries", "list credits, adjustments, late usage and splits")
    late = _action(actions, "late", "enter late usage of closed months in the open one, without waiting")
    late.add_argument("--yes", action="store_true", help="enter it; without, nothing is written")
    statements = _action(actions, "statements", "list statements")
    for parser_of in (entries, statements):
        parser_of.add_argument("month", nargs="?", type=_month, metavar="MONTH", help="only this month")
        parser_of.add_argument("--tenant", metavar="NAME", help="only this tenant; '' is the house")
    one = _action(actions, "statement", "show a statement with its lines")
    one.add_argument("number", metavar="NUMBER", help="such as 2026-10-0001")
    report = _action(actions, "report", "a whole month: closed, or what it comes to so far")
    report.add_argument("month", type=_month, metavar="MONTH", help="such as 2026-10")
    for parser_of in (entries, statements, late):
        _shapes(parser_of)
    for parser_of in (one, report):
        _shapes(parser_of, workbook=True)


def run(arguments: argparse.Namespace) -> int:
    try:
        return _ACTIONS[arguments.action](arguments)
    except (
        CommandFailed,
        LedgerError,
        BooksError,
        BadMonth,
        ReportError,
        KeyStoreError,
        CannotWrite,
    ) as error:
        return fail(f"books {arguments.action}", error)


def _close(arguments: argparse.Namespace) -> int:
    keeper, month = _keeper(_settings(arguments)), arguments.month
    before = keeper.closed(month)
    if before is not None:
        sys.stdout.write(show.closed_before(before))
        return 0
    sys.stdout.write(show.draft(keeper.draft(month, author().who)))
    reasons = keeper.reasons(month)
    if reasons:
        return fail("books close", "\n  ".join([f"{month} cannot be closed now:", *reasons]))
    if not arguments.yes:
        return fail("books close", "nothing was closed: this is what would be frozen; say --yes")
    sys.stdout.flush()  # before anything is written
    done = keeper.close(month, author().who)
    sys.stdout.write(show.closed_now(done.period) if done.new else show.closed_before(done.period))
    return 0


def _periods(arguments: argparse.Namespace) -> int:
    sys.stdout.write(show.periods(closed_periods(_reader(arguments)), arguments.shape))
    return 0


def _credit(arguments: argparse.Namespace) -> int:
    if arguments.usd <= 0:
        raise CommandFailed("USD: a credit is an amount above 0; `weir books adjust` takes either sign")
    return _enter(arguments, "credit", -arguments.usd)


def _adjust(arguments: argparse.Namespace) -> int:
    return _enter(arguments, "adjustment", arguments.usd)


def _enter(arguments: argparse.Namespace, kind: Kind, usd: Decimal) -> int:
    settings = _settings(arguments)
    now_us = SystemClock.wall_ns() // 1000
    cost_center = arguments.cost_center
    if cost_center is None:
        reader = open_reader(settings.ledger)
        cost_center = cost_center_of(arguments.tenant, directory(arguments.config), reader)
    entry = Entry(
        id=entry_id(now_us),
        month=arguments.month,
        tenant=arguments.tenant,
        cost_center=cost_center,
        project=arguments.project,
        kind=kind,
        category=arguments.category,
        amount_nanos=usd_to_nanos(usd),
        description=arguments.why,
        reference=arguments.reference,
        created_us=now_us,
        created_by=author().who,
    )
    _keeper(settings).add(entry)
    sys.stdout.write(show.entered(entry))
    return 0


def _entries(arguments: argparse.Namespace) -> int:
    found = read_entries(_reader(arguments), month=arguments.month, tenant=arguments.tenant)
    sys.stdout.write(show.entries(found, arguments.shape))
    return 0


def _late(arguments: argparse.Namespace) -> int:
    found = _keeper(_settings(arguments)).take_up_late(author().who, write=arguments.yes)
    sys.stdout.write(show.entries(found, arguments.shape))
    if found and not arguments.yes:
        return fail("books late", "nothing was entered: say --yes, or let the closing of the month do it")
    return 0


def _statements(arguments: argparse.Namespace) -> int:
    found = list_statements(_reader(arguments), month=arguments.month, tenant=arguments.tenant)
    sys.stdout.write(show.heads(found, arguments.shape))
    return 0


def _statement(arguments: argparse.Namespace) -> int:
    found = read_statement(_reader(arguments), arguments.number)
    if arguments.xlsx:
        write_statement(arguments.xlsx, found, made_us=SystemClock.wall_ns() // 1000)
    else:
        sys.stdout.write(show.statement(found, arguments.shape))
    if not found.holds:
        return fail("books statement", "the statement is not what was frozen: something changed its rows")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    keeper, reader = _keeper(settings), open_reader(settings.ledger)
    period = keeper.closed(arguments.month)
    if period is None:
        month = keeper.draft(arguments.month, author().who)
    else:
        month = MonthDraft(period, tuple(month_statements(reader, arguments.month)), ())
    if arguments.xlsx:
        made_us = SystemClock.wall_ns() // 1000
        write_month(arguments.xlsx, month, closed=period is not None, made_us=made_us)
    else:
        sys.stdout.write(show.month(month, arguments.shape, closed=period is not None))
    return 0


def _settings(arguments: argparse.Namespace) -> GatewaySettings:
    return load_for_books(arguments.config).settings


def _reader(arguments: argparse.Namespace) -> LedgerReader:
    return open_reader(_settings(arguments).ledger)


def _keeper(settings: GatewaySettings) -> BookKeeper:
    audit = partial(put_on_record, settings.ledger)
    return keeper_of(lambda: settings, open_reader(settings.ledger), SystemClock(), audit)


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what, description=what)
    add_config(parser)
    return parser


def _add_entry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT", help="'' is the house")
    parser.add_argument("usd", type=_usd, metavar="USD", help="such as 12.50")
    parser.add_argument("--month", type=_month, required=True, metavar="MONTH", help="such as 2026-11")
    parser.add_argument("--why", required=True, metavar="TEXT", help="stands on the statement")
    parser.add_argument("--project", default="", metavar="NAME", help="whose it is within the tenant")
    parser.add_argument("--cost-center", metavar="NAME", help="default: the tenant's own")
    parser.add_argument("--category", default="", metavar="NAME", help="such as vendor, gpu or idle")
    parser.add_argument("--reference", default="", metavar="TEXT", help="such as the number of a ticket")


def _shapes(parser: argparse.ArgumentParser, *, workbook: bool = False) -> None:
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", dest="shape", action="store_const", const="json", default="text")
    shape.add_argument("--csv", dest="shape", action="store_const", const="csv")
    if workbook:
        shape.add_argument("--xlsx", metavar="FILE", help="write a workbook: summary, lines, statements")


def _month(text: str) -> str:
    try:
        first_day(text)
    except BadMonth as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal("nan")
    if not usd.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in USD, such as 12.50")
    return usd


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "close": _close,
    "periods": _periods,
    "credit": _credit,
    "adjust": _adjust,
    "entries": _entries,
    "late": _late,
    "statements": _statements,
    "statement": _statement,
    "report": _report,
}
