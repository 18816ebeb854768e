"""What a question that starts with how, what, which, who or why asks, by rules for each of those words.

A rule gives the question in its standard form, or [] where it is not the rule's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cache.wording import listed

DOES = listed("do did is was can could should would will might may")
ANYBODY = listed("one someone anyone somebody anybody person people")
_PARTICIPLES = listed(
    """
    made done built bought sold found lost kept held sent spent taught caught brought written broken
    taken given driven grown known shown drawn thrown worn torn hidden eaten beaten won cut put set read
    overcome told paid cooked
    """
)
_PERSONS = listed("i we you") | ANYBODY - {"person", "people"}


def is_participle(word: str) -> bool:
    return word in _PARTICIPLES or (word.endswith("ed") and len(word) > 4)


def _passive(words: list[str]) -> list[str]:
    """`how can X be fixed`: how to fix X."""
    if words[1] not in ("can", "could", "should", "may", "might", "do") or "be" not in words[3:-1]:
        return []
    at = words.index("be", 3)
    done = words[at + 1]
    if not is_participle(done) or words[2] in _PERSONS:
        return []
    if "by" in words[at + 2 : at + 3]:
        return []
    return ["<howto>", done, *words[2:at], *words[at + 2 :]]


_VERBS = listed(
    """
    get make become learn lose gain earn commit fix find start stop build create remove delete write speak
    improve increase reduce buy sell cook prepare install download upload solve calculate convert choose
    avoid prevent overcome join apply recover reset unlock hack study teach draw plan save invest convince
    """
)


def _bare(words: list[str]) -> list[str]:
    """`how become X`, `how do become X`, in which somebody is left out: how to."""
    place = 2 if words[1] in ("do", "can", "should") else 1
    return ["<howto>", *words[place:]] if words[place] in _VERBS else []


def _how_much_cost(words: list[str]) -> list[str]:
    """`how much does X cost`, `how much would it cost to`."""
    if words[1] != "much" or words[2] not in DOES or words.count("cost") != 1:
        return []
    at = words.index("cost")
    if words[3:4] == ["it"] and at == 4:
        rest = words[6:] if words[5:6] in (["to"], ["for"]) else words[5:]
    else:
        rest = [*words[3:at], *words[at + 1 :]]
    return ["<cost>", *rest] if rest else []


def _what_cost(words: list[str]) -> list[str]:
    if words[1] == "is" and words[2] in ("cost", "price") and words[3:4] in (["of"], ["for"]):
        return ["<cost>", *words[4:]] if len(words) > 4 else []
    if words[1] in ("do", "would", "will") and words[-1] == "cost":
        return ["<cost>", *words[2:-1]]
    return []


def _how_different(words: list[str]) -> list[str]:
    """`how does A differ from B`, `how is A different from B`."""
    for verb, links in (("differ", ("from",)), ("different", ("from", "than", "to"))):
        if verb in words[3:-2]:
            at = words.index(verb, 3)
            helper = ("do", "would") if verb == "differ" else ("is", "was")
            if words[at + 1] in links and words[1] in helper and words[2] not in ("i", "you", "we"):
                return ["<difference>", *words[2:at], "and", *words[at + 2 :]]
    return []


def _means(words: list[str]) -> list[str]:
    """`what does X mean`; not `what does it mean when`."""
    if words[-1] in ("mean", "means") and words[1] in ("do", "is") and len(words) > 3:
        return [] if words[2] in ("you", "it", "that", "this") else ["<meaning>", *words[2:-1]]
    return []


def _important(words: list[str]) -> list[str]:
    """`what is the importance of X`: why X is important."""
    if words[1] == "is" and words[2] in ("importance", "significance") and words[3:4] in (["of"], ["in"]):
        return ["why", "is", *words[4:], "important"] if len(words) > 4 else []
    return []


def _recommended(words: list[str]) -> list[str]:
    """`what books do you recommend for X`: what good books for X."""
    for place in range(2, len(words) - 2):
        if (
            words[place] in ("do", "would", "will", "can")
            and words[place + 1] == "you"
            and words[place + 2] in ("recommend", "suggest")
        ):
            rest = words[place + 3 :]
            rest = rest[1:] if rest[:1] == ["me"] else rest
            return ["what", "best", *(w for w in words[1:place] if w != "best"), *rest]
    return []


def _asked_of(words: list[str]) -> list[str]:
    """`what is X called`, `what is X like`, `what is X up to`: not what X is."""
    if words[1] not in DOES:
        return []
    if words[-1] == "called" or words[-2:] == ["known", "as"]:
        return ["<called>", *words[2 : -1 if words[-1] == "called" else -2]]
    if words[-2:] == ["up", "to"]:
        return ["<up-to>", *words[2:-2]]
    if "like" in words[3:] and words[1] in ("is", "was") and "to" not in words:
        at = words.index("like", 3)
        if at + 1 == len(words) or words[at + 1] in ("in", "at", "as"):
            return ["<like>", *words[2:at], *words[at + 1 :]]
    return []


_GOOD = listed("best good better top greatest")


def _which_is_best(words: list[str]) -> list[str]:
    """`which phone is best for X`: what is the best phone for X."""
    for place in range(2, min(len(words) - 1, 8)):
        if words[place] in ("is", "was") and words[place + 1] in _GOOD:
            rest = words[place + 2 :]
            if rest[:1] == [words[place - 1]]:
                rest = rest[1:]
            if rest[:1] not in ([], ["for"], ["to"], ["in"], ["at"], ["of"]):
                return []
            if words[place + 1] == "better" and not {"or", "than", "vs", "and"}.isdisjoint(words):
                return []
            named = words[1:place]
            if named[0] in DOES or "that" in named:
                return []
            return ["what", "best", *named, *rest]
    return []


def _uses(words: list[str]) -> list[str]:
    """`what is X used for`, `what does X stand for`, and what each has for a noun."""
    if words[1] == "is" and words[-2:] == ["used", "for"] and len(words) > 4:
        return ["<use>", *words[2:-2]]
    if words[1] == "is" and words[2] == "use" and words[3:4] == ["of"] and len(words) > 4:
        return ["<use>", *words[4:]]
    if words[1] in ("do", "is") and words[-2:] == ["stand", "for"] and len(words) > 4:
        return ["<stands-for>", *words[2:-2]]
    if words[1] == "is" and words[2:5] == ["full", "form", "of"] and len(words) > 5:
        return ["<stands-for>", *words[5:]]
    return []


def _listed(words: list[str]) -> list[str]:
    """`what is the list of X`: what are X."""
    if words[1] == "is" and words[2:4] == ["list", "of"] and len(words) > 4:
        return ["what", "is", *words[4:]]
    return []


def _makes_so(words: list[str]) -> list[str]:
    """`what makes X so loud`: why X is so loud. What makes a good coach is another question."""
    if words[1] in ("make", "made") and "so" in words[3:-1]:
        return ["why", "is" if words[1] == "make" else "was", *words[2:]]
    return []


_MAKERS: Mapping[str, str] = {
    "inventor": "invented", "discoverer": "discovered", "author": "wrote", "writer": "wrote",
    "director": "directed", "creator": "created", "founder": "founded", "owner": "own", "winner": "won",
}  # fmt: skip


def _maker(words: list[str]) -> list[str]:
    """`who is the inventor of X`: who invented X."""
    if words[1] in ("is", "was") and words[2] in _MAKERS and words[3:4] == ["of"] and len(words) > 4:
        return ["who", _MAKERS[words[2]], *words[4:]]
    return []


def _believed(words: list[str]) -> list[str]:
    """`what do you think is X`, `who would you say is X`: what is X."""
    if words[1] not in ("do", "would") or words[2] != "you" or len(words) < 6:
        return []
    if words[3] in ("think", "believe", "say") and words[4] in ("is", "was", "will", "would"):
        return framed([words[0], *words[4:]])
    if words[3] == "consider" and words[4] != "when":
        rest = words[6:] if words[4:6] == ["to", "be"] else words[4:]
        return framed([words[0], "is", *(word for word in rest if word != "as")])
    return []


_TO_CHOOSE = listed(
    "read watch visit buy learn use see try eat get choose listen play follow take study join download"
)


def _should_be_chosen(words: list[str]) -> list[str]:
    """`what books should I read for X`: the best books to read for X."""
    for place in range(2, min(len(words) - 2, 7)):
        if words[place] in ("should", "must") and words[place + 1] in _CHOOSERS:
            if words[place + 2] not in _TO_CHOOSE or words[1] in (
                "is",
                "time",
                "year",
                "date",
                "day",
                "else",
            ):
                return []
            return ["what", "best", *words[1:place], *words[place + 2 :]]
    return []


_CHOOSERS = listed("i we you one everyone")
_EARN = listed("earn make")


def _pay(words: list[str]) -> list[str]:
    """`how much does a nurse earn`, `what is the average salary of a nurse`."""
    if words[0] == "how":
        rest = words[3:] if words[1:3] == ["much", "money"] else words[2:]
        if words[1] != "much" or rest[:1] != ["do"] or _EARN.isdisjoint(rest[2:]) or rest[1] in _CHOOSERS:
            return []
        at = next(place for place, word in enumerate(rest) if place > 1 and word in _EARN)
        return ["<pay>", *rest[1:at], *rest[at + 1 :]]
    at = 3 if words[2] in ("average", "typical") else 2
    if words[1] == "is" and words[at : at + 1] in (["salary"], ["pay"]) and len(words) > at + 2:
        return ["<pay>", *words[at + 2 :]] if words[at + 1] in ("of", "for") else []
    return []


def _people_in(words: list[str]) -> list[str]:
    """`how many people live in X`: the population of X."""
    if words[0] == "how":
        if (
            words[1:3] != ["many", "people"]
            or not {"live", "is"}.intersection(words[3:4])
            or "in" not in words[4:6]
        ):
            return []
        at = words.index("in", 4)
        return ["<population>", *words[at + 1 :]] if words[4:at] in ([], ["there"]) else []
    if words[1:4] == ["is", "population", "of"]:
        return ["<population>", *words[4:]]
    return []


def _when_best(words: list[str]) -> list[str]:
    """`when should I visit X`: the best time to visit X. When I can is another question."""
    if words[1] == "should" and words[2] in _CHOOSERS and len(words) > 3:
        return ["when", "is", "best", "time", "to", *words[3:]]
    return []


def _worth(words: list[str]) -> list[str]:
    """`is X worth buying`: is it worth buying X."""
    if words[-2] == "worth" and words[-1].endswith("ing") and words[1] != "it" and len(words) > 3:
        return ["is", "it", "worth", words[-1], *words[1:-2]]
    return []


def _needed(words: list[str]) -> list[str]:
    """`why is X needed`, `why is X necessary`: why we need X."""
    if words[1] == "is" and words[-1] in ("needed", "necessary", "required") and len(words) > 3:
        return ["why", "need", *words[2:-1]]
    return []


_APART = listed("distinguish differentiate separate")


def _set_apart(words: list[str]) -> list[str]:
    """`what distinguishes A from B`, `what makes A different from B`: the difference between A and B."""
    link = next((place for place in range(3, len(words) - 1) if words[place] in ("from", "than")), 0)
    if not link:
        return []
    if words[1] in _APART or words[1].removesuffix("e") + "e" in _APART:
        return ["<difference>", *words[2:link], "and", *words[link + 1 :]]
    if words[1] == "make" and words[link - 1] == "different":
        return ["<difference>", *words[2 : link - 1], "and", *words[link + 1 :]]
    return []


def framed(words: list[str]) -> list[str]:
    """What the first rule that fits makes of the question, or the question as it is."""
    for rule in RULES.get(words[0], ()) if len(words) > 2 else ():
        found = rule(words)
        if found:
            return found
    return words


RULES: Mapping[str, Sequence[Callable[[list[str]], list[str]]]] = {
    "how": (_how_much_cost, _pay, _people_in, _how_different, _passive, _bare),
    "what": (
        _believed, _listed, _what_cost, _pay, _people_in, _means, _important, _makes_so, _set_apart,
        _recommended, _should_be_chosen, _which_is_best, _uses, _asked_of,
    ),
    "which": (_believed, _recommended, _should_be_chosen, _which_is_best),
    "who": (_believed, _maker),
    "why": (_needed,),
    "when": (_when_best,),
    "is": (_worth,),
}  # fmt: skip
