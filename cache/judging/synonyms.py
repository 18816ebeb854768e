"""Words that say the same in nearly every question, each mapped to one of its group.

Only words that may take each other's place wherever they stand belong here; what is merely close is for the
verifier.
"""

from __future__ import annotations

_GROUPS = """
buy purchase
start begin commence
movie film
mobile cellphone smartphone phone
photo picture photograph pic
internet net online web
usa us u.s america
uk britain
quick fast rapid quickly rapidly
increase boost
reduce decrease lessen
big large huge
small little tiny
tough difficult hard
job employment
kid child children
people person guy human individual folk
woman lady women
man men gentleman
mom mother mum
dad father
doctor physician
car automobile
shop store
company firm
way method technique approach trick
reason cause
difference distinction differ differentiate
main major primary chief
work works
look looks
stock stocks
use utilize
rs rupee
terrible awful
tasty delicious
smart intelligent clever
happen occur
allow permit
choose select pick
need require needs
help assist
fix repair
gift present
rich wealthy
angry mad
scared afraid
crazy insane
weird strange odd
wrong incorrect
famous well-known popular
important significant
whole entire
everybody everyone
maybe perhaps
improve enhance
obtain acquire
make earn build create develop generate built made construct
study learn
program application app
advice tip suggestion
purpose objective
price cost fee
salary wage pay
university college
maths mathematic math
television tv
bicycle bike
motorcycle motorbike
airplane plane aircraft
fridge refrigerator
advertisement ad advert
exam examination test
info information
lab laboratory
vs versus
pc computer
ww2 wwii
ww1 wwi
govt government
hr hour
kg kilogram
km kilometer
best good great greatest finest nice top favorite
prepare preparation
recommend suggest
describe explain
mean meaning meant means
forever permanently
quit stop resign resigned
remove delete erase uninstall
entrepreneur businessman
girlfriend gf
boyfriend bf
password passcode
email e-mail mail
website site webpage
wifi wi-fi
facebook fb
instagram insta
overcome cope handle manage deal
someone anyone somebody anybody
live reside
biggest largest
attractive beautiful pretty
guarantee ensure
cheap inexpensive affordable
examine inspect
gather collect
answer reply respond response
mistake error
scary frightening
interesting cool coolest fascinating amazing awesome astonishing terrific incredible
dumb stupid silly
understand comprehend
trip journey travel tour
road street
sofa couch
lawyer attorney
teenager teen adolescent youngster
profession occupation
requirement prerequisite
annoying irritating
impact effect affect influence consequence
toilet restroom bathroom
taxi cab
assignment homework
beverage drink
luggage baggage
vacation holiday
calculate measure compute
decision choice
book novel
tool gadget
gamble gambling betting bet
challenge problem
broken cracked damaged
industry sector
outcome result
topic subject
beginner newbie novice
destination attraction spot
procedure process
advantage benefit pro
disadvantage drawback con downside
sex intercourse
income earning
buddy friend
hair-loss baldness
lawful legal
naturally organically
portion part
sleepy drowsy
teach instruct
useful helpful
wedding marriage
percent percentage
stuff thing
resume cv
flat apartment
petrol gasoline
chat talk conversation
display show
enroll register
shut close
faulty defective
retrieve recover restore
chance probability likelihood odds
necessary essential
expensive costly
empty blank
quiet silent
strong powerful
rude impolite
clothes clothing
illness sickness ill sick
win victory
"""

SYNONYM = {word: group.split()[0] for group in _GROUPS.strip().splitlines() for word in group.split()}
"""Word -> the one of its group that stands for it."""

_PHRASES = """
cell phone=phone
mobile phone=phone
smart phone=phone
united states=usa
united kingdom=uk
united states of america=usa
get rid of=remove
getting rid of=remove
rid of=remove
find out=know
figure out=know
wake up=wake
get up=wake
give up=quit
work out=workout
log in=login
sign in=login
sign up=signup
set up=setup
for free=free
on internet=online
from internet=online
over internet=online
through internet=online
using internet=online
via internet=online
on web=online
from online=online
right now=now
this day=now
at present=now
at moment=now
nowaday=now
currently=now
a lot of=many
lot of=many
lots of=many
such as=like
in order to=to
so as to=to
as well as=and
no one=nobody
have to=must
going to=will
real life=life
so far=ever
of all time=ever
all time=ever
in history=ever
year old=old
each other=other
part time=part-time
full time=full-time
weight loss=lose weight
losing weight=lose weight
reduce weight=lose weight
"""
PHRASES = {
    tuple(said.split()): tuple(meant.split())
    for said, _, meant in (line.partition("=") for line in _PHRASES.strip().splitlines())
}
"""Words that say one thing together -> what is read instead."""
_FIRSTS = frozenset(said[0] for said in PHRASES)


def joined(words: list[str]) -> list[str]:
    """With each phrase as what it says, the longest first."""
    if _FIRSTS.isdisjoint(words):
        return words
    read: list[str] = []
    place = 0
    while place < len(words):
        for length in (4, 3, 2):
            meant = PHRASES.get(tuple(words[place : place + length]))
            if meant is not None:
                read += meant
                place += length
                break
        else:
            read.append(words[place])
            place += 1
    return read
