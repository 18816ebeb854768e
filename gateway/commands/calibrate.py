"""Fits the router to a pair of models of your own, from conversations and how well each model answered.

FILE has one row per conversation, as JSONL or CSV: `prompt` or `messages`, and `small_good` and `large_good`
as numbers from 0 to 1, true or false, or words such as good and bad. From 50 rows the shipped model is
rescaled, from 200 it is improved. What it is worth is measured on rows that were not learned from.

With --from-ledger the rows are the comparisons of one route's answers that the gateway made
(`quality.shadow`), with what clients said of them; no text is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from gateway.commands.common import CommandFailed, add_config, day, fail, load_for_books, table
from gateway.ledger_labels import ledger_labels
from metering.days import day_start_us
from metering.ledger import LedgerError
from metering.ledger_url import open_reader
from router.model import ArtefactError, LearnedGain, load, save
from router.model.calibration import Calibrated, TooFewRows, calibrate
from router.model.fitting import Places
from router.model.groups import groups
from router.model.labels import BadRows, Merged, merged, read_labels
from router.model.reading import Reading, read_text

HELP = "fit the router to your own pair of models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="labelled conversations, JSONL or .csv"
    )
    source.add_argument("--from-ledger", action="store_true", help="the comparisons that the ledger holds")
    add_config(parser)
    parser.add_argument("--route", metavar="NAME", help="with --from-ledger: of this virtual model")
    parser.add_argument(
        "--since", type=day, metavar="DAY", help="with --from-ledger: from this UTC day on (default: all)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("gain.npz"), metavar="FILE", help="the artefact (default: gain.npz)"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="the whole report, as JSON")
    parser.add_argument("--name", default="own", help="begins the artefact's version (default: own)")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(arguments: argparse.Namespace) -> int:
    try:
        shipped = load()
        rows = _of_ledger(arguments) if arguments.from_ledger else _of_file(arguments, shipped)
        _say(arguments, "fitting")
        done = calibrate(shipped, rows.readings, rows.small, rows.large, rows.groups, name=arguments.name)
        save(done.model, arguments.out)
        report = {
            "file_rows": rows.read,
            "duplicates": rows.read - rows.unreadable - len(rows.readings),
            "unreadable": rows.unreadable,
            **done.report,
        }
        if arguments.report:
            arguments.report.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    except (ArtefactError, BadRows, CommandFailed, LedgerError, TooFewRows) as error:
        return fail("calibrate", error)
    except OSError as error:
        return fail("calibrate", f"{error.filename}: {error.strerror}")
    sys.stdout.write(_in_words(report, arguments.out, done))
    return 0


class _Labelled(NamedTuple):
    readings: list[Reading]
    small: list[float]
    large: list[float]
    groups: Places | None
    """None: equal readings are one group."""
    read: int
    unreadable: int = 0


def _of_file(arguments: argparse.Namespace, shipped: LearnedGain) -> _Labelled:
    """Raises BadRows and OSError."""
    labels = read_labels(arguments.file)
    _say(arguments, f"{len(labels)} rows")
    rows = merged(labels)
    group = _groups(rows)
    readings = [read_text(row.text, shipped.lexicon.vocabulary) for row in rows]
    _say(arguments, f"{len(rows)} different conversations in {len(set(group.tolist()))} groups")
    return _Labelled(readings, [row.small for row in rows], [row.large for row in rows], group, len(labels))


def _of_ledger(arguments: argparse.Namespace) -> _Labelled:
    """Raises CommandFailed and LedgerError."""
    settings = load_for_books(arguments.config).settings
    route = arguments.route or _only_route(settings.models)
    from_us = 0 if arguments.since is None else day_start_us(arguments.since)
    readings, small, large, unreadable = ledger_labels(open_reader(settings.ledger), route, from_us)
    read = len(readings) + unreadable
    _say(arguments, f"{read} comparisons of {route}, {unreadable} of them read by another version")
    return _Labelled(readings, small, large, None, read, unreadable)


def _only_route(routes: Iterable[str]) -> str:
    """A model is of one pair, so routes are not mixed. Raises CommandFailed."""
    names = list(routes)
    if len(names) != 1:
        raise CommandFailed(f"--route: name one of {', '.join(names) or 'none that the file has'}")
    return names[0]


def _groups(rows: Sequence[Merged]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """By the texts, and by the names that the file gives."""
    found = groups([row.text for row in rows])
    first: dict[str, int] = {}
    for row, number in zip(rows, found.tolist(), strict=True):
        if row.group is not None and first.setdefault(row.group, number) != number:
            found[found == number] = first[row.group]
    return found


def _say(arguments: argparse.Namespace, words: str) -> None:
    if not arguments.quiet:
        sys.stderr.write(f"{words}\n")


def _in_words(report: Mapping[str, Any], out: Path, done: Calibrated) -> str:
    rows = [
        _row("this calibration, on unseen rows", report["own"]),
        _row("the shipped model", report["shipped"]),
        _row("longer prompt first", report["longer_prompt"]),
        ("random", "0.500", "-", "50.0", "80.0"),
    ]
    lines = [
        f"{out}: {done.model.version}",
        f"{report['rows']} conversations in {report['groups']} groups, {report['duplicates']} duplicates",
        f"small model {report['small_mean']:.3f}, large model {report['large_mean']:.3f}",
        "",
        table(("order by", "APGR", "95 %", "CPT50", "CPT80"), rows),
        f"predicted against real gain, mean difference over tenths: {report['decile_error']:.3f}"
        f" (a perfect prediction of so few: {report['decile_luck']:.3f})",
        f"a threshold for 30 % on one half sends {100 * report['share_30_on_other_half']:.1f} % of the other",
    ]
    if report["only_scaled"]:
        lines.append("fewer than 200 rows: this is the shipped model with another scale")
    for name, words in (("shipped", "the shipped model"), ("longer_prompt", "the longer prompt")):
        if report["beats"][name] is False:
            lines.append(f"warning: on these rows it orders no better than {words}")
    if report["own"]["apgr"] is None:
        lines.append("warning: both models are equally good on these rows; there is no gap to recover")
    return "\n".join(lines) + "\n"


def _row(name: str, worth: Mapping[str, Any]) -> tuple[str, ...]:
    if worth["apgr"] is None:
        return (name, "-", "-", "-", "-")
    low, high = worth["interval"]
    cpt = (f"{worth['cpt50']:.1f}", f"{worth['cpt80']:.1f}")
    return (name, f"{worth['apgr']:.3f}", f"{low:.3f} to {high:.3f}", *cpt)
