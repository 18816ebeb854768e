"""Pairs of questions that look alike and are not the same, made from templates.

Each capability has pairs of several kinds of question. `{a}` and `{b}` are two fillers of a list; `{x}` and
`{y}` the two words of one filler.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.cache.rule_traps import KINDS, RULE_TRAPS

MINIMAL_PAIRS = Path(__file__).with_name("minimal_pairs.txt")
EACH = 240
"""Pairs of each capability."""


class Template(NamedTuple):
    one: str
    other: str
    fillers: tuple[str, ...]


class TrapPair(NamedTuple):
    capability: str
    one: str
    other: str


def minimal_pairs() -> Iterator[TrapPair]:
    """Those of `minimal_pairs.txt`: one of its kind each, where templates make many of few kinds."""
    for line in MINIMAL_PAIRS.read_text().splitlines():
        one, bar, other = line.partition("|")
        if bar:
            yield TrapPair("one change, by hand", one, other)


def _list(words: str) -> tuple[str, ...]:
    return tuple(word.strip().replace("_", " ") for word in words.split())


_NAMES = _list(
    "John Mary Ahmed Priya Chen Olga Carlos Fatima Peter Susan Kevin Laura Ivan Mei Tom Anna Raj Emily Omar"
)
_FULL = _list(
    "Rosa_Parks Alan_Turing Marie_Curie Nelson_Mandela Ada_Lovelace Isaac_Newton Frida_Kahlo Niels_Bohr "
    "Amelia_Earhart Charles_Darwin Emmy_Noether Karl_Popper Virginia_Woolf Max_Planck Jane_Goodall"
)
_ANIMALS = _list("dog cat horse snake wolf rabbit tiger mouse eagle frog bear goat shark lizard owl fox")
_ROLES = _list(
    "teacher nurse manager lawyer landlord tenant driver doctor coach singer banker farmer soldier editor"
)
_ACTS = _list("eating exercise sleeping studying running working meditation shopping travelling praying")
_PLACES = _list(
    "India France Brazil Kenya Japan Norway Peru Egypt Canada Poland Chile Ghana Spain Nepal Italy"
)
_NATIONS = _list(
    "Indian French Brazilian Kenyan Japanese Norwegian Egyptian Canadian Polish Chilean Spanish Italian "
    "German Mexican Russian Korean Turkish Swedish"
)
_THINGS = _list("laptop phone camera printer tablet guitar bicycle oven drone router sofa mattress")
_FOODS = _list("rice coffee milk cheese sugar bread honey butter garlic spinach beef tofu chocolate salt")
_CONDITIONS = _list(
    "stress obesity insomnia poverty inflation anxiety unemployment crime pollution headaches"
)
_LANGUAGES = _list("python java rust ruby perl kotlin scala haskell swift javascript matlab sql")
_OPPOSITES = _list(
    "happy/sad brave/cowardly honest/dishonest rich/poor lazy/hardworking polite/rude strong/weak "
    "cheap/expensive safe/dangerous clean/dirty easy/hard fast/slow hot/cold loud/quiet patient/impatient "
    "confident/insecure generous/selfish tall/short young/old thick/thin optimistic/pessimistic wet/dry "
    "light/heavy tidy/messy introverted/extroverted legal/illegal visible/invisible formal/informal"
)
_WORDS = _list(
    "nation/country movie/film job/employment fee/cost university/college skill/ability forest/wood "
    "author/writer aim/goal error/mistake road/street doctor/physician company/firm advice/tip price/fee "
    "wage/salary risk/danger method/technique story/tale trip/journey novel/book laptop/computer "
    "program/app answer/reply flat/apartment rule/regulation gun/firearm worker/employee "
    "shop/store lawyer/attorney taxi/cab purpose/objective outcome/result topic/subject quote/quotation "
    "teenager/adolescent plane/aircraft disease/illness amount/quantity feature/characteristic "
    "problem/challenge"
)
_NUMBERS = _list("2 3 5 7 10 12 15 20 25 30 40 50 100 250 500 1000")
_MONTHS = _list("January February March April June July August September October November December")
_KINDS = _list("sing dance swim drive cook paint write ski juggle knit sew type")

_TEMPLATES: dict[str, tuple[Template, ...]] = {
    "before and after": (
        Template("Should I drink water before {a}?", "Should I drink water after {a}?", _ACTS),
        Template("What should I eat before {a}?", "What should I eat after {a}?", _ACTS),
        Template("How do I stretch before {a}?", "How do I stretch after {a}?", _ACTS),
        Template("Why do I get tired before {a}?", "Why do I get tired after {a}?", _ACTS),
        Template("How can I relax before {a}?", "How can I relax after {a}?", _ACTS),
        Template("What happens to the body before {a}?", "What happens to the body after {a}?", _ACTS),
        Template("What did {a} do before {b}?", "What did {a} do after {b}?", _NAMES),
        Template(
            "How do I clean a {a} before selling it?", "How do I clean a {a} after selling it?", _THINGS
        ),
    ),
    "who does what to whom": (
        Template("Does {a} love {b}?", "Does {b} love {a}?", _NAMES),
        Template("Why did {a} leave {b}?", "Why did {b} leave {a}?", _NAMES),
        Template("How does a {a} hunt a {b}?", "How does a {b} hunt a {a}?", _ANIMALS),
        Template("What happens if a {a} bites a {b}?", "What happens if a {b} bites a {a}?", _ANIMALS),
        Template("Who does {a} admire?", "Who admires {a}?", _NAMES),
        Template("Who did {a} work for?", "Who worked for {a}?", _NAMES),
        Template("What did the {a} chase?", "What chased the {a}?", _ANIMALS),
        Template("Can a {a} sue a {b}?", "Can a {b} sue a {a}?", _ROLES),
        Template("How does a {a} pay a {b}?", "How does a {b} pay a {a}?", _ROLES),
        Template("When did {a} invade {b}?", "When did {b} invade {a}?", _PLACES),
        Template("Why does the {a} owe the {b} money?", "Why does the {b} owe the {a} money?", _ROLES),
    ),
    "active and passive": (
        Template("Did {a} hit {b}?", "Was {a} hit by {b}?", _NAMES),
        Template("Why did {a} blame {b}?", "Why was {a} blamed by {b}?", _NAMES),
        Template("When did {a} defeat {b}?", "When was {a} defeated by {b}?", _PLACES),
        Template("How did {a} rescue {b}?", "How was {a} rescued by {b}?", _NAMES),
        Template("Why did the {a} attack the {b}?", "Why was the {a} attacked by the {b}?", _ANIMALS),
        Template("Where did the {a} see the {b}?", "Where was the {a} seen by the {b}?", _ROLES),
    ),
    "his and her": (
        Template("If {a} and {b} met, would he be glad?", "If {a} and {b} met, would she be glad?", _NAMES),
        Template("How does a {a} find his notes?", "How does a {a} find her notes?", _ROLES),
        Template("Why did the {a} sell his house?", "Why did the {a} sell her house?", _ROLES),
        Template("What does he want from the {a}?", "What does she want from the {a}?", _ROLES),
        Template("How do I tell him about the {a}?", "How do I tell her about the {a}?", _THINGS),
        Template("Where did {a} put his {b}?", "Where did {a} put her {b}?", _NAMES),
        Template("How do I get their {a} back?", "How do I get his {a} back?", _THINGS),
    ),
    "other names": (
        Template("Who is {a}?", "Who is {b}?", _FULL),
        Template("Where was {a} born?", "Where was {b} born?", _FULL),
        Template("What is {a} best known for?", "What is {b} best known for?", _FULL),
        Template("How do I contact {a}?", "How do I contact {b}?", _NAMES),
        Template("Is {a} a good cook?", "Is {b} a good cook?", _NAMES),
        Template("How do I get a visa for {a}?", "How do I get a visa for {b}?", _PLACES),
        Template("what is the capital of {a}?", "what is the capital of {b}?", _PLACES),
    ),
    "other nations": (
        Template("What are the best {a} dishes?", "What are the best {b} dishes?", _NATIONS),
        Template("How do I learn about {a} history?", "How do I learn about {b} history?", _NATIONS),
        Template("Is {a} food healthy?", "Is {b} food healthy?", _NATIONS),
        Template("Why are {a} people so polite?", "Why are {b} people so polite?", _NATIONS),
        Template("what is it like to have a {a} friend?", "what is it like to have a {b} friend?", _NATIONS),
        Template("Who are some famous {a} painters?", "Who are some famous painters?", _NATIONS),
    ),
    "more and less": (
        Template("How can I eat more {a}?", "How can I eat less {a}?", _FOODS),
        Template("Why should I buy more {a}?", "Why should I buy less {a}?", _FOODS),
        Template("What are the benefits of more {a}?", "What are the benefits of less {a}?", _FOODS),
        Template("Is {a} more healthy than {b}?", "Is {a} less healthy than {b}?", _FOODS),
        Template(
            "How do I become more {a}?", "How do I become less {a}?", _list("social patient shy formal")
        ),
        Template("What makes a {a} more useful?", "What makes a {a} less useful?", _THINGS),
        Template("How do I increase {a}?", "How do I decrease {a}?", _CONDITIONS),
        Template("Which is the most useful {a}?", "Which is the least useful {a}?", _THINGS),
        Template("What is the maximum price of a {a}?", "What is the minimum price of a {a}?", _THINGS),
        Template("Which {a} has the highest rating?", "Which {a} has the lowest rating?", _THINGS),
    ),
    "opposite words": (
        Template("How do I become {x}?", "How do I become {y}?", _OPPOSITES),
        Template("Why are some people {x}?", "Why are some people {y}?", _OPPOSITES),
        Template("Is my neighbour {x}?", "Is my neighbour {y}?", _OPPOSITES),
        Template("What are the signs of a {x} person?", "What are the signs of a {y} person?", _OPPOSITES),
        Template("What is it like to be {x}?", "What is it like to be {y}?", _OPPOSITES),
        Template("How do I deal with {x} colleagues?", "How do I deal with {y} colleagues?", _OPPOSITES),
        Template(
            "What are the best {x} places to visit?", "What are the best {y} places to visit?", _OPPOSITES
        ),
        Template("What happens if the room is {x}?", "What happens if the room is {y}?", _OPPOSITES),
    ),
    "once and now": (
        Template("Did {a} use to be popular?", "Is {a} popular now?", _PLACES),
        Template("What did a {a} use to cost?", "What does a {a} cost now?", _THINGS),
        Template("How did people use to make {a}?", "How do people make {a} now?", _FOODS),
        Template("Why was {a} popular in the past?", "Why is {a} popular nowadays?", _FOODS),
        Template("What did a {a} earn?", "What will a {a} earn?", _ROLES),
        Template("Is {a} still a nurse?", "Was {a} ever a nurse?", _NAMES),
        Template("Who is the current president of {a}?", "Who was the first president of {a}?", _PLACES),
        Template("Who is the president of {a}?", "Who will be the president of {a}?", _PLACES),
        Template("Is {a} a {b}?", "Is {a} becoming a {b}?", _ROLES),
        Template("What is the weather in {a} today?", "What is the weather in {a} tomorrow?", _PLACES),
    ),
    "negation elsewhere": (
        Template("Is it safe to eat {a}?", "Is it not safe to eat {a}?", _FOODS),
        Template("Is it good not to eat {a}?", "Is it not good to eat {a} at all?", _FOODS),
        Template("Why do people like {a}?", "Why don't people like {a}?", _FOODS),
        Template("How do I cook with {a}?", "How do I cook without {a}?", _FOODS),
        Template("What should I do with a {a}?", "What should I not do with a {a}?", _THINGS),
        Template("Why is it that {a} can not lead {b}?", "Why is it not that {a} can lead {b}?", _NAMES),
        Template("What can a {a} do?", "What can't a {a} do?", _ROLES),
        Template("Why do I never buy {a}?", "Why do I buy {a}?", _FOODS),
        Template("What if I don't like {a} but like {b}?", "What if I like {a} but don't like {b}?", _FOODS),
        Template("How do I stop wanting {a}?", "How do I keep wanting {a}?", _FOODS),
        Template("Which countries have {a}?", "Which countries have no {a}?", _CONDITIONS),
    ),
    "from and to": (
        Template("How do I travel from {a} to {b}?", "How do I travel from {b} to {a}?", _PLACES),
        Template("How far is a flight from {a} to {b}?", "How far is a flight from {b}?", _PLACES),
        Template("How do I send money to {a}?", "How do I send money from {a}?", _PLACES),
        Template("How do I convert {a} to {b}?", "How do I convert {b} to {a}?", _LANGUAGES),
        Template("Should I switch from {a} to {b}?", "Should I switch from {b} to {a}?", _LANGUAGES),
        Template("Why is {a} better than {b}?", "Why is {b} better than {a}?", _LANGUAGES),
        Template("What does {a} have that {b} lacks?", "What does {b} have that {a} lacks?", _LANGUAGES),
        Template("How do I call {a} in {b}?", "How do I call {b} in {a}?", _LANGUAGES),
        Template("What is the translation of {a} into {b}?", "What is {b} into {a}?", _LANGUAGES),
        Template("Is {a} older than {b}?", "Is {b} older than {a}?", _NAMES),
    ),
    "cause and effect": (
        Template("Does {a} cause {b}?", "Does {b} cause {a}?", _CONDITIONS),
        Template("How does {a} lead to {b}?", "How does {b} lead to {a}?", _CONDITIONS),
        Template("Why does {a} follow {b}?", "Why does {b} follow {a}?", _CONDITIONS),
        Template("What is the effect of {a} on {b}?", "What is the effect of {b} on {a}?", _CONDITIONS),
        Template("What are the causes of {a}?", "What are the effects of {a}?", _CONDITIONS),
        Template("What causes {a}?", "What prevents {a}?", _CONDITIONS),
    ),
    "other numbers": (
        Template("How do I save {a} dollars?", "How do I save {b} dollars?", _NUMBERS),
        Template("What are {a} good books?", "What are {b} good books?", _NUMBERS),
        Template("Can I learn chess in {a} days?", "Can I learn chess in {b} days?", _NUMBERS),
        Template("What is {a} divided by {b}?", "What is {b} divided by {a}?", _NUMBERS),
        Template("What are the top {a} films of {b}?", "What are the top {b} films of {a}?", _NUMBERS),
    ),
    "other kinds of question": (
        Template("Why did {a} move to Rome?", "When did {a} move to Rome?", _NAMES),
        Template("How do I sell a {a}?", "Where do I sell a {a}?", _THINGS),
        Template("How do I sell a {a}?", "Why should I sell a {a}?", _THINGS),
        Template("How much does a {a} earn?", "How much does a {a} work?", _ROLES),
        Template("Can I {a}?", "How can I {a}?", _KINDS),
        Template("Is it possible to {a}?", "What is the best way to {a}?", _KINDS),
        Template("Should I {a}?", "Can I {a}?", _KINDS),
        Template("What is a {a}?", "Who is a {a}?", _ROLES),
        Template("How long do {a}s live?", "Where do {a}s live?", _ANIMALS),
        Template("Do {a}s like {b}s?", "Why do {a}s like {b}s?", _ANIMALS),
        Template("How much is a {a}?", "How heavy is a {a}?", _THINGS),
        Template("What does a {a} cost?", "What does a {a} weigh?", _THINGS),
        Template("What is a {a} used for?", "What is a {a} made of?", _THINGS),
        Template("Who invented the {a}?", "Who owns the {a}?", _THINGS),
        Template("What is the {a} like?", "What is the {a} called?", _THINGS),
    ),
    "other things of one class": (
        Template("What is the best {a}?", "What is the best {b}?", _THINGS),
        Template("How do I learn {a}?", "How do I learn {b}?", _LANGUAGES),
        Template("How do I feed a {a}?", "How do I feed a {b}?", _ANIMALS),
        Template("What are the benefits of {a}?", "What are the benefits of {b}?", _FOODS),
        Template("How do I become a {a}?", "How do I become a {b}?", _ROLES),
        Template("What is the difference between {a} and {b}?", "What is {a} and what is rice?", _FOODS),
        Template("What is the weather like in {a}?", "What is the weather like in {b}?", _MONTHS),
        Template("How can I reduce {a}?", "How can I reduce {b}?", _CONDITIONS),
    ),
    "narrower questions": (
        Template("What is the best {a}?", "What is the best {a} for children?", _THINGS),
        Template("What is the best {a}?", "What is the best cheap {a}?", _THINGS),
        Template("How do I learn {a}?", "How do I learn {a} in one week?", _LANGUAGES),
        Template("How do I become a {a}?", "How do I become a {a} in {b}?", _ROLES),
        Template("What do {a}s eat?", "What do baby {a}s eat?", _ANIMALS),
        Template("How do I cook {a}?", "How do I cook {a} with {b}?", _FOODS),
        Template("Why is {a} expensive?", "Why is {a} expensive in Japan?", _FOODS),
        Template("How can I sell my {a}?", "How can I sell my old {a}?", _THINGS),
        Template("What is the population of {a}?", "What is the male population of {a}?", _PLACES),
        Template("Who was the king of {a}?", "Who was the first king of {a}?", _PLACES),
    ),
    "one word for another where it is asked for": (
        Template("What is a {x}?", "What is a {y}?", _WORDS),
        Template("What does {x} mean?", "What does {y} mean?", _WORDS),
        Template(
            "What is the difference between a {x} and a dog?",
            "What is the difference between a {y} and a dog?",
            _WORDS,
        ),
        Template("What is the definition of {x}?", "What is the definition of {y}?", _WORDS),
        Template("Difference between {x} and cost?", "Difference between {y} and cost?", _WORDS),
    ),
    "a part that leans on another": (
        Template("Is {a} healthy? What about {b}?", "Is {b} healthy? What about {a}?", _FOODS),
        Template("What is the best {a}? Under 50 dollars?", "What is the best {a}?", _THINGS),
        Template("Do I need a {a}? Why is it cheap?", "Why is a {b} cheap?", _THINGS),
        Template("I am a {a}. What should I wear?", "What should I wear?", _ROLES),
        Template("How do I sell my {a}? It is broken.", "How do I sell my {a}?", _THINGS),
        Template("What is a {a}? Who is the best one?", "Who is the best {b}?", _ROLES),
    ),
    "whose and who": (
        Template("Am I a good {a}?", "Are you a good {a}?", _ROLES),
        Template("Who am I to a {a}?", "Who are you to a {a}?", _ROLES),
        Template("What do I owe my {a}?", "What do you owe your {a}?", _ROLES),
        Template("What is my {a}'s name?", "What is your {a}'s name?", _ROLES),
        Template("Who is the {a}'s {b}?", "Who is the {b}'s {a}?", _ROLES),
        Template("Is my {a}'s {b} liable?", "Is my {b}'s {a} liable?", _ROLES),
        Template("Have you ever seen a {a}?", "Has anyone ever seen a {a}?", _ANIMALS),
        Template("What do you want from a {a}?", "What does a {a} want from you?", _ROLES),
        Template("What is your {a}?", "What is a {a}?", _THINGS),
        Template("Can you be my {a}?", "Can anyone be my {a}?", _ROLES),
        Template("What do people think of {a}?", "What does {a} think of people?", _NAMES),
        Template("How do I forgive my {a}?", "How does my {a} forgive me?", _ROLES),
    ),
    "how much of it": (
        Template("Do all {a}s sleep?", "Do some {a}s sleep?", _ANIMALS),
        Template("Why do most {a}s swim?", "Why do few {a}s swim?", _ANIMALS),
        Template("What is the only {a} in {b}?", "What is the largest {a} in {b}?", _ANIMALS),
        Template("How do I paint both {a}s?", "How do I paint every {a}?", _THINGS),
        Template("How do I buy enough {a}?", "How do I buy too much {a}?", _FOODS),
        Template("What is the average price of {a}?", "What is the total price of {a}?", _FOODS),
        Template("How do I sell half of my {a}?", "How do I sell all of my {a}?", _FOODS),
    ),
}


_FILLERS = {
    "animals": _ANIMALS,
    "conditions": _CONDITIONS,
    "foods": _FOODS,
    "kinds": _list(KINDS),
    "languages": _LANGUAGES,
    "names": _NAMES,
    "places": _PLACES,
    "roles": _ROLES,
    "things": _THINGS,
}
_TEMPLATES |= {
    capability: tuple(Template(one, other, _FILLERS[fillers]) for one, other, fillers in templates)
    for capability, templates in RULE_TRAPS.items()
}


def trap_pairs(seed: int = 0, each: int = EACH) -> Iterator[TrapPair]:
    """So many pairs of each capability, drawn at random from all that its templates make; each only once."""
    rng = np.random.default_rng(seed)
    for capability, templates in _TEMPLATES.items():
        made = list(dict.fromkeys(pair for template in templates for pair in _filled(template)))
        for place in sorted(rng.permutation(len(made))[:each].tolist()):
            yield TrapPair(capability, *made[place])


def _filled(template: Template) -> Sequence[tuple[str, str]]:
    if "/" in template.fillers[0]:
        opposites = (filler.split("/") for filler in template.fillers)
        return [(template.one.format(x=x, y=y), template.other.format(x=x, y=y)) for x, y in opposites]
    return [
        (template.one.format(a=a, b=b), template.other.format(a=a, b=b))
        for a, b in permutations(template.fillers, 2)
    ]
