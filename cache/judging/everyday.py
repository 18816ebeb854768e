"""More words that say the same in nearly every question. Each line joins the group of its first word in
`synonyms`, or makes one.

Left out is what a question may turn on though it is near: dog and puppy, girl and woman, car and vehicle.
"""

from __future__ import annotations

EVERYDAY = """
purpose goal aim
impact effects
letter letters
account accounts
paper papers
term terms
bond bonds
finance finances
illness unwell disease
find locate search
obtain gain
treat cure
exit leave
hit strike
believe faith
chat speak
happy happiness joy joyful
sad unhappy sadness unhappiness
big vast
best excellent superb outstanding
terrible horrible dreadful
attractive gorgeous lovely stunning
weird unusual bizarre
dumb foolish idiotic
easy simple simply
quick speedy
tired exhausted fatigued weary
perfect ideal
dangerous risky
under below beneath
until till
although though
abroad overseas
house home
trash garbage rubbish
prison jail
thesis dissertation
glasses spectacles eyeglasses
photo image
db database
js javascript
cpu processor
ppt powerpoint
yt youtube
operate work works
pornography porn
poop feces
urinate pee
buttock butt
breast boob
penis dick cock
masturbation masturbate masturbating
orgasm climax
prostitute hooker
smell odor scent
injury wound
eat consume
throw toss
inquire enquire
remember recall recollect
end finish conclude
donate donation
explore exploration
explode explosion
expand expansion
motivate motivation motivated
meditate meditation
procrastinate procrastination
migrate migration
immigrate immigration
calculate calculation
register registration
communicate communication
digest digestion
evaporate evaporation
ferment fermentation
evolve evolution
pollute pollution
reproduce reproduction
reduce reduction
solve solution
addiction addicted
depression depressed
anxiety anxious
rich wealth
loneliness lonely
laziness lazy
shy shyness
confidence confident
patience patient
success successful successfully
hunger hungry
smart intelligence
strong strength
weakness weak
attractive beauty
productive productivity
creative creativity
fluent fluency fluently
advantage upside
disadvantage shortcoming
manager supervisor
kid offspring
husband hubby
dad daddy
mom mommy mummy
sea ocean
forest woodland
airport aerodrome
cupboard closet wardrobe
carpet rug
pavement sidewalk
highway freeway motorway
subway metro
biscuit cookie
aubergine eggplant
courgette zucchini
coriander cilantro
maize corn
nappy diaper
pram stroller
rucksack backpack
trousers pants
timetable schedule
professor lecturer
student pupil
lawyer solicitor
cop constable
jealous envious
stubborn obstinate
purify purification
sweat perspire
vomit puke
cemetery graveyard
peanut groundnut
ladybug ladybird
brave bravery courage
"""
"""Representative first."""
