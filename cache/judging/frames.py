"""Ways to put one question, each turned into one: `how much does X cost` and `what is the price of X`.

All work on words as `canonical` folds them. A frame that names its kind outright starts with `<kind>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cache.wording import listed

_EMPTY = listed(
    "really truly actually literally simply basically exactly honestly seriously realistically possibly"
)
_FRAME_LENGTH = 6
"""Words at the start among which empty ones only break the frame."""

_LEADS = tuple(
    tuple(each.split())
    for each in (
        "in your opinion", "according to you", "in your view", "out of curiosity", "just out of curiosity",
        "in general", "generally speaking", "hypothetically", "quick question", "serious question", "question",
        "honest question", "just wondering", "i am just wondering", "i am curious", "i was wondering",
        "just curious", "as of now", "so", "well", "ok", "guy", "hi guy", "hi all", "hi everyone", "hello everyone",
        "hey guy", "hello guy", "dear all",
    )
)  # fmt: skip
_ASIDES = tuple(
    tuple(each.split())
    for each in (
        "in your opinion", "according to you", "in your view", "and why", "? why", "? and why", "and how",
        "? if so why", "? if so how", "? if yes why", "? if yes how", "and if so why", "and if so how",
        "? explain", "and explain why", "? explain why", "? please explain", "? can anyone tell me",
        "? can anyone help me", "? can you tell me", "? please help", "? please help me", "? help me",
        "? any suggestion", "? any advice", "? any help", "? any idea", "? please suggest",
        "? thanks in advance", "? thank you in advance", "? how", "? and how", "? why not", "? why or why not",
        "why or why not", "and why not", "? what do you think", "? what is your opinion", "? what is your thought",
        "? need help", "? i need help", "? please answer", "? please advise", "? please guide", "? please guide me",
        "? please let me know", "? let me know", "? if yes then how", "? if yes then why", "? if so then how",
        "? please reply", "? pls help", "? plz help", "? request", "? anyone", "? anybody", "? just curious",
        "? i am curious", "? just wondering", "? please explain with example", "? explain briefly",
        "? explain in detail", "and if yes how", "and if yes why", "? someone please help",
    )
)  # fmt: skip
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


_HELPERS = listed("will would should can could do does did")


def rewritten(words: Sequence[str]) -> list[str]:
    """The question in the words of its frame's standard form; as it is where no frame is known."""
    found = _without_asides(
        [word for place, word in enumerate(words) if place >= _FRAME_LENGTH or word not in _EMPTY]
    )
    found = _without_purpose(_their_own(_ever(_without_year(_of_the_world(found)))))
    better = _better(found) if len(found) > 4 else []
    if better:
        return better
    rules = _RULES.get(found[0], ()) if len(found) > 2 else ()
    for rule in rules:
        framed = rule(found)
        if framed:
            return framed
    return found


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
        if word in _TO_LEARN and before in ("to", "for") and place + 1 < len(words) and kept[-2:-1]:
            if kept[-2] in _SOURCES:
                kept[-1] = "for"
                continue
        if word in ("language", "programming") and before.lower() in _TONGUES:
            continue
        if word == "language" and before in _SPOKEN and not _SPEAKING.isdisjoint(words):
            continue
        kept.append(word)
    return kept


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
        "in history", "of history", "in all history", "in world history", "in human history", "in history of world",
        "in entire history",
    )
)  # fmt: skip


def _their_own(words: list[str]) -> list[str]:
    """`how can someone find their way`: how to find your way."""
    if words[:1] == ["how"] and _ANYBODY.intersection(words[2:3]) and words[1] in _DOES:
        return ["your" if word == "their" else word for word in words]
    return words


def _without_asides(words: list[str]) -> list[str]:
    for start in _LEADS:
        if len(words) > len(start) + 2 and tuple(words[: len(start)]) == start:
            words = words[len(start) :]
            words = words[1:] if words[0] == "," else words
            break
    for end in _ASIDES:
        if len(words) > len(end) + 2 and tuple(words[-len(end) :]) == end:
            return words[: -len(end)]
    return words


_DOES = listed("do did is was can could should would will might may")
_PARTICIPLES = listed(
    """
    made done built bought sold found lost kept held sent spent taught caught brought written broken
    taken given driven grown known shown drawn thrown worn torn hidden eaten beaten won cut put set read
    overcome told paid cooked
    """
)
_ANYBODY = listed("one someone anyone somebody anybody person people")
_PERSONS = listed("i we you") | _ANYBODY - {"person", "people"}


def _passive(words: list[str]) -> list[str]:
    """`how can X be fixed`: how to fix X."""
    if words[1] not in ("can", "could", "should", "may", "might", "do") or "be" not in words[3:-1]:
        return []
    at = words.index("be", 3)
    done = words[at + 1]
    if not (done in _PARTICIPLES or (done.endswith("ed") and len(done) > 4)) or words[2] in _PERSONS:
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
    if words[1] != "much" or words[2] not in _DOES or words.count("cost") != 1:
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
    if words[1] not in _DOES:
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
            if named[0] in _DOES or "that" in named:
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
    "director": "directed", "creator": "created", "founder": "founded", "owner": "own",
}  # fmt: skip


def _maker(words: list[str]) -> list[str]:
    """`who is the inventor of X`: who invented X."""
    if words[1] in ("is", "was") and words[2] in _MAKERS and words[3:4] == ["of"] and len(words) > 4:
        return ["who", _MAKERS[words[2]], *words[4:]]
    return []


_EITHER = listed("or vs versus")
_BETTER = listed("better best good preferable")
_ASK_WHICH = listed("which what who")
_MARKS = listed("? : , . - ;")


def _better(words: list[str]) -> list[str]:
    """`A or B, which is better`, `which one is better: A or B`, `is A better or B`: one question."""
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


_RULES = {
    "how": (_how_much_cost, _how_different, _passive, _bare),
    "what": (
        _listed, _what_cost, _means, _important, _makes_so, _recommended, _which_is_best, _uses, _asked_of,
    ),
    "which": (_recommended, _which_is_best),
    "who": (_maker,),
}  # fmt: skip
