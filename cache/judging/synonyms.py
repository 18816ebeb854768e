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
quick fast rapid
quickly fast rapidly
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
amazing awesome
smart intelligent clever
happen occur
allow permit
choose select pick
need require
help assist
fix repair
gift present
rich wealthy
angry mad
scared afraid
crazy insane
weird strange odd
wrong incorrect
famous well-known
important significant
whole entire
everybody everyone
maybe perhaps
improve enhance
obtain acquire
earn make
study learn
program application app
advice tip suggestion
purpose objective
price cost
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
best good great greatest finest nice top
prepare preparation
recommend suggest
describe explain
meaning mean meant
forever permanently
quit stop
remove delete erase
entrepreneur businessman
girlfriend gf
boyfriend bf
password passcode
email e-mail mail
website site webpage
wifi wi-fi
facebook fb
instagram insta
overcome cope
someone anyone somebody anybody
live reside
biggest largest
attractive beautiful pretty
guarantee ensure
cheap inexpensive affordable
examine inspect
gather collect
answer reply
mistake error
scary frightening
interesting fascinating
dumb stupid
understand comprehend
build construct
trip journey
road street
sofa couch
lawyer attorney
teenager teen adolescent
profession occupation
requirement prerequisite
annoying irritating
impact effect
affect influence
toilet restroom bathroom
taxi cab
assignment homework
beverage drink
luggage baggage
vacation holiday
"""

SYNONYM = {word: group.split()[0] for group in _GROUPS.strip().splitlines() for word in group.split()}
"""Word -> the one of its group that stands for it."""
