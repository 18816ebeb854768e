"""What the router's benchmark counts as apart, and as a pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.routing.pairs import general_gains, joined, pair
from benchmarks.routing.sources import DataMissing, Prompt, folds, load

PROMPTS = [
    Prompt(
        "ulab_llmrouter",
        "math",
        "1 + 1?",
        {"llama-3.1-8b-instruct": 0.0, "llama-3.1-nemotron-51b-instruct": 1.0},
    ),
    Prompt(
        "ulab_llmrouter",
        "code",
        "sort",
        {"llama-3.1-8b-instruct": 1.0, "llama-3.1-nemotron-51b-instruct": 1.0},
    ),
    Prompt("ulab_llmrouter", "code", "join", {"llama-3.1-8b-instruct": 1.0}),
]


def test_a_group_is_never_divided() -> None:
    group = np.random.default_rng(0).integers(0, 50, 400)
    fold = folds(group)
    assert all(len(set(fold[group == number])) == 1 for number in range(50))
    assert set(fold) == set(range(5))


def test_a_pair_has_the_prompts_that_both_answered() -> None:
    both = pair(PROMPTS, "ulab_llmrouter", "llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct")
    assert both.at.tolist() == [0, 1]
    assert both.gains.tolist() == [1.0, 0.0]
    code = pair(PROMPTS, "code", "llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct")
    assert joined("all", [both, code]).at.tolist() == [0, 1, 1]


def test_every_source_gains_as_much_on_average() -> None:
    gains = general_gains(PROMPTS, 0.15)
    assert np.isnan(gains[2])
    assert np.nanmean(gains) == pytest.approx(0.15)
    assert gains[0] - gains[1] == pytest.approx(1.0)


def test_a_folder_without_the_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="WEIR_ROUTING_DATA"):
        load(tmp_path)
