"""Which models' outcomes make a pair of a weak and a strong one, per source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.sources import Prompt

Numbers = NDArray[np.float64]

MIXTRAL, GPT4 = "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"
LLAMA_8B, LLAMA_70B = "Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3.1-70B-Instruct"

SIDES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "routellm_mmlu": ((MIXTRAL,), (GPT4,)),
    "routellm_gsm8k": ((MIXTRAL,), (GPT4,)),
    "mmlu_pro": (
        (LLAMA_8B, "Mixtral-8x7B-Instruct-v0.1", "mathstral-7B", "Phi-3-mini-4k-instruct"),
        (LLAMA_70B, "gemini-1.5-pro-002", "gemini-1.5-flash-002"),
    ),
    "zeroeval": (
        (LLAMA_8B, "Mixtral-8x7B-Instruct-v0.1", "Qwen2-7B-Instruct", "Meta-Llama-3-8B-Instruct"),
        (LLAMA_70B, "gpt-4o-2024-05-13", "Meta-Llama-3-70B-Instruct", "Qwen2-72B-Instruct"),
    ),
    "ulab_llmrouter": (
        ("mistral-7b-instruct-v0.3", "qwen2.5-7b-instruct", "llama-3.1-8b-instruct"),
        ("llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1"),
    ),
}
"""Small models and large ones of a source: the shipped model learns the difference of their means, which is
less a matter of luck than one pair's."""
CLEAR = 0.05
"""Pairs whose means are closer than this measure luck."""


class Pair(NamedTuple):
    source: str
    weak: str
    strong: str
    at: NDArray[np.int64]
    """The prompts that both have answered."""
    weak_scores: Numbers
    strong_scores: Numbers

    @property
    def gains(self) -> Numbers:
        return self.strong_scores - self.weak_scores


def pair(prompts: Sequence[Prompt], source: str, weak: str, strong: str) -> Pair:
    """`source` may be a domain of one."""
    at = [
        number
        for number, each in enumerate(prompts)
        if source in (each.source, each.domain) and weak in each.scores and strong in each.scores
    ]
    scores = np.array([[prompts[k].scores[weak], prompts[k].scores[strong]] for k in at]).reshape(-1, 2)
    return Pair(source, weak, strong, np.array(at, np.int64), scores[:, 0], scores[:, 1])


def joined(name: str, pairs: Sequence[Pair]) -> Pair:
    return Pair(
        name,
        pairs[0].weak,
        pairs[0].strong,
        np.concatenate([each.at for each in pairs]),
        np.concatenate([each.weak_scores for each in pairs]),
        np.concatenate([each.strong_scores for each in pairs]),
    )


def general_gains(prompts: Sequence[Prompt], mean: float) -> Numbers:
    """Large models' mean minus small ones', moved within each source to the same mean; NaN where a side is
    missing."""
    gains = np.array([_difference(each) for each in prompts])
    source = np.array([each.source for each in prompts])
    for name in np.unique(source):
        inside = source == name
        gains[inside] += mean - np.nanmean(gains[inside])
    return gains


def _difference(prompt: Prompt) -> float:
    weak, strong = (
        [prompt.scores[model] for model in side if model in prompt.scores] for side in SIDES[prompt.source]
    )
    return float(np.mean(strong) - np.mean(weak)) if weak and strong else float("nan")
