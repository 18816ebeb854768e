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
big large huge enormous gigantic massive
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
important significant crucial vital
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
university college uni
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
prepare preparation prep
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
advantage benefit pro pros merit
disadvantage drawback con cons downside demerit
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
clothes clothing apparel
illness sickness ill sick
win victory
obese overweight
infant baby newborn
puppy pup
murder homicide
truck lorry
vaccine vaccination
medicine medication
stomach belly tummy
pimple acne zit
exercise workout
slim thin skinny
deactivate disable
startup start-up
ecommerce e-commerce
shy timid
brave courageous
funny hilarious humorous
boring dull
ugly unattractive
dangerous hazardous
effective efficient
annual yearly annually
daily everyday
often frequently
rarely seldom
immediately instantly
faster quicker
easy easily
hide conceal
shout yell scream
verify confirm
attempt try
convert transform
change alter modify
replace substitute
hire recruit employ
contain include comprise
predict forecast
evaluate assess
achieve attain accomplish
protect safeguard
ban prohibit outlaw
stay remain
keep maintain retain
hate detest despise
concentrate focus concentration
relieve ease alleviate
programming coding
programmer coder
undergrad undergraduate
grad graduate
teacher instructor
colleague coworker
employee worker
grandmother grandma granny
grandfather grandpa
gay homosexual
cop policeman
gun firearm
money cash
dollar buck
coupon voucher
restaurant eatery
alcohol liquor booze
marijuana weed cannabis
celebrity celeb
story tale
quote quotation
universe cosmos
alien extraterrestrial
message msg
country nation
place location
area region
pain ache
skill ability
opinion view viewpoint
example instance
feature characteristic trait
amount quantity
rule regulation
responsibility duty obligation
risk danger
syllabus curriculum
institute institution
hobby pastime
hairstyle haircut
perfume fragrance cologne
global worldwide
prevent avoid
myself yourself oneself ourselves yourselves
koran quran qur'an
muhammad mohammed mohammad
operate function
doctorate phd
author writer
or /
destroy ruin
notify inform
assume presume
discover uncover
imagine envision
compel force
inherit inheritance
depart departure
arrive arrival
survive survival
analyze analysis
grow growth
invest investment
argue argument
behave behavior
believe belief
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
shed weight=lose weight
drop weight=lose weight
slim down=lose weight
put on weight=gain weight
increase weight=gain weight
grow taller=increase height
get taller=increase height
become taller=increase height
grow tall=increase height
gain height=increase height
hair fall=hair loss
self confidence=confidence
self motivated=motivated
future scope=future
put weight=gain weight
find job=get job
land job=get job
get over=overcome
getting over=overcome
get past=overcome
search for=search
look for=search
looking for=search
turn off=disable
switch off=disable
shut off=disable
turn on=enable
switch on=enable
take care of=care
cut down on=reduce
cut down=reduce
cut back on=reduce
speed up=accelerate
pass away=die
passed away=died
log into=login
log on=login
sign into=login
log out=logout
sign out=logout
back up=backup
start up=startup
break up=breakup
is located=is
is situated=is
operating system=os
artificial intelligence=ai
virtual reality=vr
european union=eu
united arab emirates=uae
new york city=nyc
chief executive officer=ceo
tv show=tv-show
tv series=tv-show
tv serial=tv-show
television show=tv-show
television series=tv-show
television serial=tv-show
video game=videogame
world war i=ww1
world war 1=ww1
world war one=ww1
first world war=ww1
world war ii=ww2
world war 2=ww2
second world war=ww2
lead to=cause
result in=cause
consist of=contain
unable to=can not
not able to=can not
not any=no
per hour=hour
per day=day
per week=week
per month=month
per year=year
control over=control
whole world=world
entire world=world
whole life=life
entire life=life
until now=ever
till now=ever
till date=ever
till today=ever
up to now=ever
capital city of=capital of
take part in=participate in
carry on=continue
put off=postpone
call off=cancel
called off=cancelled
make sure=ensure
search engine optimization=seo
"""
_NATIONS = """
chinese indian american japanese german french russian british english spanish italian korean mexican
canadian australian pakistani african european asian jewish arab turkish irish scottish muslim christian
"""
PHRASES = {
    **{(nation, "people"): (nation,) for nation in _NATIONS.split()},
    **{
        tuple(said.split()): tuple(meant.split())
        for said, _, meant in (line.partition("=") for line in _PHRASES.strip().splitlines())
    },
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
