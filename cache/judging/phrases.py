"""Words that say one thing together: `get rid of` is `remove`."""

from __future__ import annotations

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
some one=someone
any one=anyone
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
PHRASES: dict[tuple[str, ...], tuple[str, ...]] = {
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
