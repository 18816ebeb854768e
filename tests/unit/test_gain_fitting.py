"""What is learned of few rows: no more than they show, and never that all prompts are alike."""

from __future__ import annotations

import numpy as np
import pytest

from router.evaluation import decile_error, decile_luck
from router.model import load
from router.model.calibration import calibrate
from router.model.fitting import EXPECTED_RIDGE, LEAST_SCALE, RIDGES, chosen, scale_of
from router.model.reading import read_text

TOPICS = ("primes", "rivers", "verbs", "taxes", "atoms", "courts", "plays")


def test_less_is_held_back_than_expected_only_where_rows_show_it() -> None:
    random = np.random.default_rng(0)
    losses = {ridge: np.ones(400) for ridge in RIDGES} | {EXPECTED_RIDGE: np.full(400, 0.9)}
    luck = random.normal(0, 0.2, 400)
    bold = 0.9 + luck - luck.mean()
    assert chosen(losses | {min(RIDGES): bold - 0.005}) == EXPECTED_RIDGE
    assert chosen(losses | {min(RIDGES): bold - 0.02}) == min(RIDGES)


def test_more_is_held_back_as_soon_as_it_is_better() -> None:
    losses = {ridge: np.full(100, 1 / ridge) for ridge in RIDGES}
    assert chosen(losses) == max(RIDGES)
    assert chosen({30.0: np.ones(9)}) == 30.0


def test_a_scale_is_as_told_until_rows_show_otherwise() -> None:
    random = np.random.default_rng(1)
    told = random.normal(0, 0.1, 20_000)
    gains = 0.5 * told + random.normal(0, 0.5, len(told))
    assert scale_of(told, gains) == pytest.approx(0.5, abs=0.1)
    assert 0.5 < scale_of(told[:50], gains[:50]) < 1.5
    assert scale_of(told, -gains) == LEAST_SCALE
    assert scale_of(np.zeros(5), np.zeros(5)) == 1.0


def test_a_hundred_rows_that_gain_by_chance_leave_shares_and_order() -> None:
    shipped = load()
    texts = [
        f"Which {TOPICS[k % 7]} were known by {1500 + k}, and why {'so ' * (k % 5)}few?" for k in range(60)
    ]
    readings = [read_text(text, shipped.lexicon.vocabulary) for text in texts]
    said = np.array([shipped.of_reading(reading).gain for reading in readings])
    against = (said < np.median(said)).astype(float)
    done = calibrate(shipped, readings, [0.0] * 60, against.tolist())
    told = np.array([done.model.of_reading(reading).gain for reading in readings])
    assert 0.1 < (told >= done.model.threshold(0.3)).mean() < 0.5
    assert done.report["only_scaled"]


def test_the_luck_of_tenths_is_what_a_perfect_prediction_shows() -> None:
    random = np.random.default_rng(2)
    chance = random.uniform(0.4, 0.6, 1_000)
    found = [decile_error(chance, (random.random(1_000) < chance).astype(float)) for _ in range(40)]
    assert np.mean(found) == pytest.approx(
        decile_luck((random.random(1_000) < chance).astype(float)), rel=0.1
    )
