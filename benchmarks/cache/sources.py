"""The data: pairs that are the same or not, and streams of prompts with classes."""

from __future__ import annotations

import argparse
import gzip
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

STREAM = 8_000
"""Prompts in a stream of intents."""


class DataMissing(Exception):
    """The folder with the data is not there."""


class Asked(NamedTuple):
    """One prompt of a stream. A hit on a prompt of another class is wrong."""

    id: str
    text: str
    answer: str


class Pair(NamedTuple):
    id: str
    one: str
    other: str
    same: bool
    capability: str


def pairs(folder: Path, name: str) -> list[Pair]:
    """Raises DataMissing."""
    return [
        Pair(row["id"], row["a"], row["b"], bool(row["same"]), row.get("capability", ""))
        for row in _rows(folder, name)
    ]


def prompts(folder: Path, name: str) -> list[Asked]:
    """In the file's order. Raises DataMissing."""
    return [Asked(row["id"], row["text"], row["class"]) for row in _rows(folder, name)]


def intents(folder: Path, name: str, seed: int = 0) -> list[Asked]:
    """STREAM prompts of the set, in a random order. Raises DataMissing."""
    found = prompts(folder, name)
    order = np.random.default_rng(seed).permutation(len(found))[:STREAM]
    return [found[place] for place in order]


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / f"{name}.jsonl.gz"
    if not path.is_file():
        raise DataMissing(f"{path} is not there: name the folder with the data by --data or WEIR_CACHE_DATA")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("WEIR_CACHE_DATA", "../shared/data/cache")),
        metavar="DIR",
        help="folder with pairs and streams (default: WEIR_CACHE_DATA, or ../shared/data/cache)",
    )
