"""Ways to put one question, each turned into one: `how much does X cost` and `what is the price of X`.

All work on words as `canonical` folds them. A frame that names its kind outright starts with `<kind>`.
"""

from __future__ import annotations

from collections.abc import Sequence

from cache.judging.choosing import chosen
from cache.judging.ways_to_ask import ANYBODY, DOES, framed, is_participle
from cache.wording import by_word, listed

_EMPTY = listed(
    "really truly actually literally simply basically exactly honestly seriously realistically possibly"
)
_FRAME_LENGTH = 6
"""Words at the start among which empty ones only break the frame."""


def _phrases(spelled: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(each.split()) for each in spelled.strip().splitlines())


_OPINIONS = _phrases(
    """
in your opinion
in your view
according to you
"""
)
"""Whose opinion else."""
_LEADS = _OPINIONS + _phrases(
    """
out of curiosity
just out of curiosity
in general
generally speaking
hypothetically
quick question
serious question
honest question
question
i was wondering
i am curious
i am just curious
just curious
just wondering
so
well
ok
guy
hi guy
hey guy
hello guy
hi all
hi everyone
hello everyone
dear all
"""
)
_ASIDES = _OPINIONS + _phrases(
    """
and why
and why not
why or why not
and how
? why
? and why
? why not
? why or why not
? how
? and how
? if so why
? if so how
? if so then how
? if yes why
? if yes how
? if yes then why
? if yes then how
and if so why
and if so how
and if yes why
and if yes how
? explain
? explain why
? explain briefly
? explain in detail
? please explain
and explain why
? what do you think
? what is your opinion
? what is your thought
? can anyone tell me
? can anyone help me
? can you tell me
? please help
? please help me
? pls help
? plz help
? someone please help
? help me
? need help
? i need help
? any suggestion
? any advice
? any help
? any idea
? please suggest
? please answer
? please advise
? please guide
? please guide me
? please reply
? please let me know
? let me know
? thanks in advance
? thank you in advance
? request
? anyone
? anybody
? just curious
? i am curious
? just wondering
"""
)
"""At the end they ask for no other answer."""

_CLAUSES = listed("if when in as after before during with without since while for on at")
"""What a clause may start with that stands before a question and a comma."""
_QUESTIONS = listed(
    """
    what which who whom whose when where why how is are am do does did was were can could should would will
    shall may might must have has had
    """
)


def moved(signs: Sequence[str]) -> list[str]:
    """`If it rains, what should I do?`: `What should I do if it rains?`. No other clause changes place."""
    found = list(signs)
    if len(found) > 5 and found[0].lower() == "if" and "," not in found:
        found = _with_comma(found)
    if len(found) < 5 or found[0].lower() not in _CLAUSES or found.count(",") != 1:
        return found
    comma = found.index(",")
    if comma < 2 or comma + 2 >= len(found) or found[comma + 1].lower() not in _QUESTIONS:
        return found
    end = len(found)
    while end > comma and found[end - 1] in (".", "?", "!"):
        end -= 1
    if {".", "?", "!", ";", ":"}.intersection(found[:end]):
        return found
    return [*found[comma + 1 : end], found[0].lower(), *found[1:comma]]


def _with_comma(signs: list[str]) -> list[str]:
    """`If it rains what should I do`, where the question's words leave no doubt."""
    for place in range(3, len(signs) - 2):
        if signs[place].lower() in ("what", "how") and signs[place + 1].lower() in _HELPERS:
            return [*signs[:place], ",", *signs[place:]]
    return signs


_MARKS = frozenset(",:.-?!")
_HELPERS = listed("will would should can could do does did")


def rewritten(words: Sequence[str]) -> list[str]:
    """The question in the words of its frame's standard form; as it is where no frame is known."""
    found = _without_asides(
        [word for place, word in enumerate(words) if place >= _FRAME_LENGTH or word not in _EMPTY]
    )
    found = _related(_their_own(_ever(_without_year(_of_the_world(found)))))
    return _without_purpose((len(found) > 4 and chosen(found)) or framed(found))


_THAT, _BEEN = listed("that which"), frozenset({("is",), ("was",), ("have", "been")})


def _related(words: list[str]) -> list[str]:
    """`files that were deleted from X`: deleted files from X. By whom is told by its place."""
    for place in () if _THAT.isdisjoint(words) else range(2, len(words) - 2):
        if words[place] in _THAT:
            for length in (1, 2):
                at = place + 1 + length
                done = "".join(words[at : at + 1])
                if (
                    tuple(words[place + 1 : at]) in _BEEN
                    and is_participle(done)
                    and words[at + 1 : at + 2] != ["by"]
                ):
                    return [*words[: place - 1], done, words[place - 1], *words[at + 1 :]]
    return words


def _of_the_world(words: list[str]) -> list[str]:
    """`the world's tallest tower`: the tallest tower in the world."""
    for place in range(1, len(words) - 2):
        if words[place] in ("world's", "worlds"):
            ahead = words[place + 1]
            if ahead in ("most", "best", "worst", "first", "least") or ahead.endswith("est"):
                return [*words[:place], *words[place + 1 :], "in", "world"]
    return words


def _without_year(words: list[str]) -> list[str]:
    """`in the year 2016`: in 2016."""
    return [
        word
        for place, word in enumerate(words)
        if word != "year"
        or not (len(following := "".join(words[place + 1 : place + 2])) == 4 and following.isdigit())
    ]


_SOURCES = listed(
    "book site website resource course tutorial material channel source blog textbook video guide ebook class"
)
_TO_LEARN = listed("learn study prepare master learning studying preparing mastering")
_TONGUES = listed(
    "python java javascript php ruby perl scala kotlin swift golang matlab sql html css c r + #"
)
_SPOKEN = listed(
    """
    english french spanish german italian portuguese russian chinese japanese arabic korean hindi tamil telugu
    urdu bengali latin greek hebrew turkish dutch swedish polish
    """
)


def _without_purpose(words: list[str]) -> list[str]:
    """`books to learn chess`: books for chess; `the C language`, `C programming`: C."""
    kept: list[str] = []
    for place, word in enumerate(words):
        before = kept[-1] if kept else ""
        if word in _TO_LEARN and before in ("to", "for") and _of_a_source(kept, words[place + 1 :]):
            kept[-1] = "for"
            continue
        if word == "in" and before == "programming" and _TONGUES.intersection(words[place + 1 : place + 2]):
            kept.pop()
            continue
        if word in ("language", "programming") and before.lower() in _TONGUES:
            continue
        if word == "language" and before in _SPOKEN and not _SPEAKING.isdisjoint(words):
            continue
        kept.append(word)
    return kept


def _of_a_source(before: list[str], behind: list[str]) -> bool:
    """Whether `to learn` stands between a book or the like and what is learned."""
    return bool(behind) and (
        bool(_SOURCES.intersection(before[-2:-1]))
        or (before[:2] == ["what", "best"] and before[2] in _SOURCES)
    )


_SPEAKING = listed("learn learning speak speaking study studying teach teaching master")

_SUPERLATIVES = listed(
    "greatest most biggest largest worst finest strongest fastest tallest richest deadliest"
)


def _ever(words: list[str]) -> list[str]:
    """`the greatest in history`: the greatest ever. The best college in history may be one for historians."""
    for length in (4, 3, 2):
        if tuple(words[-length:]) in _IN_HISTORY and not _SUPERLATIVES.isdisjoint(words[:-length]):
            return [*words[:-length], "ever"]
    return words


_IN_HISTORY = frozenset(
    tuple(each.split())
    for each in (
        "in history", "of history", "in all history", "in world history", "in human history",
        "in history of world", "in entire history",
    )
)  # fmt: skip


def _their_own(words: list[str]) -> list[str]:
    """`how can someone find their way`: how to find your way."""
    if words[:1] == ["how"] and ANYBODY.intersection(words[2:3]) and words[1] in DOES:
        return ["your" if word == "their" else word for word in words]
    return words


def _without_asides(words: list[str]) -> list[str]:
    for start in _BY_FIRST.get(words[0], ()) if words else ():
        if len(words) > len(start) + 2 and tuple(words[: len(start)]) == start:
            behind = words[len(start) + (words[len(start)] in _MARKS) :]
            words = behind if behind[0] in _QUESTIONS or start in _OPINIONS else words
            break
    for end in _BY_LAST.get(words[-1], ()) if words else ():
        if len(words) > len(end) + 2 and tuple(words[-len(end) :]) == end:
            return words[: -len(end)]
    return words


_BY_FIRST, _BY_LAST = by_word(0, _LEADS), by_word(-1, _ASIDES)
