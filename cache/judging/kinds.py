"""What kind of answer a question wants, told from how it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cache.wording import listed

_AUXILIARIES = listed(
    "is am do did was can could should would will shall may might must have had be ought need dare"
)
_QUALITIES = listed(
    """
    best good great top effective efficient proper right correct better
    practical successful
    """
)
_FILLERS = listed(
    """
    the some a most any of your few different various possible main basic major key primary real true
    actual exact potential likely underlying fundamental very
    """
)
_WAYS = listed(
    "way method technique trick step process procedure approach tip strategy anyway solution secret"
)
_HOW_MUCH = listed(
    """
    many much long often old far big large tall high deep fast soon late wide heavy expensive likely
    good bad hard difficult easy accurate safe common important strong successful true close dangerous
    reliable
    """
)
_PERSONS = listed("i we one you")


class Kind(NamedTuple):
    name: str
    """howto, how, why, what, who, when, where, how-many ..., yes-no, feels, what-if, opinion, meaning,
    difference, or ask for any other sentence."""
    length: int
    """Words at the start that say no more than that."""


def _phrases(name: str, *spelled: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """With `a|b` for either."""
    for each in spelled:
        found: list[tuple[str, ...]] = [()]
        for choice in each.split():
            found = [(*start, word) for start in found for word in choice.split("|")]
        for phrase in found:
            yield phrase, name


_STARTS: dict[tuple[str, ...], str] = dict(
    [
        *_phrases("feels", "what is|was it like to", "what do it feel like to", "how do|is it feel|like to"),
        *_phrases(
            "feels", "how do it feel like to", "how is it to", "what is it like", "what do it feel like"
        ),
        *_phrases("feels", "how is it like to", "what do it feel to", "how do it feel when you|i|one"),
        *_phrases("what-if", "what if", "what would|will|do happen if|when", "what happen if|when"),
        *_phrases("opinion", "what do|did you|people think about|of", "how do you feel about"),
        *_phrases("opinion", "what is your|you opinion|thought|view|take on|about|of|regarding"),
        *_phrases("opinion", "what is your honest|personal opinion|view about|of|on", "thought on|about"),
        *_phrases("opinion", "any thought on|about", "your opinion|view|thought on|about|of"),
        *_phrases("meaning", "what is meaning|definition of", "what is meant by", "define"),
        *_phrases("meaning", "meaning|definition of", "what do you mean|understand by", "what do you call"),
        *_phrases("howto", "how i|we|you|one can|could|should"),
        *_phrases("what", "looking for good|best|some", "i am looking for good|best|some"),
        *_phrases("howto", "how to", "how do|can|should|could|would i|we|you|one|u"),
        *_phrases("howto", "what should|can|could i|we|you|one do to", "what do i|you|we need to do to"),
        *_phrases("howto", "how may|might|shall|must|will i|we|one", "how may|might|must you", "how am i to"),
        *_phrases("howto", "how do|can|could|should|would someone|anyone|somebody|anybody"),
        *_phrases("howto", "what can|should|could|must be done to", "what must i|we|you|one do to"),
        *_phrases("howto", "what do i|you|we|one do|have to do to", "what do i|you|we|one do in order to"),
        *_phrases("howto", "what should|can|could i|we|you|one do in order to"),
        *_phrases("howto", "how do|can|could|should|would i|we|you|one|someone|anyone go about"),
        *_phrases(
            "howto",
            "how do|can|could|should|would person",
            "how can|could|should people",
            "what is needed|required to",
        ),
        *_phrases(
            "why",
            "why",
            "how come",
            "why is it that",
            "why is it|that",
            "what cause|caused",
            "what led|lead to",
            "what is reason|cause|reasons for|of|behind|why|that",
        ),
        *_phrases("why", "what is reason behind", "for what reason"),
        *_phrases("why-should", "why should i|we|you|one|someone|anyone|people|somebody"),
        *_phrases(
            "what", "where|when is best|good", "do you have any", "can you suggest|recommend any|some", "any"
        ),
        *_phrases(
            "what",
            "can|could|would you|anyone|someone|anybody|somebody suggest|recommend",
            "can|could|would you|anyone|someone|anybody|somebody suggest|recommend me|some|any",
            "can|could|would you|anyone|someone|anybody|somebody suggest|recommend me some|any",
            "suggest|recommend me|some|any",
            "suggest|recommend me some|any",
        ),
        *_phrases("what", "can|could you give|name|list some|any|few", "give|name|list some|any|few"),
        *_phrases("what", "can|could you give|name|list me|us some|any|few", "give|name me|us some|any|few"),
        *_phrases("what", "can|could anyone|someone give|name|list some|any|few"),
        *_phrases("what", "can|could anyone|someone give|name|list me|us some|any|few"),
        *_phrases(
            "what", "do anyone|you know any|some|of any", "do anyone|anybody have any", "i need some|any"
        ),
        *_phrases("how-long", "how much time"),
        *_phrases("how-many", "what is number of", "what is total number of"),
        *_phrases("how-old", "what is age of"),
        *_phrases("how-tall", "what is height of"),
        *_phrases("how-old", "at what age", "what age"),
        *_phrases("how-heavy", "what is weight of"),
        *_phrases("how-big", "what is size of"),
        *_phrases("how-fast", "what is speed of"),
        *_phrases("how-long", "for how long"),
        *_phrases("how-far", "what is distance between|of|from|to"),
        *_phrases("how-deep", "what is depth of"),
        *_phrases("when", "when", "what time|year|date|day", "in|on|at what|which time|year|date|day"),
        *_phrases("when-best", "what|when is best|good|right|ideal|perfect time to|for"),
        *_phrases("when-best", "what|when is best|good|right|ideal|perfect time of year|day to|for"),
        *_phrases("who", "by whom"),
        *_phrases("what-to-do", "what should|can|could|must i|we|you|one do if|when", "what to do if|when"),
        *_phrases("what-to-do", "what i|we|you|one can|should|could|must do if|when"),
        *_phrases("what-to-do", "what do i|we|you|one do if|when"),
        *_phrases("difference", "is there any|real|actual|big|much|major difference between"),
        *_phrases(
            "difference", "is there difference between", "is there any real|major|actual difference between"
        ),
        *_phrases("where", "where", "where can|do|could|should|would|may|might i|we|you|one find|get|obtain"),
        *_phrases("where", "where to find|get|obtain"),
        *_phrases("who", "who", "whom", "whose"),
        *_phrases("yes-no", "is it true that", "do you think that", "do you think", "do you believe that"),
        *_phrases("possible", "is it possible to|for|that", "is it possible that i|we|you|one can|could"),
        *_phrases("possible", "is it possible for i|we|you|one|someone|anyone|me|us to"),
        *_phrases("possible", "can i|we|you|one|people|someone|anyone"),
    ]
)
_OF_YOU = frozenset((helper, "you") for helper in ("can", "could", "will", "would"))
_MINE = listed("me my us our")
"""`can you be my friend` asks it of you, `can you travel in time` of anybody."""
_TOLD = listed("suggest recommend give name list")
"""`can you suggest me a book` asks for the book."""
_LONGEST = max(map(len, _STARTS))


def kind(words: Sequence[str]) -> Kind:
    """Of a question's words, as `frames.rewritten` leaves them."""
    if words and words[0][0] == "<" and len(words[0]) > 1:
        return Kind(words[0][1:-1], 1)
    if tuple(words[:2]) in _OF_YOU and not _MINE.isdisjoint(words) and not _TOLD.intersection(words[2:3]):
        return Kind("request", 2)
    for length in range(min(_LONGEST, len(words)), 0, -1):
        name = _STARTS.get(tuple(words[:length]))
        if name is not None:
            return Kind(name, length)
    if not words:
        return Kind("ask", 0)
    first = words[0]
    if first == "how":
        second = words[1] if len(words) > 1 else ""
        return Kind(f"how-{_ALSO.get(second, second)}", 2) if second in _HOW_MUCH else Kind("how", 1)
    if first in ("what", "which"):
        return _what(words)
    if first == "is" and words[1:2] == ["there"]:
        return _is_there(words)
    return Kind("yes-no", 0) if first in _AUXILIARIES else _ask(words)


_ALSO = {"large": "big", "difficult": "hard", "high": "tall", "wide": "big"}


def _is_there(words: Sequence[str]) -> Kind:
    """`is there a way to` asks how, `are there any good films` which."""
    end, name = _noun(words, 2)
    if name == "howto":
        return Kind(name, end)
    place = 3 if words[2:3] in (["any"], ["some"]) else 2
    return Kind("what", place) if words[place : place + 1] in (["good"], ["best"]) else Kind("yes-no", 0)


def _what(words: Sequence[str]) -> Kind:
    """Also `what is the best way to`, which asks how, and `what is the difference between`."""
    place = 1
    if words[place : place + 1] in (["is"], ["was"]):
        place += 1
    elif words[2:3] == ["be"] and words[1] in ("would", "could", "might", "can"):
        place = 3
    end, name = _noun(words, place)
    return Kind(name, end) if name else Kind("what", 1)


def _ask(words: Sequence[str]) -> Kind:
    end, name = _noun(words, 0)
    return Kind(name, end) if name else Kind("ask", 0)


def _noun(words: Sequence[str], place: int) -> tuple[int, str]:
    """`(some of the best) ways to`, `(main) difference between`: where it ends, and the kind or ''."""
    start = place
    while place < len(words) and (words[place] in _QUALITIES or words[place] in _FILLERS):
        place += 1
    word, behind = (*words[place : place + 2], "", "")[:2]
    if word in _WAYS and behind in ("to", "of", "for", "by"):
        return place + 2, "howto"
    if word in _WAYS and (end := _way_in_which(words, place + 1)):
        return end, "howto"
    if word in ("tip", "advice", "suggestion") and behind in ("on", "to", "for"):
        return place + 2, "howto"
    if word in ("reason", "cause") and behind in ("for", "of", "behind", "why", "that"):
        return place + 2, "why"
    if word == "reason" and behind == "to":
        return place + 2, "why-should"
    if word in ("difference", "distinction") and behind in ("between", "in"):
        return place + 2, "difference"
    return start, ""


def _way_in_which(words: Sequence[str], place: int) -> int:
    """Behind `(ways) in which I can`, `(methods) one can`; 0 where nothing of the kind follows."""
    if words[place + 1 : place + 2] == ["which"] and words[place] in ("in", "by", "through", "with"):
        place += 2
    elif words[place : place + 1] == ["that"]:
        place += 1
    person, can = (*words[place : place + 2], "", "")[:2]
    return place + 2 if person in _WAYS_OF and can in ("can", "could", "should", "may", "might") else 0


_WAYS_OF = _PERSONS | listed("someone anyone person people")

_ALIKE = frozenset(
    frozenset(pair.split("="))
    for pair in listed(
        "what=ask howto=ask why=ask what=meaning meaning=ask difference=ask feels=ask cost=ask"
    )
)


def alike(one: str, other: str) -> bool:
    """Whether two kinds may want one answer, if the words agree."""
    return one == other or frozenset((one, other)) in _ALIKE
