"""Measures what the cache takes for one question, and writes benchmarks/cache/RESULTS.md.

python -m benchmarks.cache [--data DIR]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from benchmarks.cache.measure import (
    Outcome,
    Served,
    at_most_wrong,
    cosine_hits,
    is_held_out,
    outcome,
    own_traps,
    replayed,
    speed_us,
    traps,
)
from benchmarks.cache.sources import Asked, DataMissing, Pair, add_data, intents, pairs, prompts
from benchmarks.cache.train import INTENTS, VERSION, Reader, fitted, intent_rows
from benchmarks.cache.trap_pairs import minimal_pairs, trap_pairs
from benchmarks.cache.verdicts import WORDS, Verdicts, load_verdicts
from benchmarks.machine import describe
from cache.judging.verifier import Verifier, load
from router.model import lexicon

RESULTS = Path(__file__).with_name("RESULTS.md")
INTENT_THRESHOLDS = (0.8, 0.85)
MINILM = {"banking77": "21.5 %", "clinc150": "31.6 %"}
"""Hits at 2 % wrong of MiniLM's cosine, measured before on streams drawn in the same way."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data(parser)
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE")
    arguments = parser.parse_args()
    try:
        text = "\n".join(_report(arguments.data)) + "\n"
    except DataMissing as error:
        sys.stderr.write(f"bench-cache: {error}\n")
        return 1
    arguments.out.write_text(text)
    sys.stdout.write(text)
    return 0


def _report(data: Path) -> Iterator[str]:
    reader, strict = Reader(lexicon()), load()
    stream, trapped = prompts(data, "qqp_stream"), pairs(data, "checklist_dev")
    yield "# The cache's judgement, measured\n"
    yield f"`make bench-cache`, verifier {strict.version}. {describe()}\n"
    yield from _questions(stream, reader, strict)
    yield from _traps(trapped, reader, strict)
    yield from _intents(data, reader)
    yield from _speed(stream, reader, strict)


def _questions(stream: list[Asked], reader: Reader, strict: Verifier) -> Iterator[str]:
    sys.stderr.write("stream of questions\n")
    served = replayed(stream, reader, strict, strict.threshold)
    found = outcome(served)
    verdicts = load_verdicts()
    yield "## A stream of real questions, one threshold for all\n"
    yield f"{len(stream):,} questions of Quora's users (GPTCache's benchmark), in order; a miss is kept."
    yield "A hit on a question of another class is wrong by the label. Three of four such labels are wrong"
    yield "themselves, so each such hit was read: `verdicts.tsv` has ids, verdict and reason. Hits that"
    yield "the label calls right were not read. The first vetoes were written with hits of this whole stream"
    yield "in view, what came later with those of one half; another stream will do less well.\n"
    yield "| tier | hits | of requests | wrong by label |"
    yield "|---|---:|---:|---:|"
    for tier in ("exact", "canonical", "semantic"):
        of_tier = [each for each in served if each.tier == tier]
        wrong = sum(not each.right for each in of_tier)
        yield f"| {tier} | {len(of_tier)} | {_percent(len(of_tier), len(stream))} | {wrong} |"
    yield f"| all | {found.hits} | {_percent(found.hits, len(stream))} | {found.wrong} |\n"
    yield from _judged(served, verdicts, found)
    yield from _halves(stream, served, verdicts)
    hits, wrong = cosine_hits(stream, reader, found.hits)
    yield f"\nThe cosine alone, at the same number of hits ({hits}): {wrong} wrong by label."


def _judged(served: list[Served], verdicts: Verdicts, found: Outcome) -> Iterator[str]:
    count: Counter[str] = Counter()
    open_: list[str] = []
    for each in served:
        if not each.right:
            verdict = verdicts.get((each.asked, each.kept))
            count[verdict.word if verdict else "not judged"] += 1
            if verdict is None:
                open_.append(f"{each.asked}/{each.kept}")
    yield "| wrong by label, read again | hits | of all hits |"
    yield "|---|---:|---:|"
    for word in ("same", "ambiguous", "different", "not judged"):
        yield f"| {word} | {count[word]} | {_percent(count[word], found.hits)} |"
    if open_:
        yield f"\nNot judged (asked/kept): {', '.join(open_)}."


def _halves(stream: list[Asked], served: list[Served], verdicts: Verdicts) -> Iterator[str]:
    answers = {each.id: each.answer for each in stream}
    yield "\nOne half of the classes, by their hash, is held out: nothing that it missed was read. Of what it"
    yield "served, in trials too, only hits that the label calls wrong were read; how many it served, and how"
    yield "often each veto spoke, was seen while rules and threshold were chosen.\n"
    yield "| half | requests | hits | of requests | wrong by label | same | ambiguous | different |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for held_out, name in ((False, "looked at"), (True, "held out")):
        asked = sum(is_held_out(each.answer) == held_out for each in stream)
        hits = [each for each in served if is_held_out(answers[each.asked]) == held_out]
        wrong = [each for each in hits if not each.right]
        read = Counter(
            verdict.word for each in wrong if (verdict := verdicts.get((each.asked, each.kept))) is not None
        )
        told = " | ".join(_count(read[word], len(hits)) for word in WORDS)
        yield f"| {name} | {asked} | {len(hits)} | {_percent(len(hits), asked)} | {len(wrong)} | {told} |"


def _count(part: int, whole: int) -> str:
    return f"{part} ({_percent(part, whole)})"


def _traps(trapped: list[Pair], reader: Reader, strict: Verifier) -> Iterator[str]:
    sys.stderr.write("traps\n")
    told = traps(trapped, reader, strict)
    yield "\n## Traps, at the same threshold\n"
    yield "CheckList's pairs. Nothing was learned from any of them, so every capability is held out of the"
    yield "verifier; the vetoes were written knowing what these capabilities are.\n"
    yield "| capability | pairs that differ | served | pairs that are the same | served |"
    yield "|---|---:|---:|---:|---:|"
    for capability, row in told.items():
        yield f"| {capability} | {row.different} | {row.wrongly} | {row.same} | {row.rightly} |"
    different = sum(row.different for row in told.values())
    wrongly = sum(row.wrongly for row in told.values())
    yield f"| all | {different} | {wrongly} ({_percent(wrongly, different)}) | | |"
    yield from _own_traps(reader, strict)


def _own_traps(reader: Reader, strict: Verifier) -> Iterator[str]:
    told = own_traps(chain(trap_pairs(), minimal_pairs()), reader, strict)
    yield "\nPairs of `trap_pairs.py`, made from templates, and of `minimal_pairs.txt`, written by hand,"
    yield "tried in both directions. Rules were made after seeing which of them failed: of those by hand,"
    yield "16 of 441 were served when they were first tried, of the last 60 of them 2; expect as many of"
    yield "other such pairs.\n"
    yield "| capability | pairs | served |"
    yield "|---|---:|---:|"
    for capability, (pairs_, wrong) in told.items():
        yield f"| {capability} | {pairs_} | {wrong} |"
    every, wrong = (sum(row[place] for row in told.values()) for place in (0, 1))
    yield f"| all | {every} | {_count(wrong, every)} |"


def _intents(data: Path, reader: Reader) -> Iterator[str]:
    yield "\n## One answer per intent\n"
    yield "8,000 prompts each, drawn at random; labels as they are; a miss is kept. The verifier of each set"
    yield "was made of the other alone. `agreement` adds up the near kept questions that have one answer.\n"
    yield "| prompts | by | threshold | hits | wrong |"
    yield "|---|---|---:|---:|---:|"
    for name in INTENTS:
        sys.stderr.write(f"{name}\n")
        asked = intents(data, name)
        others = [other for other in INTENTS if other != name]
        model = fitted(intent_rows(reader, data, others), 0.0, VERSION, "intent")
        for threshold in INTENT_THRESHOLDS:
            found = outcome(replayed(asked, reader, model, threshold))
            yield _intent_row(name, "agreement", f"{threshold}", found, len(asked))
        hits = at_most_wrong(asked, reader, 0.02)
        yield f"| {name} | static cosine at 2 % wrong, hindsight | | {_percent(hits, len(asked))} | 2 % |"
        yield f"| {name} | MiniLM cosine at 2 % wrong, hindsight, measured before | | {MINILM[name]} | 2 % |"


def _intent_row(name: str, by: str, threshold: str, found: Outcome, asked: int) -> str:
    wrong = _percent(found.wrong, found.hits)
    return f"| {name} | {by} | {threshold} | {_percent(found.hits, asked)} | {wrong} |"


def _speed(stream: list[Asked], reader: Reader, strict: Verifier) -> Iterator[str]:
    sys.stderr.write("speed\n")
    yield "\n## Speed, one core\n"
    yield "| step | p50 us | p99 us |"
    yield "|---|---:|---:|"
    for step, (half, most) in speed_us(stream[:4_000], reader, strict).items():
        yield f"| {step} | {half:.0f} | {most:.0f} |"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


if __name__ == "__main__":
    sys.exit(main())
