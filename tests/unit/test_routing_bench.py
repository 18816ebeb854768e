"""What the router's benchmark counts as apart, and as a pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.routing.measure import calibration
from benchmarks.routing.pairs import general_gains, joined, pair
from benchmarks.routing.sources import DataMissing, Prompt, folds, load
from benchmarks.routing.steadied import steadied

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


def crowd(others: int) -> tuple[list[Prompt], NDArray[np.float64]]:
    """Prompts of a difficulty that every model's luck is added to, and that difficulty."""
    random = np.random.default_rng(1)
    hard = random.random(600)
    prompts = []
    for each in hard:
        right = {f"m{number}": float(random.random() > each) for number in range(others)}
        pair_of_it = {"weak": float(random.random() > each), "strong": float(random.random() > each / 2)}
        prompts.append(Prompt("zeroeval", "gsm", f"prompt {each}", right | pair_of_it))
    return prompts, hard


def test_labels_that_other_models_steadied_are_nearer_to_what_is_to_be_learned() -> None:
    prompts, hard = crowd(24)
    each = pair(prompts, "zeroeval", "weak", "strong")
    told = steadied(prompts, each, np.ones(600, bool), np.arange(600) % 5)
    expected = hard / 2
    assert np.abs(told - expected).mean() < np.abs(each.gains - expected).mean() / 3
    assert told.mean() == pytest.approx(each.gains.mean(), abs=0.01)


def test_nothing_is_steadied_beyond_its_prompts_or_without_other_models() -> None:
    prompts, _ = crowd(24)
    each = pair(prompts, "zeroeval", "weak", "strong")
    use = np.arange(600) < 300
    told = steadied(prompts, each, use, np.arange(600) % 5)
    assert (told[~use] == each.gains[~use]).all()
    assert (told[use] != each.gains[use]).all()
    changed = [one._replace(scores={**one.scores, "weak": 0.0, "strong": 1.0}) for one in prompts[300:]]
    again = steadied(prompts[:300] + changed, each, use, np.arange(600) % 5)
    assert (again[use] == told[use]).all()
    alone, _ = crowd(3)
    bare = pair(alone, "zeroeval", "weak", "strong")
    assert (steadied(alone, bare, np.ones(600, bool), np.arange(600) % 5) == bare.gains).all()


def test_calibration_is_told_beside_what_luck_alone_would_show() -> None:
    random = np.random.default_rng(0)
    chance = random.uniform(0.1, 0.9, 20_000)
    found = calibration(chance, (random.random(20_000) < chance).astype(float))
    assert found.error < 3 * found.luck
    assert 0.28 < found.shares.min() <= found.shares.max() < 0.32
    assert calibration(chance + 0.1, (random.random(20_000) < chance).astype(float)).error > 0.09


def test_a_folder_without_the_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="WEIR_ROUTING_DATA"):
        load(tmp_path)
