"""The answer cache: of the running gateway (status, purge, seed), or tried on recorded requests.

`weir cache replay FILE.jsonl` reads one JSON object per line, in the order in which the requests came (`-`
for stdin): `tenant` and `prompt` or `messages`, perhaps `class`, which names the answer. One object comes out
per line: `hit`, `tier` (exact, canonical, semantic, or null), `matched` (the kept question) and `score`.

Tenants share nothing, nor do conversations that differ before the last user message. A summary goes to
stderr. A line that cannot be read is named there, the others are still done, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, BinaryIO

import orjson

from gateway.commands import cache_live
from gateway.commands.common import CommandFailed, fail
from gateway.json_lines import BadLine, line_object

HELP = "the answer cache: status, purge, seed; replay of recorded requests"
REGIMES = ("strict", "intent")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    replay = commands.add_parser("replay", help="requests from a file through the cache's tiers")
    replay.add_argument("file", metavar="FILE", help="one JSON object per line; - for stdin")
    replay.add_argument(
        "--threshold", type=_score, metavar="X", help="score to serve from, 0 to 1 (default: the verifier's)"
    )
    replay.add_argument(
        "--regime",
        choices=REGIMES,
        default="strict",
        help="strict: every word counts; intent: questions of one intent share an answer (default: strict)",
    )

    cache_live.add_arguments(commands)


def run(arguments: argparse.Namespace) -> int:
    try:
        if arguments.action != "replay":
            return cache_live.run(arguments)
        ask = _tiers(arguments.regime, arguments.threshold)
        with _opened(arguments.file) as lines:
            return _replay(lines, ask)
    except CommandFailed as error:
        return fail("cache", error)
    except OSError as error:
        return fail("cache", f"{arguments.file}: {error.strerror}")


Ask = Callable[[dict[str, Any]], tuple[dict[str, Any], bool | None]]
"""A line's object -> what is printed of it, and whether a hit was right (None: unknown, or no hit)."""


def _tiers(regime: str, threshold: float | None) -> Ask:
    """Raises CommandFailed."""
    from cache.judging.judge import Judge  # the vectors are loaded only where they are needed
    from cache.judging.verifier import VerifierError, load
    from gateway.cache_replay import CacheReplay, asked_of
    from gateway.word_vectors import LexiconVectors
    from router.embedding import embed
    from router.model import ArtefactError, lexicon

    try:
        known, model = lexicon(), load(regime=regime)
    except (ArtefactError, VerifierError) as error:
        raise CommandFailed(str(error)) from error
    replay = CacheReplay(
        Judge(LexiconVectors(known), model),
        lambda text: embed(text, known),
        model.threshold if threshold is None else threshold,
    )

    def ask(fields: dict[str, Any]) -> tuple[dict[str, Any], bool | None]:
        served = replay.ask(asked_of(fields))
        told = {
            "hit": served.tier is not None,
            "tier": served.tier,
            "matched": served.matched,
            "score": round(served.score, 4),
        }
        return ({"id": fields["id"], **told} if "id" in fields else told), served.right

    return ask


def _replay(lines: BinaryIO, ask: Ask) -> int:
    tiers: Counter[str] = Counter()
    judged = wrong = failed = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told, right = ask(line_object(line))
        except BadLine as error:
            failed += 1
            fail("cache", f"line {number}: {error}")
            continue
        sys.stdout.write(orjson.dumps(told).decode() + "\n")
        tiers[told["tier"] or "miss"] += 1
        judged += right is not None
        wrong += right is False
    sys.stderr.write(_summary(tiers, judged, wrong))
    return 1 if failed else 0


def _summary(tiers: Counter[str], judged: int, wrong: int) -> str:
    requests = tiers.total()
    hits = requests - tiers["miss"]
    said = f"{requests} requests, {hits} hits{_share(hits, requests)}"
    parts = [
        f"{tier} {tiers[tier]}{_share(tiers[tier], requests)}" for tier in ("exact", "canonical", "semantic")
    ]
    classes = f"; of {judged} hits with a class {wrong} wrong{_share(wrong, judged)}" if judged else ""
    return f"{said}: {', '.join(parts)}{classes}\n"


def _share(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.2f} %)" if whole else ""


def _opened(name: str) -> Any:
    return nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb")


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0.0 <= score <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a score from 0 to 1")
    return score
