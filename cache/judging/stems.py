"""The stem of an English word, roughly: enough to see that two words are forms of one."""

from __future__ import annotations

import re
from functools import lru_cache

from cache.wording import listed

_VOWELS = frozenset("aeiouy")
_IRREGULAR = dict(
    pair.split("=")
    for pair in listed(
        """
    made=make making=make went=go gone=go got=get gotten=get took=take taken=take gave=give given=give
    wrote=write written=write spoke=speak spoken=speak bought=buy brought=bring thought=think said=say
    kept=keep lost=lose won=win found=find felt=feel left=leave met=meet sold=sell told=tell sent=send
    spent=spend built=build knew=know known=know grew=grow grown=grow saw=see seen=see came=come
    ran=run began=begin begun=begin chose=choose chosen=choose broke=break broken=break fell=fall
    fallen=fall died=die dying=die lying=lie children=child men=man women=woman feet=foot teeth=tooth
    mice=mouse
    """
    )
)


_BRITISH = re.compile(r"is(ation|ed|ing|e)$")


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """Of a word in lower case. `-ing`, `-ed`, `-ly` and a silent `e` go; short words stay."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word[-1].isdigit():
        return word
    if len(word) > 7 and _BRITISH.search(word):
        word = _BRITISH.sub(r"iz\1", word)
    for ending in ("ingly", "edly", "ing", "ied", "ed", "ly"):
        if word.endswith(ending) and _has_vowel(word[: -len(ending)]):
            return _closed(word[: -len(ending)] + ("y" if ending == "ied" else ""))
    return _closed(word)


def _has_vowel(start: str) -> bool:
    return len(start) > 2 and not _VOWELS.isdisjoint(start)


def _closed(word: str) -> str:
    if len(word) > 3 and word[-1] == "e":
        return word[:-1]
    if len(word) > 3 and word[-1] == word[-2]:
        return word[:-1]
    return word
