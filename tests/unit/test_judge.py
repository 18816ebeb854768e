"""The judge's score, the verifier's file, and agreement on an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.judging.agreement import agreed
from cache.judging.features import NAMES, SIGNS
from cache.judging.judge import SURE, Judge
from cache.judging.vectors import Words
from cache.judging.verifier import SHIPPED, VerifierError, load
from cache.question import Floats
from cache.wording import listed
from gateway.word_vectors import LexiconVectors
from router.embedding import embed
from router.model import lexicon

JUDGE = Judge(LexiconVectors(lexicon()), load())
INTENTS = Judge(LexiconVectors(lexicon()), load(regime="intent"))
SAID = st.lists(
    st.sampled_from(
        sorted(listed("how do i what is the best way to learn buy cheap red car phone not 3 Paris of in"))
    ),
    min_size=1,
    max_size=9,
).map(" ".join)


@given(SAID, SAID)
def test_a_score_lies_between_0_and_1_whoever_asked_first(one: str, other: str) -> None:
    a, b = JUDGE.prepare(one), JUDGE.prepare(other)
    there, back = JUDGE.judge(a, b), JUDGE.judge(b, a)
    assert 0.0 <= there.score <= 1.0
    assert (there.veto == "") == (back.veto == "")
    assert there.score == pytest.approx(back.score, abs=1e-5)
    assert 0.0 <= INTENTS.judge(a, b).score <= 1.0


@given(st.data())
def test_words_in_another_order_are_judged_alike_whoever_asked_first(data: st.DataObject) -> None:
    words = f"{data.draw(SAID)} {data.draw(st.sampled_from(('', 'and why', 'is better', 'or car')))}".split()
    one, other = " ".join(words), " ".join(data.draw(st.permutations(words)))
    a, b = JUDGE.prepare(one), JUDGE.prepare(other)
    there, back = JUDGE.judge(a, b), JUDGE.judge(b, a)
    assert (there.veto == "") == (back.veto == "")
    assert there.score == pytest.approx(back.score, abs=1e-5)


@given(SAID)
def test_a_text_asks_what_it_asks(text: str) -> None:
    prepared = JUDGE.prepare(text)
    assert JUDGE.judge(prepared, prepared).veto == ""


@given(SAID)
def test_the_same_words_are_sure_to_ask_the_same(text: str) -> None:
    verdict = JUDGE.judge(JUDGE.prepare(f"how to sell {text}"), JUDGE.prepare(f"How to sell {text}?"))
    assert verdict == (SURE, "")


@pytest.mark.parametrize(("judge", "read"), [(JUDGE, 2), (INTENTS, 3)])
def test_the_first_that_is_near_enough_ends_the_search(judge: Judge, read: int) -> None:
    """Of intents, those behind it count as well."""
    kept = ["Why learn French?", "How can I learn French?", "how to learn French"]
    texts = iter(kept)
    scores = judge.scores(judge.prepare("how do I learn French"), map(judge.prepare, texts), 0.86)
    assert len(scores) == read
    assert scores[1] >= 0.86
    assert list(texts) == kept[read:]


@pytest.mark.parametrize("regime", ["strict", "intent"])
def test_no_weight_speaks_against_its_sign(regime: str) -> None:
    model = load(regime=regime)
    assert (model.weights * np.array(SIGNS) >= 0.0).all()
    assert model.weights.any()
    assert 0.0 < model.threshold < 1.0


def test_intents_are_not_under_vetoes() -> None:
    one, other = "I lost 10 dollars in Paris", "I lost 20 dollars in Rome"
    assert JUDGE.judge(JUDGE.prepare(one), JUDGE.prepare(other)).veto == "numbers"
    assert INTENTS.judge(INTENTS.prepare(one), INTENTS.prepare(other)).veto == ""


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with np.load(SHIPPED) as members:
        fields = {name: members[name] for name in members.files}
    np.savez(tmp_path / "old.npz", **(fields | {"format": np.array([0])}))
    np.savez(tmp_path / "other.npz", **(fields | {"names": np.frombuffer(b"length", np.uint8)}))
    for name in ("no.npz", "old.npz", "other.npz", "missing.npz"):
        with pytest.raises(VerifierError, match=name):
            load(tmp_path / name)
    with pytest.raises(VerifierError, match="loose"):
        load(regime="loose")


def test_features_and_signs_are_of_one_length() -> None:
    assert len(NAMES) == len(SIGNS) == len(set(NAMES))


def test_near_questions_of_one_answer_add_up() -> None:
    alone = agreed([0.9, 0.8], ["a", "b"])
    together = agreed([0.9, 0.8], ["a", "a"])
    assert together.score > alone.score
    assert alone.place == together.place == 0
    outvoted = agreed([0.7, 0.6, 0.65], ["a", "b", "b"])
    assert outvoted.place == 2
    assert agreed([], []) == (0.0, -1)
    assert agreed([1.0], ["a"]).score <= 1.0


def test_words_are_remembered_up_to_a_bound() -> None:
    class Counting:
        asked = 0

        def vectors(self, words: Sequence[str]) -> Floats:
            self.asked += len(words)
            return np.ones((len(words), 4), np.float32)

        def known(self, words: Sequence[str]) -> list[bool]:
            return [True] * len(words)

    source = Counting()
    words = Words(source, most=2)
    assert words["a"].weight == words["a"].weight == 2.0
    assert source.asked == 1
    for word in ("b", "c", "a"):
        assert words[word].known
    assert source.asked == 4


def test_word_vectors_are_those_that_the_embedding_adds_up() -> None:
    vectors = LexiconVectors(lexicon()).vectors(["learn", "e-mail", "chess", "?"])
    assert not vectors[3].any()
    said = embed("learn e-mail chess", lexicon())
    added = vectors.sum(0)
    assert float(added @ said / np.sqrt(added @ added)) == pytest.approx(1.0, abs=1e-5)
    assert LexiconVectors(lexicon()).known(["learn", "zqxvzq", "?"]) == [True, False, False]
