"""Prices an open period again with the prices of the configuration as it stands now: says what changes for
whom, then writes corrections. Rows themselves are never altered. Days are UTC days, the last one included."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from gateway.commands.common import CommandFailed, add_config, author, day, fail, load_for_books
from gateway.config import GatewaySettings
from gateway.snapshot import compile_snapshot
from metering.audit.log import AuditLog, in_two_steps
from metering.book_charges import BookCharges
from metering.books.periods import closed_until_us
from metering.catalogue import GenaiCatalogue
from metering.days import day_start_us
from metering.event_pages import Period
from metering.ledger import LedgerError, LedgerReader
from metering.ledger_url import open_ledger, open_reader
from metering.prices import PricedModel
from metering.reprice import MAX_RATIO_UNASKED, Book, ClosedPeriod, apply
from metering.reprice_ledger import LedgerBooks, plans
from metering.reprice_summary import Summary, render

HELP = "price an open period again, and correct what changes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--from", dest="from_", type=day, metavar="DAY", help="first day (default: what is open)"
    )
    parser.add_argument("--to", type=day, metavar="DAY", help="last day (default: now)")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and write nothing")
    parser.add_argument(
        "--yes", action="store_true", help=f"a price that moves by more than {MAX_RATIO_UNASKED}x is meant"
    )
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    try:
        return _reprice(arguments)
    except (CommandFailed, LedgerError, ClosedPeriod) as error:
        return fail("reprice", error)


def _reprice(arguments: argparse.Namespace) -> int:
    settings = load_for_books(arguments.config).settings
    reader, book = open_reader(settings.ledger), _book(settings)
    period = _period(arguments, closed_until_us(reader))
    total = _look(reader, book, period)
    if not arguments.json:
        sys.stdout.write("\n".join(render(total)) + "\n")
        sys.stdout.flush()  # before anything is written
    refused = total.needs_yes and not arguments.yes
    written = None
    if not (refused or arguments.dry_run):
        written = _write_audited(arguments, settings.ledger, reader, book, period, total)
    if arguments.json:
        sys.stdout.write(json.dumps(_plain(total, written), indent=2) + "\n")
    elif written is not None:
        sys.stdout.write(f"{written} corrections written\n")
    elif arguments.dry_run:
        sys.stdout.write("Nothing was written: this was a dry run.\n")
    if refused and not arguments.dry_run:
        return fail("reprice", "nothing was written: a price moves that far only with --yes")
    return 0


def _book(settings: GatewaySettings) -> Book:
    """The prices and terms of the file, as a gateway would charge them."""
    snapshot = compile_snapshot(settings, 1, GenaiCatalogue(), datetime.now(UTC).date())
    models = {
        key: PricedModel(s.model, s.backend, s.price_provider, s.upstream_model)
        for key, s in snapshot.served.items()
    }
    return BookCharges(snapshot.prices, settings.terms, models, snapshot.baseline)


def _period(arguments: argparse.Namespace, open_from_us: int) -> Period:
    """What is open, unless another beginning is asked for."""
    first, last = arguments.from_, arguments.to
    if first is not None and last is not None and first > last:
        raise CommandFailed("--from: the period ends before it starts")
    return Period(
        open_from_us if first is None else day_start_us(first),
        None if last is None else day_start_us(last + timedelta(days=1)),
    )


def _look(reader: LedgerReader, book: Book, period: Period) -> Summary:
    total = Summary()
    for plan in plans(reader, book, period):
        total.add(plan)
    return total


def _write_audited(
    arguments: argparse.Namespace,
    url: str,
    reader: LedgerReader,
    book: Book,
    period: Period,
    total: Summary,
) -> int:
    """How many corrections were written. Raises AuditUnavailable before any is."""
    if not total.corrections:
        return 0
    days = [None if day is None else day.isoformat() for day in (arguments.from_, arguments.to)]
    plan = {"from": days[0], "to": days[1], **_plain(total, None)}
    write = partial(AuditLog(url).write, author())
    with in_two_steps(write, "reprice", "rows of an open period", None, plan) as outcome:
        outcome["written"] = _write(url, reader, book, period)
    return int(outcome["written"])


def _write(url: str, reader: LedgerReader, book: Book, period: Period) -> int:
    """Planned again, page by page, so that no period is too long for the memory. Pages come oldest first, and
    what is closed is older than what is open: a closed period is refused before anything is written."""
    with closing(open_ledger(url)) as ledger:
        books = LedgerBooks(ledger, closed_until_us(reader))
        return sum(apply(plan, books, yes=True) for plan in plans(reader, book, period))


def _plain(total: Summary, written: int | None) -> dict[str, Any]:
    return {
        "looked_at": total.looked_at,
        "corrections": total.corrections,
        "changes": [asdict(change) for change in total.changes],
        "paid_by_gpu_time": total.by_gpu_time,
        "unpriced": total.unpriced,
        "jumps": {model: None if ratio is None else float(ratio) for model, ratio in total.jumps.items()},
        "needs_yes": total.needs_yes,
        "written": written,
    }
