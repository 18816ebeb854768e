"""Makes the verifier that the package ships.

python -m benchmarks.cache.train [--data DIR]

Learned from neighbours among intents (banking77, clinc150: same class or not), generated paraphrases
(gptcache_mock) and nothing of the sets that the study reports on as real questions.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.cache.sources import Asked, Pair, add_data, intents, pairs
from benchmarks.cache.streams import nearest, vectors
from cache.judging import vetoes
from cache.judging.compared import compare
from cache.judging.features import NAMES, SIGNS, Prepared, features
from cache.judging.reading import read
from cache.judging.vectors import Words
from cache.judging.verifier import FORMAT, SHIPPED, Verifier
from gateway.word_vectors import LexiconVectors
from router.model import lexicon
from router.model.lexicon import Lexicon

Numbers = NDArray[np.float32]
INTENTS = ("banking77", "clinc150")
VERSION = "2026-11.3"
STRICT_THRESHOLD = 0.86
"""One for all strict partitions. Chosen with the traps and the stream of questions in view: below it,
hits that ask something else become frequent."""
INTENT_THRESHOLD = 0.85
"""Where each of the two sets, judged by a verifier made of the other, stays under 2 % wrong."""


class Rows(NamedTuple):
    numbers: Numbers
    same: NDArray[np.bool_]


class Reader:
    """Pairs as rows of features; None for those under a veto of what differs. Words that nothing supports
    stay in, so that there are enough pairs of either kind to learn from."""

    def __init__(self, known: Lexicon) -> None:
        self.lexicon = known
        self.words = Words(LexiconVectors(known))
        self._read: dict[str, Prepared] = {}

    def prepared(self, text: str) -> Prepared:
        found = self._read.get(text)
        if found is None:
            found = self._read[text] = Prepared(read(text), self.words)
        return found

    def row(self, one: str, other: str) -> Numbers | None:
        a, b = self.prepared(one), self.prepared(other)
        if vetoes.early(a.reading, b.reading):
            return None
        compared = compare(a.reading, b.reading, a.unknown | b.unknown)
        if vetoes.late(compared):
            return None
        return features(a, b, compared, self.words)

    def loose_row(self, one: str, other: str) -> Numbers | None:
        """Whatever the vetoes say."""
        a, b = self.prepared(one), self.prepared(other)
        if a.reading.literal or b.reading.literal:
            return None
        return features(a, b, compare(a.reading, b.reading, a.unknown | b.unknown), self.words)

    def rows(self, asked: Iterable[tuple[str, str, bool]], *, strict: bool = True) -> Rows:
        read = self.row if strict else self.loose_row
        found = [(row, same) for one, other, same in asked if (row := read(one, other)) is not None]
        return Rows(np.array([row for row, _ in found]), np.array([same for _, same in found], bool))


def neighbours(asked: Sequence[Asked], known: Lexicon) -> Iterable[tuple[str, str, bool]]:
    near = nearest(vectors([each.text for each in asked], known))
    for each, found in zip(asked, near, strict=True):
        for place in found.places:
            other = asked[place]
            yield each.text, other.text, each.answer == other.answer


def told(found: Iterable[Pair]) -> Iterable[tuple[str, str, bool]]:
    return ((each.one, each.other, each.same) for each in found)


def joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        np.concatenate([part.numbers for part in parts if len(part.same)]),
        np.concatenate([part.same for part in parts]),
    )


def fit(rows: Rows) -> tuple[Numbers, float]:
    """Weights and bias on the features as they are. A weight that would speak against its feature's sign is
    left out and the rest fitted again, so that more strangeness never raises a score."""
    spread = rows.numbers.std(0)
    use = spread > 1e-6
    while True:
        scaled = rows.numbers[:, use] / spread[use]
        model = LogisticRegression(C=0.1, max_iter=2_000).fit(scaled, rows.same)
        weights = np.zeros(len(NAMES))
        weights[use] = model.coef_[0] / spread[use]
        against = use & (weights * np.array(SIGNS) < 0.0)
        if not against.any():
            return weights.astype(np.float32), float(model.intercept_[0])
        use &= ~against


def strict_rows(reader: Reader, data: Path) -> Rows:
    return joined(
        [
            *(reader.rows(neighbours(intents(data, name), reader.lexicon)) for name in INTENTS),
            reader.rows(told(pairs(data, "gptcache_mock"))),
        ]
    )


def intent_rows(reader: Reader, data: Path, names: Sequence[str] = INTENTS) -> Rows:
    return joined(
        [reader.rows(neighbours(intents(data, name), reader.lexicon), strict=False) for name in names]
    )


def fitted(rows: Rows, threshold: float, version: str, regime: str) -> Verifier:
    weights, bias = fit(rows)
    return Verifier(weights, bias, threshold, version, regime)


def fields(verifiers: Sequence[Verifier]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "format": np.array([FORMAT]),
        "names": np.frombuffer("\n".join(NAMES).encode(), np.uint8),
        "version": np.frombuffer(verifiers[0].version.encode(), np.uint8),
    }
    for each in verifiers:
        told[f"{each.regime}_weights"] = each.weights
        told[f"{each.regime}_bias"] = np.array([each.bias, each.threshold])
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data(parser)
    parser.add_argument("--out", type=Path, default=SHIPPED, metavar="FILE")
    arguments = parser.parse_args()
    reader = Reader(lexicon())
    strict, loose = strict_rows(reader, arguments.data), intent_rows(reader, arguments.data)
    made = [
        fitted(strict, STRICT_THRESHOLD, VERSION, "strict"),
        fitted(loose, INTENT_THRESHOLD, VERSION, "intent"),
    ]
    for name, *weights in zip(NAMES, *(each.weights for each in made), strict=True):
        print(f"{name:16} " + " ".join(f"{weight:8.3f}" for weight in weights))
    for each, rows in zip(made, (strict, loose), strict=True):
        print(
            f"{each.regime}: bias {each.bias:.3f}; {len(rows.same):,} pairs, {rows.same.mean():.3f} the same"
        )
    np.savez(arguments.out, **fields(made))


if __name__ == "__main__":
    main()
