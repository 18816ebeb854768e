"""The canonical form of a question: what two texts share that differ only in how they are written.

Deterministic rewrites that keep order, numbers, negation, names, symbols and other scripts as they are. Texts
with one form may share an answer without a further check, so every rule here keeps meaning by itself; what
needs weighing belongs to `cache.judging`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from cache.wording import CONTRACTIONS, by_word, listed, plain, split

READ_CHARS = 240
"""A longer text stays as it is: small differences in long texts are seldom mere wording."""

_LITERAL = re.compile(r"[\n\r\t`\"“”«»{}<>\\=;|~^_\[\]]|(?<!\w)['‘’]|://")
"""Code, quotations, tables, addresses: every sign may matter."""

_ABOUT_WORDS = listed(
    """
    translate translation translated spell spelled spelling plural singular grammar grammatical
    grammatically rhyme rhymes synonym synonyms antonym antonyms pronounce pronounced pronunciation
    contraction capitalize uppercase lowercase sentence sentences word words phrase phrases letter
    letters verb verbs noun nouns adjective adjectives article articles proofread rewrite rephrase
    paraphrase regex tense apostrophe punctuation abbreviation acronym correct hyphen comma prefix suffix
    preposition
    """
)
"""A text with one of them may be about its words, and then their form is what is asked."""

CAPITALS = listed(
    """
    IT US WHO AM OR IS BE ME IN ON DO GO SO NO AS AT IF May March Polish Turkey Apple Windows Java Rust
    Swift Amazon
    """
)
"""Written so they may be something else than in small letters."""

_ARTICLES = listed("a an the")
_AFTER_A = listed(
    """
    few little lot number couple dozen hundred thousand million billion bit priori posteriori
    """
)
"""`a few` is not `few`."""
_BEFORE_A = listed("vitamin plan type hepatitis grade class section option team group level tier")
_SAME = {"are": "is", "were": "was", "does": "do", "has": "have", "n't": "not"}


def _by_word(place: int, *phrases: str) -> dict[str, list[tuple[str, ...]]]:
    return by_word(place, map(str.split, phrases))


_POLITE_START = _by_word(
    0, "please", "kindly", "hi", "hello", "hey", "hi there", "hello there", "excuse me", "good morning",
    "good evening", "good afternoon",
)  # fmt: skip
_POLITE_END = _by_word(-1, "please", "thanks", "thank you", "thank you so much", "thank you very much", "thx")
_ASKING = _by_word(
    0, "can you tell me", "could you tell me", "can you please tell me", "could you please tell me",
    "would you tell me", "tell me", "do you know", "can anyone tell me", "can someone tell me",
    "i want to know", "i would like to know", "i need to know", "i wonder", "i am wondering", "may i know",
    "can you explain", "could you explain", "can you please explain", "can you explain to me",
    "please explain", "please explain to me", "explain", "explain to me", "can anyone explain",
    "can someone explain",
    "could someone explain", "could anyone tell me", "could someone tell me", "can anybody tell me",
    "do anyone know", "do anybody know", "may i ask", "can i ask", "i was wondering", "please tell me",
    "any idea",
)  # fmt: skip
_QUESTION_WORDS = listed("what which who whom whose when where why how")
_PERSONS = frozenset({"i", "we", "you", "one"})
_OF_THE_ONE_ASKED = listed(
    """
    know feel think like do see look work be have believe want need mean come live love hate understand say
    define view remember call call spend handle react respond
    """
)
"""`how do you feel` asks about you; `how do you bake bread` asks how to."""
_ENDS = frozenset(".?!,:-")


def canonical(text: str) -> str:
    """Never empty for a text that is not; a text that has its form already is given back."""
    text = text.strip() or text
    if is_literal(text):
        return text
    signs = split(text)
    if is_about_words(signs):
        return " ".join(signs)
    words = _framed(polite_removed(folded(signs)))
    return " ".join(words) or " ".join(signs).lower() or text


def is_literal(text: str) -> bool:
    """Whether every sign of the text may matter: code, quotations, addresses, long texts."""
    return len(text) > READ_CHARS or _LITERAL.search(text) is not None


def is_about_words(signs: Iterable[str]) -> bool:
    said = [sign.lower() for sign in signs]
    if _ABOUT_WORDS.isdisjoint(said):
        return False
    return any(word in _ABOUT_WORDS and not _is_other_use(said, place) for place, word in enumerate(said))


def _is_other_use(said: Sequence[str], place: int) -> bool:
    """`the correct way`, `a cover letter`."""
    if said[place] == "correct":
        return not _CORRECT.isdisjoint(said[place + 1 : place + 2])
    return said[place] in ("letter", "letters") and not _LETTERS.isdisjoint(said[max(0, place - 1) : place])


_CORRECT = listed("way ways method methods answer answers order procedure process time approach size")
_LETTERS = listed("cover recommendation love resignation offer motivation reference chain")


def folded(signs: Sequence[str]) -> list[str]:
    """Word by word, without articles and the signs at the end."""
    end = len(signs)
    while end and signs[end - 1] in _ENDS and not _is_factorial(signs[:end]):
        end -= 1
    signs = signs[:end]
    words: list[str] = []
    for place, sign in enumerate(signs):
        form = _form(sign)
        if form:
            words += form
        elif _stays(signs, place, words):
            words.append(sign)
    return words


@lru_cache(maxsize=1 << 14)
def _form(sign: str) -> tuple[str, ...]:
    """What a sign becomes wherever it stands; () where that depends on its neighbours."""
    word = sign.lower()
    if sign == "," or word in _ARTICLES:
        return ()
    if not sign[0].isalnum() or sign in CAPITALS:
        return (sign,)
    full = CONTRACTIONS.get(word) or _parted(word)
    return tuple(_SAME.get(each) or plain(each) for each in full)


def _stays(signs: Sequence[str], place: int, before: list[str]) -> bool:
    if signs[place] == ",":
        return not _joins(signs, place)
    following = signs[place + 1 : place + 2]
    return not (following and _droppable(signs[place], before, following[0].lower()))


def _is_factorial(signs: Sequence[str]) -> bool:
    return signs[-1] == "!" and len(signs) > 1 and (signs[-2][0].isdigit() or len(signs[-2]) == 1)


def _joins(signs: Sequence[str], place: int) -> bool:
    """A comma between words parts them no more than a blank does; between numbers or letters it may be a
    list."""
    if not 0 < place < len(signs) - 1:
        return False
    before, behind = signs[place - 1], signs[place + 1]
    return before[0].isalpha() and behind[0].isalpha() and len(before) > 1 and len(behind) > 1


def _droppable(sign: str, before: list[str], following: str) -> bool:
    if not following[0].isalpha() or (before and sign[0].isupper()):
        return False
    return sign.lower() == "the" or not (
        following in _AFTER_A or (before and (before[-1] in _BEFORE_A or not before[-1][0].isalpha()))
    )


def _parted(word: str) -> list[str]:
    """`long-term` is `long term`; `x-y` and `e-mail` stay."""
    if "-" not in word or word[0].isdigit():
        return [word]
    parts = word.split("-")
    return parts if min(map(len, parts)) > 2 and not _ARTICLES.intersection(parts) else [word]


def polite_removed(words: list[str]) -> list[str]:
    """Without greetings, `please`, `can you tell me` and thanks at both ends."""
    while words:
        skipped = _starts(words, _POLITE_START) or _asks_for_question(words)
        if skipped == 0 or skipped == len(words):
            break
        words = words[skipped:]
        while len(words) > 1 and words[0] in _ENDS:
            words = words[1:]
    while len(words) > 1:
        kept = words[:-1] if words[-1] in _ENDS and not _is_factorial(words) else _cut_end(words)
        if len(kept) == len(words):
            break
        words = kept
    return words


def _starts(words: list[str], phrases: Mapping[str, Sequence[tuple[str, ...]]]) -> int:
    """The length of the first of the phrases that the words start with; 0 for none."""
    for each in phrases.get(words[0], ()):
        if tuple(words[: len(each)]) == each:
            return len(each)
    return 0


def _asks_for_question(words: list[str]) -> int:
    """`tell me what` asks what; `tell me a joke` asks for a joke."""
    length = _starts(words, _ASKING)
    return length if 0 < length < len(words) and words[length] in _QUESTION_WORDS else 0


def _cut_end(words: list[str]) -> list[str]:
    for phrase in _POLITE_END.get(words[-1], ()):
        if len(words) > len(phrase) and tuple(words[-len(phrase) :]) == phrase:
            return words[: -len(phrase)]
    return words


_TO_WAYS = {
    tuple(each.split())
    for each in (
        "what is best way to", "what is good way to", "what is way to", "what is some way to",
        "what is some best way to", "what is some good way to", "what is some of best way to",
        "which is best way to", "what is different way to", "is there way to", "is there any way to",
    )
}  # fmt: skip
_FREE = listed("some any")


def _framed(words: list[str]) -> list[str]:
    """`how do I`, `what are the best ways to`: how to; `which are some good`: what is good."""
    if len(words) < 4:
        return words
    if words[0] == "how":
        return _how_to(words)
    if "way" in words[2:7] and words[0] in _ASK_FOR_WAYS:
        end = words.index("way") + 2
        if tuple(words[:end]) in _TO_WAYS and end < len(words) and words[end][0].isalpha():
            return ["how", "to", *words[end:]]
    if words[0] in ("what", "which") and words[1] == "is":
        return ["what", "is", *words[3 if words[2] in _FREE and words[3] != "of" else 2 :]]
    return words


_ASK_FOR_WAYS = frozenset({"what", "which", "is"})


def _how_to(words: list[str]) -> list[str]:
    if words[1] not in {"do", "can", "should"}:
        return words
    if words[2] not in _PERSONS or words[3] in _OF_THE_ONE_ASKED or not words[3][0].isalpha():
        return words
    return ["how", "to", *words[3:]]
