"""Word classes that decide whether a difference matters. All words in the form that `wording.plain` gives."""

from __future__ import annotations

from cache.wording import listed

NEGATIONS = listed(
    """
    not no never none nobody nothing nowhere neither nor without hardly barely cannot lack lacking
    unable fail avoid prevent stop quit except unless instead refuse
    """
)
"""Words that turn a sentence round; one more or fewer on a side and the answers differ."""

TIMES = listed(
    """
    today tonight yesterday tomorrow now currently nowaday recently lately soon later early earlier
    late already yet still anymore again once twice ever always sometimes often usually rarely
    forever since until till during while before after ago past future present previous previously
    next last first second third final upcoming current latest recent new old modern ancient former
    used becoming become became morning afternoon evening night noon midnight day week weekend month
    year decade century hour minute second summer winter spring autumn fall january february april
    june july august september october november december monday tuesday wednesday thursday friday
    saturday sunday daily weekly monthly yearly annual temporarily permanently immediately
    eventually was were did had been will would shall
    """
)
"""Also the auxiliaries that carry tense."""

QUANTITIES = listed(
    """
    all every each both either half most many much few several more less least fewer only enough too
    same different other another else alone together double triple single everyone everything
    everybody everywhere anyone someone somebody something entire whole partly mostly almost nearly
    exactly over under above below between among per at-least up maximum minimum average total
    """
) - {"exactly", "up"}
"""How much or how many, or which of several."""

MODALS = listed("can could should must may might would will shall ought need have to want able")

DIRECTIONS = listed(
    """
    to from by with into onto out off against through across via towards toward without as like
    around behind
    """
)
"""Prepositions that say who does what to whom, or where to."""

OTHERS = listed(
    """
    he she him her his hers they them their it its himself herself themselves me us who whose whom
    """
)
"""Pronouns that stand for somebody: another one is somebody else."""

SOFT = listed(
    """
    the a an of in on at for about regarding concerning is be am being do some any there here this
    that these those so very really actually truly literally simply basically just exactly please
    kindly hi hello hey thank thanks anyway also even it quite pretty honestly seriously kind
    sort type thing possible possibly i you we one my your our u ur am get got etc , . ? ! : - ' " ;
    ...
    """
)
"""What may be there or not: grammar, politeness, intensifiers that intensify nothing."""

INTENSIFIERS = listed(
    """
    really actually truly literally simply basically just exactly honestly seriously very quite
    even also
    """
)

TENSES = listed("was did had been have would will shall become")
"""Auxiliaries that place a sentence in time."""

POINTING = listed("this these here")
"""They point at something that the text does not hold."""

NARROWING = listed(
    """
    in at on for during within inside near around under by with among across from of as
    """
)
"""A preposition before a phrase that narrows the question."""

LIGHT = listed(
    """
    can could become get take give go come happen occur exist visit use using work try look see tell
    say feel like properly fully completely totally absolutely successfully personally generally
    commonly effectively such various actual overall specific particular certain proper
    done genuinely efficiently correctly perfectly technically officially fundamentally essentially normally
    typically necessarily specifically particularly precisely mainly main
    having getting taking giving becoming people's person's others'
    yourself myself oneself ourselves by as if when out up into then have having so that which from
    to with someone make ever available effective start using doing one's someone's good best great
    nice known did was been being had most all many some / who buy watch read play eat follow
    when if now want must usually during nicely consistently realistically extremely
    incredibly insanely highly constitute detail started exactly exact
    """
)
"""Words that often come and go between two ways to ask one question."""

VERBS = listed(
    """
    become get take give go come happen occur exist visit use using work try look see tell say feel make start
    doing buy watch read play eat follow want constitute started getting taking giving becoming
    """
)
"""Those of the light words that say something else when they stand in each other's place."""

GENERIC = listed(
    """
    own normal personal piece provider issue account area level number size device property value name exam
    person world life thing process quality factor little complete basic biggest item along advance choose
    explain new available rupee note
    """
)
"""They add little to a question that already says what it is about."""
