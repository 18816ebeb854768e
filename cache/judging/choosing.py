"""`A or B, which is better`, `which one is better: A or B`, `is A better or B`: one question."""

from __future__ import annotations

from cache.wording import listed

_EITHER = listed("or vs versus")
_BETTER = listed("better best good preferable")
_ASK_WHICH = listed("which what who")
_MARKS = listed("? : , . - ;")


def chosen(words: list[str]) -> list[str]:
    """`<better> A or B`; [] for another question."""
    links = [place for place, word in enumerate(words) if word in _EITHER]
    if len(links) != 1:
        return []
    named = _named_ahead(words) or _named_behind(words) or _named_between(words)
    if not named or named[0] in _EITHER or named[-1] in _EITHER:
        return []
    return ["<better>", *("or" if word in _EITHER else word for word in named)]


def _named_ahead(words: list[str]) -> list[str]:
    """`A or B which one is better (for X)`."""
    for place in range(3, len(words) - 2):
        if words[place] in _ASK_WHICH:
            at = place + 1 + (words[place + 1] == "one")
            if words[at : at + 1] == ["is"] and _BETTER.intersection(words[at + 1 : at + 2]):
                ahead = words[: place - (words[place - 1] in _MARKS)]
                return [*ahead, *words[at + 2 :]] if _EITHER.intersection(ahead) else []
    return []


def _named_behind(words: list[str]) -> list[str]:
    """`which (of the two) is better (for X) A or B`."""
    if words[0] not in _ASK_WHICH:
        return []
    at = 1
    if words[1] == "one":
        at = 2
    elif words[1:3] == ["of", "2"]:
        at = 3
    if words[at : at + 1] != ["is"] or not _BETTER.intersection(words[at + 1 : at + 2]):
        return []
    behind = [word for word in words[at + 2 :] if word not in _MARKS]
    return behind if _EITHER.intersection(behind) and len(behind) > 2 else []


def _named_between(words: list[str]) -> list[str]:
    """`is A or B better (for X)`, `is A better or B`."""
    if words[0] != "is" or words.count("better") != 1 or "than" in words:
        return []
    return [word for word in words[1:] if word != "better"]
