"""Words of an English text as the cache compares them: split so that nothing is lost, and rewritten where
that keeps their meaning (contractions, spelling, number)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence


def listed(words: str) -> frozenset[str]:
    """The words of a table, which is written as a text."""
    return frozenset(words.split())


def by_word(place: int, phrases: Iterable[Sequence[str]]) -> dict[str, list[tuple[str, ...]]]:
    """Phrases by their first (0) or last (-1) word, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in sorted(map(tuple, phrases), key=len, reverse=True):
        found.setdefault(phrase[place], []).append(phrase)
    return found


SPLIT = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['-][^\W\d_]+)*|\S")
"""Numbers with their points and colons, words with apostrophes and hyphens, every other sign by itself."""

_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00b4": "'", "`": "'"})

_NEGATED = {
    "can't": "can not", "cant": "can not", "cannot": "can not", "won't": "will not", "wont": "will not",
    "don't": "do not", "dont": "do not", "doesn't": "does not", "doesnt": "does not", "didn't": "did not",
    "didnt": "did not", "isn't": "is not", "isnt": "is not", "aren't": "are not", "arent": "are not",
    "wasn't": "was not", "wasnt": "was not", "weren't": "were not", "haven't": "have not",
    "havent": "have not", "hasn't": "has not", "hasnt": "has not", "hadn't": "had not",
    "couldn't": "could not", "couldnt": "could not", "shouldn't": "should not", "shouldnt": "should not",
    "wouldn't": "would not", "wouldnt": "would not", "mustn't": "must not", "needn't": "need not",
    "mightn't": "might not", "ain't": "is not", "shan't": "shall not",
}  # fmt: skip
_JOINED = {
    "what's": "what is", "whats": "what is", "who's": "who is", "where's": "where is", "wheres": "where is",
    "when's": "when is", "why's": "why is", "how's": "how is", "hows": "how is", "it's": "it is",
    "that's": "that is", "thats": "that is", "there's": "there is", "theres": "there is", "here's": "here is",
    "he's": "he is", "she's": "she is", "i'm": "i am", "im": "i am", "you're": "you are", "youre": "you are",
    "we're": "we are", "they're": "they are", "i've": "i have", "ive": "i have", "you've": "you have",
    "we've": "we have", "they've": "they have", "i'll": "i will", "you'll": "you will", "we'll": "we will",
    "they'll": "they will", "he'll": "he will", "she'll": "she will", "it'll": "it will", "let's": "let us",
    "what're": "what are", "who're": "who are", "y'all": "you all", "gonna": "going to", "wanna": "want to",
    "gotta": "got to",
}  # fmt: skip
CONTRACTIONS = {short: tuple(full.split()) for short, full in {**_NEGATED, **_JOINED}.items()}

SPELLINGS = dict(
    pair.split("=")
    for pair in listed(
        """
        colour=color colours=colors colouring=coloring favourite=favorite favourites=favorites
        flavour=flavor behaviour=behavior behaviours=behaviors neighbour=neighbor neighbours=neighbors
        honour=honor labour=labor humour=humor rumour=rumor harbour=harbor centre=center centres=centers
        theatre=theater metre=meter litre=liter fibre=fiber kilometre=kilometer kilometres=kilometers
        centimetre=centimeter centimetres=centimeters organise=organize organised=organized
        organising=organizing organisation=organization organisations=organizations realise=realize
        realised=realized recognise=recognize recognised=recognized analyse=analyze analysed=analyzed
        analysing=analyzing optimise=optimize optimised=optimized optimising=optimizing
        optimisation=optimization apologise=apologize customise=customize maximise=maximize
        minimise=minimize summarise=summarize memorise=memorize criticise=criticize prioritise=prioritize
        emphasise=emphasize specialise=specialize specialisation=specialization travelling=traveling
        travelled=traveled traveller=traveler cancelled=canceled cancelling=canceling modelling=modeling
        labelled=labeled fulfil=fulfill enrol=enroll defence=defense offence=offense licence=license
        grey=gray jewellery=jewelry aeroplane=airplane programme=program programmes=programs cheque=check
        cheques=checks tyre=tire tyres=tires pyjamas=pajamas aluminium=aluminum mum=mom maths=math
        plough=plow sceptical=skeptical catalogue=catalog dialogue=dialog learnt=learned dreamt=dreamed
        burnt=burned spelt=spelled whilst=while amongst=among okay=ok recieve=receive definately=definitely
        seperate=separate occured=occurred untill=until wich=which becuase=because beleive=believe
        freind=friend goverment=government tommorow=tomorrow tommorrow=tomorrow grammer=grammar
        buisness=business bussiness=business adress=address begining=beginning diffrence=difference
        langauge=language enviroment=environment wierd=weird calender=calendar
        """
    )
)

_NOT_PLURAL = listed(
    """
    news does is was his this has us as its yes less goods customs glasses jeans means arms works times
    series species physics mathematics economics politics ethics statistics electronics athletics mechanics
    genetics always perhaps besides towards afterwards sometimes thus plus minus bus gas lens christmas
    texas paris james lies chess windows aids sas ios cors dns https sms gps sps ias ips css js mars venus
    hermes jesus wales kansas arkansas athens brussels reuters siemens mercedes emirates maths pants
    trousers shorts scissors clothes thanks congratulations savings earnings headquarters whereabouts looks
    brains spirits heads tails pros cons stocks bonds alps andes netherlands philippines bahamas maldives
    states nations cows forces accounts finances securities grounds papers minutes damages manners effects
    terms contents quarters letters blues drops needs graphics premises odds surroundings guts 's s
    """
)
"""Words in -s that are no plural, or whose plural means something else."""
_IRREGULAR = {
    **{f"{one}s": one for one in listed(
        """
        movie cookie selfie zombie brownie calorie rookie newbie smoothie hoodie hippie prairie genie birdie
        pixie goalie foodie techie veggie budgie sortie collie junkie yuppie freebie
        """
    )},
    **{f"{one}es": one for one in listed("hero potato tomato echo mosquito volcano torpedo veto go do")},
    "wives": "wife", "knives": "knife", "wolves": "wolf", "shelves": "shelf", "halves": "half",
    "thieves": "thief", "loaves": "loaf", "calves": "calf", "viruses": "virus", "buses": "bus",
    "bonuses": "bonus", "campuses": "campus", "statuses": "status", "ourselves": "ourselves",
    "yourselves": "yourselves", "themselves": "themselves",
}  # fmt: skip


def singular(word: str) -> str:
    """Of a word in lower case. Only the regular plural; a word that might not be one stays."""
    if len(word) < 4 or word[-1] != "s" or word in _NOT_PLURAL or word[-2] in "sui'’":
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    return word[:-1]


_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DIGITS = dict(
    pair.split("=")
    for pair in listed("two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 eleven=11 twelve=12")
)


def split(text: str) -> list[str]:
    """Every sign of the text but white space, in order and in its case; one way to write accents and
    apostrophes."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_QUOTES)
    return SPLIT.findall(text)


def plain(word: str) -> str:
    """A word or number in lower case, in American spelling, in the singular; small numbers in digits."""
    if word[0].isdigit():
        return word.replace(",", "") if "," in word and _THOUSANDS.fullmatch(word) else word
    word = singular(word)
    word = SPELLINGS.get(word, word)
    return _DIGITS.get(word, word)
