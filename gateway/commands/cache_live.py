"""The running gateway's answer cache: `weir cache status | purge | seed`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from cache.seeds import Seed, SeedError, read_seeds
from gateway.commands.asking import add_url, ask
from gateway.commands.common import CommandFailed, add_config, load_for_books, table
from gateway.config import GatewaySettings
from gateway.config_types import parse_duration
from metering.cache_render import render_text, report_of

PURGE_TRIES, PURGE_AGAIN_AFTER_S = 5, 0.5
"""A replica that lags, or a server that comes back, has heard of it by then."""
BATCH_BYTES = 60_000
"""Of pairs in one request; management takes no more than 100,000 bytes at once."""


def add_arguments(commands: Any) -> None:
    status = commands.add_parser("status", help="what is kept, how often it was served, what audits say")
    _common(status)
    status.add_argument("--json", action="store_true", help="as JSON")
    purge = commands.add_parser("purge", help="drop answers, in every gateway that shares them")
    _common(purge)
    purge.add_argument("--id", default="", metavar="ID", help="one answer, from x-weir-cache-id")
    purge.add_argument("--tenant", default="", metavar="NAME", help="only this tenant's")
    purge.add_argument("--route", default="", metavar="NAME", help="only of this model or virtual model")
    purge.add_argument("--older-than", type=_seconds, metavar="TIME", help="kept longer ago: 90s, 2h, 7d")
    purge.add_argument("--epoch-below", type=int, default=0, metavar="N", help="of an older epoch")
    purge.add_argument("--all", action="store_true", help="everything, of every tenant")
    seed = commands.add_parser("seed", help="give a curated route its own pairs of prompt and answer")
    _common(seed)
    seed.add_argument("file", metavar="FILE", help='{"prompt": ..., "answer": ...} per line; - for stdin')
    seed.add_argument("--route", required=True, metavar="NAME", help="whose cache.semantic.trust is curated")
    seed.add_argument("--ttl", type=_seconds, metavar="TIME", help="how long they hold (default: ten years)")
    seed.add_argument("--replace", action="store_true", help="drop the route's earlier pairs first")


def run(arguments: argparse.Namespace) -> int:
    """Raises CommandFailed."""
    settings = load_for_books(arguments.config).settings
    match arguments.action:
        case "status":
            found = ask(settings, arguments.url, "/admin/cache")
            indented = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"
            sys.stdout.write(indented if arguments.json else as_text(found))
            return 0
        case "purge":
            return _purge(settings, arguments)
        case _:
            return _seed(settings, arguments)


def as_text(found: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _lines(found)).rstrip("\n") + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    where = "shared through the state" if found["shared"] else "in this process"
    kept = sum(found["bytes"].values())
    answers = "1 answer" if found["entries"] == 1 else f"{found['entries']:,} answers"
    yield f"{answers} of {kept:,} bytes, {where}; indexes {found['index_bytes']:,} bytes"
    if found["away"]:
        yield f"AWAY: every lookup is a miss ({found['away']})"
    yield ""
    lookups = found["lookups"]
    total = sum(lookups.values())
    rows = [(tier, f"{count:,}", f"{count / total:.1%}") for tier, count in sorted(lookups.items())]
    yield table(("lookups", "count", "share"), rows) if rows else "No lookup yet."
    if found["bounds"]:
        yield table(
            ("route", "tenant", "tier", "bound", "promise", "audits", "wrong", "unknown", "still needed"),
            [_bound(bound) for bound in found["bounds"]],
        )
    else:
        yield "No bound yet: nothing was matched by meaning, or no route asks for it."
    yield ""
    yield render_text(report_of(found["money"]))


def _bound(bound: Mapping[str, Any]) -> tuple[str, ...]:
    phase = bound["phase"] + (f" ({bound['reason']})" if bound["reason"] else "")
    return (
        bound["route"],
        bound["tenant"] or "all",
        phase,
        f"{bound['bound']:.2%}",
        f"{bound['promise']:.2%}",
        f"{bound['audited']:,}",
        str(bound["wrong"]),
        str(bound["unknown"]),
        f"{bound['needed']:,}",
    )


def _purge(settings: GatewaySettings, arguments: argparse.Namespace) -> int:
    body = {
        "id": arguments.id,
        "tenant": arguments.tenant,
        "route": arguments.route,
        "older_than_s": arguments.older_than,
        "epoch_below": arguments.epoch_below,
        "all": arguments.all,
    }
    dropped = 0
    for _ in range(PURGE_TRIES):
        done = ask(settings, arguments.url, "/admin/cache/purge", body)
        dropped += done["dropped"]
        if done["acknowledged"]:
            sys.stdout.write(f"{dropped:,} answers dropped; no gateway serves them any more.\n")
            return 0
        time.sleep(PURGE_AGAIN_AFTER_S)
    raise CommandFailed(
        f"{dropped:,} answers dropped, but it is not sure that nobody serves them: {done['cause']}"
    )


def _seed(settings: GatewaySettings, arguments: argparse.Namespace) -> int:
    try:
        if arguments.file == "-":
            seeds = read_seeds(sys.stdin.buffer, "stdin")
        else:
            with open(arguments.file, "rb") as lines:
                seeds = read_seeds(lines, arguments.file)
    except SeedError as error:
        raise CommandFailed(str(error)) from error
    if arguments.replace:
        old = {"tenant": "weir-curated", "route": arguments.route}
        ask(settings, arguments.url, "/admin/cache/purge", old)
    kept = 0
    for pairs in _batches(seeds):
        body = {"route": arguments.route, "pairs": pairs, "ttl_s": arguments.ttl}
        kept += ask(settings, arguments.url, "/admin/cache/seeds", body)["kept"]
        sys.stderr.write(f"{kept:,} of {len(seeds):,} pairs\n")
    if not settings.shares_state:
        sys.stderr.write("The cache lies in the gateway's process: after a restart, seed it again.\n")
    return 0


def _batches(seeds: Sequence[Seed]) -> Iterator[list[dict[str, str]]]:
    """Small enough for one request each."""
    batch: list[dict[str, str]] = []
    size = 0
    for seed in seeds:
        pair = seed._asdict()
        length = len(orjson.dumps(pair))
        if batch and (size + length > BATCH_BYTES or len(batch) == 1_000):
            yield batch
            batch, size = [], 0
        batch.append(pair)
        size += length
    if batch:
        yield batch


def _common(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_url(parser)


def _seconds(text: str) -> float:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    assert isinstance(found, float)
    return found
