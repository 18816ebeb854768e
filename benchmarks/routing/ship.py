"""Makes the artefact that the package ships, from the routing data and wordllama's package.

pip download --no-deps wordllama && unzip wordllama-*.whl -d UNPACKED
python -m benchmarks.routing.ship --wordllama UNPACKED/wordllama
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.routing.kinds import kind_gains, kinds_of
from benchmarks.routing.pairs import general_gains
from benchmarks.routing.projection import Corpus, Matrix, prepare
from benchmarks.routing.sources import add_data, folds, load
from benchmarks.routing.training import GAIN, general, learn
from benchmarks.routing.vocabulary import Built, build, openai_words
from router.evaluation import decile_error
from router.model import SHIPPED
from router.model.archive import Archive, write
from router.model.fitting import Rows
from router.model.groups import groups
from router.model.learned import fields_of
from router.model.lexicon import Lexicon
from router.model.reading import read_text
from router.model.words import Vocabulary

RELEASE = "2026-11"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data(parser)
    parser.add_argument("--wordllama", type=Path, required=True, metavar="DIR", help="the package, unpacked")
    parser.add_argument("--out", type=Path, default=SHIPPED, metavar="FILE")
    arguments = parser.parse_args()
    prompts = load(arguments.data)
    texts = [prompt.text for prompt in prompts]
    built = build(texts, arguments.wordllama, openai_words())
    vocabulary = Vocabulary(built.words, built.endings)
    readings = [read_text(text, vocabulary) for text in texts]
    group = groups(texts)
    corpus = prepare(readings, built.words, built.vectors)
    use = np.ones(len(prompts), bool)
    learned = learn(corpus, prompts, use, folds(group))
    fields = lexicon_fields(built, corpus, learned.weights)
    write(arguments.out, fields)
    lexicon = Lexicon(Archive(arguments.out))
    gains = general_gains(prompts, GAIN)
    chosen = np.flatnonzero(~np.isnan(gains))
    surfaces = np.array([reading.surface for reading in readings])
    rows = Rows(
        unseen_inputs(lexicon, readings, learned.numbers)[chosen],
        surfaces[chosen],
        np.array([lexicon.unknown(reading) for reading in readings])[chosen],
        gains[chosen],
        group[chosen],
    )
    version = f"weir-{RELEASE}-{fields['lexicon_version'][:8]}"
    own = kind_gains(prompts, gains, use, folds(group))
    fitted = general(lexicon, rows, kinds_of(prompts)[chosen], own[chosen], version)
    write(arguments.out, fields | fields_of(fitted.model))
    error = decile_error(fitted.unseen, own[chosen])
    print(f"{arguments.out.name}: {arguments.out.stat().st_size:,} bytes, {fitted.model.version}")
    print(f"decile error of unseen groups {error:.4f}")


def unseen_inputs(lexicon: Lexicon, readings: list[Any], numbers: Matrix) -> Matrix:
    """The lexicon's inputs with the learned numbers of a projection that had not seen the prompt's group."""
    given = np.array([lexicon.inputs(reading) for reading in readings], np.float32)
    given[:, : numbers.shape[1]] = numbers
    return given


def lexicon_fields(built: Built, corpus: Corpus, weights: Matrix) -> dict[str, Any]:
    """Folds a projection of features into one row per word, a matrix for the surface, and a constant."""
    said, surface = np.split(weights, [corpus.word_features.shape[1]])
    table = (corpus.idf[:, None] * (corpus.word_features @ said)).astype(np.float16)
    scales = np.maximum(np.abs(built.vectors).max(1), 1e-6) / 127
    fields: dict[str, Any] = {
        "words": b"\n".join(built.words),
        "endings": b"\n".join(built.endings),
        "table": table,
        "squares": (corpus.idf**2).astype(np.float32),
        "surface_mean": corpus.surface_mean.astype(np.float32),
        "surface_scale": corpus.spread.astype(np.float32),
        "surface_weights": (surface / corpus.surface_scale).astype(np.float32),
        "constant": (-corpus.centre @ said).astype(np.float32),
        "vectors": np.round(built.vectors / scales[:, None]).astype(np.int8),
        "vector_scales": scales.astype(np.float32),
    }
    digest = hashlib.sha256()
    for name in ("words", "endings", "table", "surface_weights", "constant"):
        value = fields[name]
        digest.update(value if isinstance(value, bytes) else value.tobytes())
    return fields | {"lexicon_version": digest.hexdigest()[:16]}


if __name__ == "__main__":
    main()
