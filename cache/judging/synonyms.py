"""Words that say the same in nearly every question, each mapped to one of its group.

Only words that may take each other's place wherever they stand belong here; what is merely close is for the
verifier.
"""

from __future__ import annotations

from cache.judging.everyday import EVERYDAY

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
rs rupee ₹ inr
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
percent percentage %
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
infant baby
puppy pup
murder homicide
truck lorry
vaccine vaccination
medicine medication
stomach belly tummy
pimple acne zit
exercise workout
thin skinny
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
dollar buck $
coupon voucher
restaurant eatery
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
opinion viewpoint
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
and &
if whether
euro €
symptom sign indication
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


def _read() -> dict[str, str]:
    read = {word: group.split()[0] for group in _GROUPS.strip().splitlines() for word in group.split()}
    for group in EVERYDAY.strip().splitlines():
        first, *others = group.split()
        known = read.setdefault(first, first)
        read.update((word, known) for word in others)
    return read


SYNONYM = _read()
"""Word -> the one of its group that stands for it."""
