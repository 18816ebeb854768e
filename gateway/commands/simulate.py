"""Recorded traffic under another configuration: what it would have cost, for whom, on which tier, and when
budgets would have been spent. Reads the ledger and changes nothing."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from gateway.commands.common import CommandFailed, add_config, fail, load_for_books
from gateway.config import GatewaySettings
from gateway.replay.again import Decider
from gateway.replay.render import as_json, in_words
from gateway.replay.replay import Replay
from gateway.replay.routes import replayed_routes, unseen_conditions
from gateway.snapshot import compile_snapshot
from metering.catalogue import GenaiCatalogue
from metering.days import day_start_us
from metering.event_pages import Period
from metering.ledger import LedgerError, LedgerReader
from metering.ledger_url import open_reader
from metering.replay_read import gpu_rates_seen, recorded

HELP = "recorded traffic under another policy: cost, tiers, quality, budgets"
DEFAULT_DAYS = 30
PROGRESS_EVERY_S = 2.0
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--policy", required=True, metavar="NEW.yaml", help="the configuration file to replay under"
    )
    parser.add_argument(
        "--from-ledger", action="store_true", required=True, help="replay what the ledger recorded"
    )
    add_config(parser)
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--days", type=_days, default=DEFAULT_DAYS, metavar="N", help=f"the last N days ({DEFAULT_DAYS})"
    )
    when.add_argument("--month", type=_month, metavar="MONTH", help="a month of UTC, such as 2026-10")
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    try:
        return _simulate(arguments)
    except (CommandFailed, LedgerError) as error:
        return fail("simulate", error)


def _simulate(arguments: argparse.Namespace) -> int:
    present = load_for_books(arguments.config).settings
    new = load_for_books(arguments.policy).settings
    period = arguments.month or _last_days(arguments.days)
    reader = open_reader(present.ledger)
    replay = _replay(reader, present, new, period)
    progress = _Progress(sys.stderr.isatty())
    for page in recorded(reader, period):
        replay.take(page)
        progress.tell(replay)
    progress.end()
    unseen = tuple(unseen_conditions(replay.new.snapshot))
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(replay, unseen), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(in_words(replay, unseen)) + "\n")
    return 0


def _replay(reader: LedgerReader, present: GatewaySettings, new: GatewaySettings, period: Period) -> Replay:
    return Replay(_decider(present), _decider(new), gpu_rates_seen(reader, period))


def _decider(settings: GatewaySettings) -> Decider:
    snapshot = compile_snapshot(settings, 1, GenaiCatalogue(), datetime.now(UTC).date())
    return Decider(snapshot, replayed_routes(snapshot))


def _last_days(days: int) -> Period:
    """To now, from the beginning of a UTC day."""
    return Period(day_start_us(datetime.now(UTC).date() - timedelta(days=days - 1)), None)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3660:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days, 1 to 3660")
    return int(text)


def _month(text: str) -> Period:
    match = _MONTH.fullmatch(text)
    try:
        first = date(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        first = None
    if first is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month, such as 2026-10")
    following = (first + timedelta(days=31)).replace(day=1)
    return Period(day_start_us(first), day_start_us(following))


class _Progress:
    """One line on a terminal, rewritten now and then; nothing elsewhere."""

    def __init__(self, shown: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown = shown
        self._clock = clock
        self._next_s = clock() + PROGRESS_EVERY_S
        self._told = False

    def tell(self, replay: Replay) -> None:
        if not self._shown or self._clock() < self._next_s or replay.last_us is None:
            return
        self._next_s = self._clock() + PROGRESS_EVERY_S
        self._told = True
        day = datetime.fromtimestamp(replay.last_us // 1_000_000, UTC).date()
        sys.stderr.write(f"\r{replay.tally.total().rows} rows, up to {day}")
        sys.stderr.flush()

    def end(self) -> None:
        if self._told:
            sys.stderr.write("\r\x1b[K")
