"""Measures the router on prompts with known outcomes, and writes benchmarks/routing/RESULTS.md.

python -m benchmarks.routing [--data DIR]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.machine import describe
from benchmarks.routing import measure
from benchmarks.routing.pairs import Pair
from benchmarks.routing.sources import DataMissing, Prompt, add_data, load
from router.decision import RouteRequest
from router.features import CHAT
from router.model import LearnedGain
from router.model import load as load_model

RESULTS = Path(__file__).with_name("RESULTS.md")
MIXTURE = "MMLU-Pro + ZeroEval"
PUBLISHED = {"MMLU": 0.603, "GSM8K": 0.622}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data(parser)
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    arguments = parser.parse_args()
    try:
        prompts = load(arguments.data)
    except DataMissing as error:
        sys.stderr.write(f"bench-routing: {error}\n")
        return 1
    begun = time.perf_counter()
    model = load_model()
    load_s = time.perf_counter() - begun
    text = "\n".join([*_head(model), *_quality(prompts, model), *_speed(prompts, model, load_s)]) + "\n"
    arguments.out.write_text(text)
    sys.stdout.write(text)
    return 0


def _head(model: LearnedGain) -> Iterator[str]:
    yield "# The router, measured\n"
    yield f"`make bench-routing`, model {model.version}. {describe()}\n"
    yield "APGR: the share of the quality gap that is recovered, averaged over all shares of large calls;"
    yield "random is 0.5. Every figure is of prompts whose whole group (near duplicates, shared passages, of"
    yield "other sources too) was left out of all that was learned, the projection of words included. Where"
    yield "other models answered the same prompts, own heads learn from labels that those have steadied"
    yield "(steadied.py).\n"


def _quality(prompts: Sequence[Prompt], model: LearnedGain) -> Iterator[str]:
    say = _say
    say("reading")
    b = measure.bench(prompts, model.lexicon)
    pairs = measure.pairs_of(prompts)
    found = measure.unseen(b, pairs, say)
    yield "## Five folds of groups\n"
    yield "| prompts | n | order | APGR exact (95 %) | CPT50 | CPT80 | APGR binned |"
    yield "|---|---|---|---|---|---|---|"
    for name, each in pairs.items():
        for order, scores in (
            ("own head", found.own[name]),
            ("shipped head", found.shipped[name]),
            ("longer prompt", measure.lengths(b, each)),
            ("task mean (label given)", measure.task_means(b, each)),
            ("random", np.random.default_rng(0).random(len(each.at))),
            ("constant", np.zeros(len(each.at))),
        ):
            yield _row(name, each, order, scores)
        if name in PUBLISHED:
            yield f"| {name} | | RouteLLM's best published | {PUBLISHED[name]} | | | |"
    few, by_fold = (each(b, pairs["MMLU"]) for each in (measure.few_labels, measure.few_labels_by_fold))
    yield f"\n## {measure.FEW:,} labels of MMLU, drawn at random\n"
    yield "Nothing else of MMLU is known to head or projection. APGR on every prompt, in five folds of"
    yield f"groups, with labels of the other four alone: {_draws(by_fold)}."
    yield f"With {measure.FEW:,} labels of everywhere, on all other prompts:"
    yield f"{_draws([each.rest for each in few])}; on those of them that share no passage or"
    yield f"statement with a label: {_draws([each.apart for each in few])}.\n"
    yield "## A source that nothing was learned from\n"
    yield "| source | pair | APGR | longer prompt | known |"
    yield "|---|---|---|---|---|"
    for each, exact, longer, known in measure.left_out(b, say):
        yield (
            f"| {each.source} | {each.weak} to {each.strong} | {exact:.3f} | {longer:.3f} "
            f"| {100 * known:.0f} % |"
        )
    yield from _calibration(pairs, found)


def _calibration(pairs: Mapping[str, Pair], found: measure.Unseen) -> Iterator[str]:
    yield "\n## Calibration, of the own heads\n"
    yield "*Luck* is the error that a perfect prediction of so many prompts would show. Shares are those of"
    yield f"{measure.HALVES} random halves, at the threshold that sends 30 % of the other half.\n"
    yield "| prompts | mean error over tenths | luck | 30 % threshold sends, mean (least to most) |"
    yield "|---|---|---|---|"
    apart = [name for name in pairs if name != MIXTURE]
    told = {name: found.own[name] for name in pairs}
    gains = {name: each.gains for name, each in pairs.items()}
    told["all of them"] = np.concatenate([told[name] for name in apart])
    gains["all of them"] = np.concatenate([gains[name] for name in apart])
    for name, predicted in told.items():
        error, luck, shares = measure.calibration(predicted, gains[name])
        yield (
            f"| {name} | {error:.4f} | {luck:.4f} "
            f"| {100 * shares.mean():.1f} % ({100 * shares.min():.1f} to {100 * shares.max():.1f}) |"
        )


def _draws(values: Sequence[float]) -> str:
    return f"{', '.join(f'{value:.3f}' for value in values)}, mean {np.mean(values):.3f}"


def _row(name: str, each: Pair, order: str, scores: measure.Numbers) -> str:
    worth = measure.worth(scores, each)
    (low, high), exact = worth["interval"], worth["exact"]
    return (
        f"| {name} | {len(each.at):,} | {order} | {exact.apgr:.3f} ({low:.3f} to {high:.3f}) "
        f"| {exact.cpt50:.1f} | {exact.cpt80:.1f} | {worth['binned'].apgr:.3f} |"
    )


def _speed(prompts: Sequence[Prompt], model: LearnedGain, load_s: float) -> Iterator[str]:
    _say("speed")
    texts = [prompt.text for prompt in prompts if len(prompt.text) <= 4_000][::5]
    long = ("Find the number of ways to arrange 12 books on a shelf. " * 2_000)[:100_000]
    yield "\n## Speed, one core\n"
    yield "| prompts | p50 us | p99 us |"
    yield "|---|---|---|"
    for name, asked in (
        ("400 to 600 characters", [text for text in texts if 400 <= len(text) <= 600]),
        ("up to 4,000 characters", texts),
        ("100,000 characters", [long] * 500),
    ):
        took = _took_us(model, asked)
        yield f"| {name} | {np.percentile(took, 50):.0f} | {np.percentile(took, 99):.0f} |"
    memory_mib = psutil.Process().memory_info().rss / 2**20
    yield f"\nLoading takes {load_s:.2f} s. (This process has {memory_mib:.0f} MiB, with all prompts.)"


def _took_us(model: LearnedGain, texts: Sequence[str]) -> list[float]:
    took = []
    for text in texts:
        request = RouteRequest(
            CHAT, {"messages": [{"role": "user", "content": text}]}, 0, frozenset(), "", "", {}, False
        )
        begun = time.perf_counter_ns()
        model.gain(request)
        took.append((time.perf_counter_ns() - begun) / 1_000)
    return took


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    sys.exit(main())
