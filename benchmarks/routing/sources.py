"""Prompts with the outcomes of several models, and which of them belong together."""

from __future__ import annotations

import argparse
import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FILES = ("routellm_mmlu", "routellm_gsm8k", "mmlu_pro", "zeroeval", "ulab_llmrouter")


class DataMissing(Exception):
    """The folder with the prompts is not there."""


class Prompt(NamedTuple):
    source: str
    domain: str
    text: str
    scores: dict[str, float]


def load(folder: Path, files: Iterable[str] = FILES) -> list[Prompt]:
    """Raises DataMissing."""
    prompts = []
    for name in files:
        path = folder / f"{name}.jsonl.gz"
        if not path.is_file():
            raise DataMissing(
                f"{path} is not there: name the folder with the data by --data or WEIR_ROUTING_DATA"
            )
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            prompts += [_prompt(name, json.loads(line)) for line in lines]
    return prompts


def _prompt(source: str, row: dict[str, Any]) -> Prompt:
    return Prompt(source, str(row["domain"]), row["prompt"], row["scores"])


def folds(group: NDArray[np.int64], count: int = 5, seed: int = 0) -> NDArray[np.int64]:
    """A fold's number for each row; a group is never split."""
    known, member = np.unique(group, return_inverse=True)
    return np.random.default_rng(seed).integers(0, count, len(known))[member]


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("WEIR_ROUTING_DATA", "../shared/data/routing")),
        metavar="DIR",
        help="folder with the prompts and outcomes (default: WEIR_ROUTING_DATA, or ../shared/data/routing)",
    )
