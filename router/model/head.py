"""From a prompt's few numbers to its gain: a smooth curve over them, as cosines of random directions.

One head speaks for all prompts. Beside it, heads for kinds of prompts that much was learned of say what is to
be added where a prompt looks like such a kind. Pure numpy over arrays of one row or many; what training
measures is what a request is answered with.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

import numpy as np

from router.model.surface import Floats

_FAR = 30.0
"""What is further outside weighs nothing; `exp` is not asked for more."""


class Head(NamedTuple):
    """Columns of what is told of a prompt, for K kinds: the gain of any prompt; what each kind adds to it;
    how much the prompt looks like each kind rather than another; how far inside each kind's bounds it lies.

    told = inputs @ slopes + offsets, and cos(inputs @ directions + phases) @ waves added to all but the last
    K, inputs**2 @ squares to the last K.
    gain = told[0] + sum over kinds of added * softmax(likeness) * logistic(inside)
    """

    directions: Floats
    phases: Floats
    waves: Floats
    slopes: Floats
    offsets: Floats
    squares: Floats

    @property
    def kinds(self) -> int:
        return int(self.squares.shape[1])

    def told(self, inputs: Floats) -> Floats:
        """A row of columns for each row of inputs."""
        curved = inputs @ self.directions
        curved += self.phases
        np.cos(curved, out=curved)
        told: Floats = inputs @ self.slopes + self.offsets
        waved = self.waves.shape[1]
        told[..., :waved] += curved @ self.waves
        told[..., waved:] += (inputs * inputs) @ self.squares
        return told

    def gains(self, inputs: Floats) -> Floats:
        """One per row; of a single row, a number."""
        return blended_rows(self.told(inputs), self.kinds)


def blended_rows(told: Floats, kinds: int) -> Floats:
    """The gain of each row of columns."""
    gained: Floats = told[..., 0]
    if kinds:
        added, like, inside = (told[..., 1 + k * kinds : 1 + (k + 1) * kinds] for k in range(3))
        share = np.exp(like - like.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True) * (1 + np.exp(-np.maximum(inside, -_FAR)))
        gained = gained + (added * share).sum(-1)
    return gained


def blended(told: Sequence[float], kinds: int) -> float:
    """The same of a single row, faster."""
    gained = told[0]
    if kinds:
        like = told[1 + kinds : 1 + 2 * kinds]
        most = max(like)
        shares = [exp(each - most) for each in like]
        whole = sum(shares)
        for added, share, inside in zip(told[1:], shares, told[1 + 2 * kinds :], strict=False):
            if inside > -_FAR:
                gained += added * share / (whole * (1.0 + exp(-inside)))
    return gained
