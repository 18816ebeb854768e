"""What language a text is in, as far as its script and its commonest words tell. No model, no dictionary.

It names a language only where the text shows it, and '' where it does not: a short text, a mixture, code, or
a language that is not here. Rules then do not match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

READ_CHARS = 1_000
LEAST_WORDS = 2
"""Different common words of a language that a text must show."""
LEAST_SHARE = 0.3
"""Of its letters that must be of a script which names its language."""

_SCRIPTS: tuple[tuple[str, str], ...] = (
    ("ja", "\u3040-\u30ff"),
    ("ko", "\uac00-\ud7af\u1100-\u11ff"),
    ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
    ("el", "\u0370-\u03ff"),
    ("he", "\u0590-\u05ff"),
    ("th", "\u0e00-\u0e7f"),
    ("hi", "\u0900-\u097f"),
    ("ar", "\u0600-\u06ff"),
    ("ru", "\u0400-\u04ff"),
)
_LETTERS = {language: re.compile(f"[{letters}]") for language, letters in _SCRIPTS}
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_PERSIAN = re.compile("[پچژگ]")
_KANA_SHARE = 0.05
"""Of letters: Japanese is mostly written in Chinese ones."""

_COMMON: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and of to is that it for was with are this you have from what which how not be",
        "de": "der die das und ist nicht ein eine ich sie mit für auf den von zu wie was wir bitte sind auch",
        "fr": "le la les et est des une dans pour pas que qui vous nous sur avec ce au du je comment sont",
        "es": "el la los las y es en que un una por para con no del se como qué está más son",
        "pt": "o os as e é em que um uma por para com não do da se como mais são você está",
        "it": "il lo gli e è di che un una per con non del della sono come questo più si mi",
        "nl": "de het een en is van dat niet op te voor met zijn ik je wat hoe deze aan maar",
        "pl": "i w na się nie jest że do to jak z co czy dla po od są ten ale być",
        "sv": "och att det är en som på för av med inte jag vi den till hur vad har om ett",
        "tr": "ve bir bu için ile ne nasıl mı da de çok var olan gibi daha olarak değil ben en mi",
    }.items()
}
LANGUAGES = frozenset(_COMMON) | frozenset(_LETTERS) | {"uk", "fa"}
"""ISO 639-1."""
_WORDS = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """ISO 639-1, or '' where the text does not show it."""
    read = text[:READ_CHARS]
    words = _WORDS.findall(read.lower())
    letters = sum(map(len, words))
    if letters == 0:
        return ""
    return (_by_script(read, letters) if not read.isascii() else "") or _by_words(frozenset(words))


def _by_script(text: str, letters: int) -> str:
    shares = {language: len(pattern.findall(text)) / letters for language, pattern in _LETTERS.items()}
    if shares["ja"] >= _KANA_SHARE and shares["ja"] + shares["zh"] >= LEAST_SHARE:
        return "ja"
    language = max(shares, key=lambda each: shares[each])
    if shares[language] < LEAST_SHARE:
        return ""
    if language == "ru" and _UKRAINIAN.search(text):
        return "uk"
    return "fa" if language == "ar" and _PERSIAN.search(text) else language


def _by_words(words: frozenset[str]) -> str:
    """The one that shows most of its common words; nobody where two show as many."""
    found = sorted(((len(words & common), language) for language, common in _COMMON.items()), reverse=True)
    (most, language), (second, _) = found[:2]
    return language if most >= LEAST_WORDS and most > second else ""
