"""`python -m benchmarks.output_length [--traces ../shared/data/traces]`

Recorded requests, one by one: how long the answer is expected to be by what came before it, and how long it
was. Beside it a constant of 256 tokens, and the trace's own mean, which nobody can know beforehand.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import describe
from router.cost import DEFAULT_OUTPUT_TOKENS
from router.output_length import OutputLengths

RESULTS = Path(__file__).with_name("RESULTS.md")
ONE = "one"
"""The tenant of a trace that names none."""


class Request(NamedTuple):
    tenant: str
    prompt_tokens: int
    output_tokens: int


class Errors(NamedTuple):
    mean_absolute: float
    root_mean_square: float
    of_the_sum: float
    """Expected tokens of all requests over the real ones, less 1."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.output_length", description=__doc__)
    parser.add_argument("--traces", type=Path, default=Path("../shared/data/traces"))
    folder = parser.parse_args().traces
    RESULTS.write_text("\n".join(_results(folder)) + "\n")
    sys.stdout.write(RESULTS.read_text())
    return 0


def _results(folder: Path) -> Iterator[str]:
    yield "# How long answers are expected to be\n"
    yield "Written by `python -m benchmarks.output_length`.\n"
    yield f"{describe()}\n"
    yield from __doc__.partition("\n\n")[2].splitlines()
    yield ""
    yield "| trace | requests | tenants | mean tokens | expected by | mean error | RMS error | of the sum |"
    yield "|---|---:|---:|---:|---|---:|---:|---:|"
    for name, read in TRACES.items():
        requests = list(read(folder))
        outputs = [each.output_tokens for each in requests]
        mean = sum(outputs) / len(outputs)
        head = f"| {name} | {len(requests)} | {len({each.tenant for each in requests})} | {mean:.0f} |"
        for how, expected in (
            (f"constant {DEFAULT_OUTPUT_TOKENS}", [float(DEFAULT_OUTPUT_TOKENS)] * len(outputs)),
            ("what came before", _predicted(requests)),
            ("the trace's own mean", [mean] * len(outputs)),
        ):
            found = errors(expected, outputs)
            yield (
                f"{head} {how} | {found.mean_absolute:.1f} | {found.root_mean_square:.1f} "
                f"| {found.of_the_sum:+.1%} |"
            )
            head = "| | | | |"
    yield ""
    yield "*mean error* and *RMS error* are tokens per request; *of the sum* is what a bill would be off by."


def errors(expected: Sequence[float], outputs: Sequence[int]) -> Errors:
    off = [guess - real for guess, real in zip(expected, outputs, strict=True)]
    return Errors(
        sum(map(abs, off)) / len(off),
        sqrt(sum(each * each for each in off) / len(off)),
        sum(expected) / sum(outputs) - 1,
    )


def _predicted(requests: Sequence[Request]) -> list[float]:
    lengths, expected = OutputLengths(), []
    for tenant, prompt_tokens, output_tokens in requests:
        guess = lengths.expected("auto", tenant, prompt_tokens)
        expected.append(float(DEFAULT_OUTPUT_TOKENS if guess is None else guess))
        lengths.learn("auto", tenant, prompt_tokens, output_tokens)
    return expected


def _azure(kind: str) -> Callable[[Path], Iterator[Request]]:
    def read(folder: Path) -> Iterator[Request]:
        for row in _csv(folder / f"azure2023_{kind}.csv.gz"):
            yield Request(ONE, int(row["ContextTokens"]), int(row["GeneratedTokens"]))

    return read


def _vtc(folder: Path) -> Iterator[Request]:
    for row in _csv(folder / "vtc_lmsys_27tenants.csv.gz"):
        yield Request(row["tenant"], int(row["input_tokens"]), int(row["output_tokens"]))


def _mooncake(folder: Path) -> Iterator[Request]:
    with gzip.open(folder / "mooncake_conversation.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            yield Request(ONE, row["input_length"], row["output_length"])


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        yield from csv.DictReader(lines)


TRACES: dict[str, Callable[[Path], Iterator[Request]]] = {
    "Azure 2023, code": _azure("code"),
    "Azure 2023, chat": _azure("conv"),
    "VTC, LMSYS chat": _vtc,
    "Mooncake, chat": _mooncake,
}

if __name__ == "__main__":
    sys.exit(main())
