"""Heads for kinds of prompts: which there are, what they learn, and where they are heard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.routing.kinds import FEWEST_OF_KIND, NAMES, gated, kind_gains, kinds_of
from benchmarks.routing.sources import Prompt
from router.model.fitting import Rows

WIDTH = 6


def prompt(source: str, domain: str, text: str) -> Prompt:
    return Prompt(source, domain, text, {})


def test_the_same_questions_are_one_kind_whichever_source_asks_them() -> None:
    asked = [
        prompt("routellm_gsm8k", "gsm8k", "a"),
        prompt("zeroeval", "gsm", "a"),
        prompt("zeroeval", "crux", "b"),
    ]
    assert [NAMES[k] for k in kinds_of(asked)] == ["grade school maths", "grade school maths", "zeroeval"]


def test_a_source_of_one_kind_takes_its_level_from_the_source_that_asks_others_too() -> None:
    asked = [
        prompt("routellm_gsm8k", "gsm8k", "a"),
        prompt("zeroeval", "gsm", "a"),
        prompt("zeroeval", "crux", "b"),
    ]
    general = np.array([0.15, 0.08, 0.22])
    told = kind_gains(asked, general, np.ones(3, bool), np.arange(3))
    assert told == pytest.approx([0.08, 0.08, 0.22])
    unseen = kind_gains(asked, general, np.array([True, False, True]), np.arange(3))
    assert unseen == pytest.approx(general)


def rows_of_two_kinds() -> tuple[Rows, NDArray[np.int64]]:
    """Their means lie apart, and what raises the gain in one lowers it in the other."""
    random = np.random.default_rng(0)
    count = FEWEST_OF_KIND + 100
    kinds = np.repeat([0, 2], count)
    inputs = random.normal(size=(2 * count, WIDTH)).astype(np.float32)
    inputs[:, 0] += np.where(kinds == 0, 4, -4)
    gains = np.where(kinds == 0, 0.2, -0.2) * inputs[:, 1].astype(np.float64)
    return Rows(inputs, inputs, np.zeros(2 * count), gains, np.arange(2 * count)), kinds


def test_a_kind_is_heard_among_its_own_and_not_far_from_them() -> None:
    rows, kinds = rows_of_two_kinds()
    head = gated(rows, kinds, rows.gains)
    assert head.kinds == 2
    told = head.gains(rows.inputs)
    for kind in (0, 2):
        inside = kinds == kind
        assert np.corrcoef(told[inside], rows.gains[inside])[0, 1] > 0.9
    far = np.full((3, WIDTH), 50.0, np.float32)
    assert head.gains(far) == pytest.approx(head.told(far)[:, 0])


def test_a_kind_of_few_rows_has_no_head() -> None:
    rows, kinds = rows_of_two_kinds()
    kinds[FEWEST_OF_KIND - 1 : FEWEST_OF_KIND + 100] = 2
    assert gated(rows, kinds, rows.gains).kinds == 1
