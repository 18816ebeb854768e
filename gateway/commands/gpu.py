"""Whose the GPU time of closed windows was, from the ledger: capacity, and its lines and tenants, which add
up to it exactly. Days are UTC days, the last one included."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import orjson

from gateway.commands.common import CommandFailed, add_config, day, fail, load_for_books, table
from gateway.config import GatewaySettings
from gateway.gpu_windows import WindowCloser
from metering.days import day_start_us
from metering.ledger import LedgerError, LedgerReader
from metering.ledger_url import open_ledger, open_reader
from metering.money import format_usd
from metering.store.gpu_read import GpuView
from metering.store.gpu_summary import LINES, Part, Summary, Window, gpu_summary

HELP = "whose the GPU time of closed windows was"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--backend", metavar="NAME", help="only this backend")
    parser.add_argument("--from", dest="from_", type=day, metavar="DAY", help="first day (default: today)")
    parser.add_argument("--to", type=day, metavar="DAY", help="last day (default: today)")
    parser.add_argument("--windows", action="store_true", help="a line per window, not only sums")
    parser.add_argument("--json", action="store_true", help="as JSON, windows included")
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="first close the windows again, from the rows, up-times and prices of now, and say what changed",
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load_for_books(arguments.config).settings
        from_us, until_us = _period(arguments.from_, arguments.to)
        if arguments.recompute:
            _recompute(settings, arguments.backend, from_us, until_us)
        summary = gpu_summary(open_reader(settings.ledger), from_us, until_us, arguments.backend)
    except (CommandFailed, LedgerError) as error:
        return fail("gpu", error)
    sys.stdout.write(as_json(summary) if arguments.json else as_text(summary, windows=arguments.windows))
    if not summary.adds_up:
        return fail(
            "gpu", "the lines do not add up to the capacity: the ledger was changed by something else"
        )
    return 0


def as_text(summary: Summary, *, windows: bool) -> str:
    if not summary.windows:
        return "No window is closed in this period.\n"
    parts = [_window_table(summary.windows)] if windows else []
    parts += [_backend_table(summary), _tenant_table(summary.parts)]
    return "\n".join(parts)


def as_json(summary: Summary) -> str:
    body = {
        "object": "gpu_report",
        "adds_up": summary.adds_up,
        "windows": [_window_json(window) for window in summary.windows],
        "parts": [part._asdict() for part in summary.parts],
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n"


def _recompute(settings: GatewaySettings, backend: str | None, from_us: int, until_us: int) -> None:
    """Raises CommandFailed for a backend without GPUs."""
    paid = [name for name, found in settings.backends.items() if found.gpus is not None]
    if backend is not None and backend not in paid:
        raise CommandFailed(f"no backend {backend} with gpus is configured")
    reader: LedgerReader = open_reader(settings.ledger)
    with closing(open_ledger(settings.ledger)) as books:
        for name in paid if backend is None else [backend]:
            done = WindowCloser(books, GpuView(reader), lambda: settings).recompute(name, from_us, until_us)
            sys.stderr.write(f"{name}: {done.windows} windows changed, {done.corrections} costs corrected\n")


def _period(first: date | None, last: date | None) -> tuple[int, int]:
    today = datetime.now(UTC).date()
    first, last = first or last or today, last or today
    return day_start_us(first), day_start_us(last + timedelta(days=1))


def _window_table(windows: Sequence[Window]) -> str:
    titles = ("window", "backend", "gpus", "capacity s", *LINES, "USD", "method")
    return table(titles, [_window_row(window) for window in windows])


def _window_row(window: Window) -> list[str]:
    lines = [_seconds(window.lines.get(line, 0)) for line in LINES]
    usd = format_usd(window.capacity_nanos, 6)
    capacity = _seconds(window.capacity_ns)
    return [_time(window.start_us), window.backend, str(window.gpus), capacity, *lines, usd, window.method]


def _backend_table(summary: Summary) -> str:
    rows = []
    for backend in sorted({window.backend for window in summary.windows}):
        mine = [window for window in summary.windows if window.backend == backend]
        lines = [sum(window.lines.get(line, 0) for window in mine) for line in LINES]
        capacity_ns, nanos = sum(w.capacity_ns for w in mine), sum(w.capacity_nanos for w in mine)
        cells = [_seconds(capacity_ns), *map(_seconds, lines), format_usd(nanos, 6)]
        rows.append([backend, str(len(mine)), *cells, _percent(lines[0] + lines[1], capacity_ns)])
    return table(("backend", "windows", "capacity s", *LINES, "USD", "busy"), rows)


def _tenant_table(parts: Iterable[Part]) -> str:
    """Every line of the capacity, whoever's it is, and their sum."""
    parts = list(parts)
    rows = [
        [p.backend, p.line, p.tenant, str(p.requests), _seconds(p.gpu_ns), format_usd(p.nanos, 6)]
        for p in parts
    ]
    ns, nanos = sum(p.gpu_ns for p in parts), sum(p.nanos for p in parts)
    requests = sum(p.requests for p in parts)
    rows.append(["sum", "", "", str(requests), _seconds(ns), format_usd(nanos, 6)])
    return table(("backend", "line", "tenant", "requests", "GPU s", "USD"), rows)


def _window_json(window: Window) -> dict[str, object]:
    body = window._asdict()
    return body | {"lines": {line: window.lines.get(line, 0) for line in LINES}}


def _seconds(ns: int) -> str:
    return f"{ns // 1_000_000_000}.{ns % 1_000_000_000:09d}"


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else ""
