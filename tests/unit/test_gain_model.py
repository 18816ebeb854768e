"""The shipped gain model: what it promises of every conversation, odd ones among them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.commands.route import request_of
from router.embedding import DIMENSIONS, embed
from router.gain import Gain, GainModel
from router.model import SHIPPED, LearnedGain, load
from router.model.learned import FAMILIES

HARD = "Prove that there are infinitely many primes congruent to 3 modulo 4, and where it fails for 1."


@pytest.fixture(scope="module")
def model() -> LearnedGain:
    return load()


def gain(model: GainModel, *turns: tuple[str, Any]) -> Gain:
    messages = [{"role": role, "content": said} for role, said in turns]
    return model.gain(request_of({"messages": messages}, explain=False))


def test_the_shipped_artefact_is_small_enough_to_ship() -> None:
    assert SHIPPED.stat().st_size < 25_000_000


def test_a_gain_is_pure_and_within_its_bounds(model: LearnedGain) -> None:
    first, again = gain(model, ("user", HARD)), gain(model, ("user", HARD))
    assert first == again
    assert -1.0 <= first.gain <= 1.0
    assert 0.0 <= first.novelty <= 1.0
    assert first.known
    assert first.family in FAMILIES


def test_yes_after_a_hard_question_stays_hard(model: LearnedGain) -> None:
    alone = gain(model, ("user", "yes"))
    hard = gain(model, ("user", HARD))
    after = gain(model, ("user", HARD), ("assistant", "Shall I use Dirichlet's theorem?"), ("user", "yes"))
    assert abs(after.gain - hard.gain) < abs(after.gain - alone.gain)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "?",
        "你好，请证明哥德巴赫猜想",
        "🙂" * 500,
        "\ud800",
        "x" * 100_000,
        "{" * 3_000,
        None,
        [],
        [{"type": "image_url"}],
        7,
    ],
)
def test_no_conversation_is_too_odd(model: LearnedGain, content: Any) -> None:
    found = gain(model, ("user", content))
    assert math.isfinite(found.gain)
    assert -1.0 <= found.gain <= 1.0


@pytest.mark.parametrize("content", ["", "你好，请证明哥德巴赫猜想", "qzx wvk jjq pfh zzt vvq xxk"])
def test_far_from_everything_the_prior_speaks(model: LearnedGain, content: str) -> None:
    found = gain(model, ("user", content))
    assert not found.known
    assert found.novelty > 0.5


def test_the_prior_sends_longer_prompts_first(model: LearnedGain) -> None:
    short, long = (gain(model, ("user", "好" * length)) for length in (10, 1_000))
    assert not short.known
    assert not long.known
    assert long.gain > short.gain


def test_a_larger_share_has_a_lower_threshold(model: LearnedGain) -> None:
    thresholds = [model.threshold(share) for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert model.threshold(-1.0) == thresholds[0]
    assert model.threshold(2.0) == thresholds[-1]


def test_an_explanation_holds_both_opinions(model: LearnedGain) -> None:
    found = model.gain(request_of({"prompt": HARD}, explain=True))
    assert found.details["model"] == model.version
    assert found.details["model_gain"] == pytest.approx(found.gain, abs=1e-4)
    assert {"prior_gain", "words", "unknown_words", "chars"} <= set(found.details)
    assert model.gain(request_of({"prompt": HARD}, explain=False)).details == {}


def test_what_means_the_same_lies_close(model: LearnedGain) -> None:
    texts = (
        "How do I reset my password?",
        "I forgot my password, how can I change it?",
        "Bake bread at home",
    )
    asked, same, other = (embed(text, model.lexicon) for text in texts)
    assert asked.shape == (DIMENSIONS,)
    assert float(asked @ asked) == pytest.approx(1.0, abs=1e-5)
    assert float(asked @ same) > float(asked @ other) + 0.2
    assert not embed("", model.lexicon).any()
