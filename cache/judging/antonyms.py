"""Words that mean the opposite, and how English makes such words."""

from __future__ import annotations

from functools import lru_cache

from cache.wording import listed

_PAIRS = listed(
    """
    above/below accept/reject accept/refuse active/passive add/remove add/subtract advance/retreat
    advantage/disadvantage after/before agree/disagree alive/dead allow/forbid allow/ban
    allow/prohibit allow/prevent ally/enemy always/never ancient/modern and/or answer/question
    appear/disappear arrive/depart arrive/leave asleep/awake attack/defend attract/repel
    authentic/fake awake/sleep back/front bad/good begin/end beginner/advanced beginner/expert
    benefit/harm best/worst better/worse big/small bitter/sweet black/white bless/curse borrow/lend
    bottom/top boy/girl boyfriend/girlfriend brave/cowardly brave/cautious brave/fearful bride/groom
    bright/dark bright/dull brother/sister build/destroy buy/sell purchase/sell calm/nervous
    calm/angry calm/anxious careful/careless cat/dog cause/effect cause/prevent cause/cure
    cheap/expensive city/village clean/dirty clever/stupid close/open closed/open cold/hot cold/warm
    complex/simple complicated/simple compress/decompress conceal/reveal confident/insecure
    confident/shy connect/disconnect conservative/liberal conservative/progressive constant/variable
    create/destroy credit/debit cry/laugh cure/disease danger/safety dangerous/safe dark/light
    daughter/son day/night dead/living death/birth death/life decrease/increase deep/shallow
    defeat/victory defend/accuse demand/supply democrat/republican deny/admit deny/confirm
    deposit/withdraw deposit/withdrawal destroy/create die/live different/same difficult/easy
    hard/easy hard/soft disable/enable divorce/marry divorce/marriage domestic/foreign
    domestic/international down/up download/upload drunk/sober dry/wet early/late earn/spend
    earn/lose east/west easy/tough emigrate/immigrate employ/fire employee/employer empty/full
    encode/decode encourage/discourage encrypt/decrypt enemy/friend enter/exit enter/leave even/odd
    evil/good exclude/include expand/shrink expand/contract export/import external/internal
    extrovert/introvert extroverted/introverted fail/pass fail/succeed failure/success fall/rise
    false/true false/correct far/near fast/slow quick/slow fat/thin fat/skinny father/mother dad/mom
    father/son mother/daughter father/daughter mother/son female/male few/many fewer/more find/lose
    finish/start fire/hire first/last fix/break flexible/rigid float/sink follow/lead foolish/wise
    forget/remember forgive/blame formal/informal found/lost free/paid freeze/melt frequent/rare
    fresh/stale friendly/hostile from/to future/past gain/lose generous/selfish generous/stingy
    gentle/rough get/give give/take go/come good/evil grow/shrink guest/host guilty/innocent
    happy/sad happy/unhappy happy/depressed happy/miserable happy/angry hate/love hate/like
    dislike/like he/she heal/hurt healthy/sick healthy/ill heat/cool heaven/hell heavy/light
    height/weight help/hurt help/hinder her/him her/his hero/villain hide/show high/low higher/lower
    highest/lowest hire/resign honest/dishonest honest/deceitful hopeful/hopeless humble/arrogant
    humble/proud husband/wife ignore/notice import/export improve/worsen in/out include/omit
    increase/reduce increase/lower individual/group inferior/superior inflate/deflate inhale/exhale
    innocent/evil input/output inside/outside install/uninstall intelligent/stupid intelligent/dumb
    smart/stupid smart/dumb interesting/boring exciting/boring join/leave join/quit keep/lose
    keep/discard keep/delete kind/cruel kind/mean kill/save king/queen large/small largest/smallest
    latest/oldest lazy/diligent lazy/hardworking lazy/active lead/follow learn/teach least/most
    left/right leave/stay leave/return legal/illegal lend/borrow less/more liability/asset lie/truth
    lock/unlock logical/illogical lonely/sociable long/short longest/shortest loose/tight loose/lose
    loss/profit loss/gain loud/quiet love/dislike lower/raise lower/upper loyal/disloyal
    lucky/unlucky major/minor man/woman married/single maternal/paternal mature/immature
    maximum/minimum maximize/minimize mean/nice merge/split miss/catch modest/arrogant
    modest/boastful moral/immoral morning/evening morning/night multiply/divide mute/unmute
    narrow/wide natural/artificial negative/positive nephew/niece nervous/confident never/ever
    new/old newest/oldest nice/rude noisy/quiet normal/abnormal north/south northern/southern
    object/subject obey/disobey off/on offline/online old/young older/younger oldest/youngest
    open/shut optimist/pessimist optimistic/pessimistic ordinary/special organized/messy over/under
    parent/child passive/aggressive patient/impatient patient/doctor peace/war permanent/temporary
    permit/forbid physical/mental plus/minus polite/rude poor/rich poor/wealthy popular/unpopular
    positive/bad possible/impossible poverty/wealth powerful/powerless powerful/weak
    praise/criticize present/absent present/past private/public pro/con produce/consume
    producer/consumer prove/disprove pull/push question/answer quiet/talkative rational/emotional
    rational/irrational raw/cooked read/write real/fake receive/send receive/give regular/irregular
    relax/stress relaxed/tense release/capture religious/secular religious/atheist rent/own rent/buy
    request/offer retail/wholesale reward/punish reward/punishment rise/set rural/urban sad/cheerful
    sadness/happiness safe/risky save/spend save/waste secure/insecure seller/buyer senior/junior
    sender/receiver serious/funny shallow/thick sharp/blunt shout/whisper shy/outgoing shy/bold
    simple/hard sincere/insincere sit/stand sleep/wake smooth/rough sober/high sociable/shy
    social/antisocial solid/liquid specific/general specific/vague start/stop begin/stop start/end
    stay/go strength/weakness strict/lenient strong/weak stronger/weaker student/teacher
    success/defeat sunrise/sunset sweet/sour synchronous/asynchronous tall/short taller/shorter
    tame/wild theory/practice thick/thin tight/baggy tolerant/intolerant top/worst tourist/local
    transparent/opaque trust/distrust trust/suspect ugly/beautiful ugly/pretty ugly/handsome
    uncle/aunt understand/misunderstand union/intersection unite/divide upstairs/downstairs
    useful/useless vertical/horizontal victim/attacker victory/loss visible/invisible
    voluntary/compulsory voluntary/mandatory optional/mandatory optional/required vowel/consonant
    waste/use weak/brave weaken/strengthen win/lose winner/loser winter/summer with/without
    worst/good worried/relaxed wrong/right wrong/correct yes/no muslim/christian hindu/muslim
    christian/jewish left-wing/right-wing buyer/vendor client/server front-end/back-end
    frontend/backend lawyer/client tenant/landlord debtor/creditor wear/remove lend/take
    courageous/fearful courageous/cowardly independent/dependent cautious/reckless cautious/bold
    spiritual/material defensive/offensive nervous/brave rational/superstitious civilized/barbaric
    decent/indecent fearless/fearful frightened/fearless organized/chaotic practical/theoretical
    progressive/traditional reliable/unreliable romantic/cynical scientific/unscientific
    loyal/unfaithful lively/dull
    ascending/descending ascend/descend ascent/descent uppercase/lowercase capital/lowercase
    prefix/suffix inbound/outbound incoming/outgoing inner/outer indoor/outdoor indoors/outdoors
    interior/exterior numerator/denominator clockwise/counterclockwise arrival/departure entrance/exit
    floor/ceiling attach/detach acidic/alkaline acid/alkaline acute/chronic adult/child adult/minor
    amateur/professional analog/digital artery/vein beginning/end beginning/ending boiling/freezing
    boil/freeze bullish/bearish bull/bear carnivore/herbivore citizen/foreigner comedy/tragedy
    common/rare concave/convex condense/evaporate condensation/evaporation crest/trough
    deductive/inductive deflation/inflation demote/promote demotion/promotion depreciate/appreciate
    diastolic/systolic diurnal/nocturnal dominant/recessive dynamic/static expansion/contraction
    explicit/implicit fixed/variable flood/drought forward/backward forwards/backwards front/rear
    fusion/fission general/particular gross/net hardware/software head/tail heads/tails hen/rooster
    initial/final insert/delete insert/remove ionic/covalent lender/borrower length/width liquid/gas
    solid/gas latitude/longitude lunar/solar majority/minority manual/automatic masculine/feminine
    meiosis/mitosis mountain/valley native/foreign offense/defense often/rarely often/seldom
    frequently/rarely parallel/perpendicular parallel/series parallel/serial parallel/sequential
    passenger/driver pause/resume suspend/resume plaintiff/defendant predator/prey primary/secondary
    prose/poetry prosecution/defense qualitative/quantitative radius/diameter relative/absolute
    remote/onsite singular/plural speaker/listener static/moving straight/curved straight/gay
    surplus/deficit survive/die transmit/receive upper/lower upgrade/downgrade uphill/downhill
    upstream/downstream virtual/physical warm/cool whitelist/blacklist widen/narrow xylem/phloem
    weekday/weekend backup/restore login/logout signin/signout debit/deposit copy/move copy/paste
    cut/paste crowded/empty vegetarian/carnivore verbal/written ally/foe hero/coward host/parasite
    landing/takeoff land/takeoff launch/landing sunny/rainy employer/worker into/out onto/off
    """
)
_OPPOSITES = frozenset(
    pair
    for each in _PAIRS
    for first, _, second in [each.partition("/")]
    for pair in ((first, second), (second, first))
)
_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "anti", "mis", "de", "a", "under", "over")
_FULL_OR_LESS = ("ful", "less")
_COUNTER_PREFIXES = tuple(
    pair
    for first, second in (
        ("hyper", "hypo"), ("macro", "micro"), ("inter", "intra"), ("extro", "intro"), ("endo", "exo"),
        ("pre", "post"), ("homo", "hetero"), ("mono", "poly"), ("maxi", "mini"), ("intra", "extra"),
        ("out", "in"), ("over", "under"), ("up", "down"), ("sub", "super"), ("ante", "post"),
    )
    for pair in ((first, second), (second, first))
)  # fmt: skip
"""Before the same rest of a word they make its opposites."""
_COUNTERED = tuple({first for first, _ in _COUNTER_PREFIXES})


@lru_cache(maxsize=1 << 14)
def opposite(one: str, other: str) -> bool:
    """By the table, by a prefix (`happy`, `unhappy`) or by an ending (`hopeful`, `hopeless`); also of what is
    compared (`easiest`, `hardest`)."""
    return _countered(one, other) or any(
        _opposite(first, second) for first in _bases(one) for second in _bases(other)
    )


def _opposite(one: str, other: str) -> bool:
    if (one, other) in _OPPOSITES:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) > 3 and any(long == prefix + short for prefix in _PREFIXES):
        return True
    return any(
        one.endswith(mine) and other.endswith(yours) and one[: -len(mine)] == other[: -len(yours)]
        for mine, yours in (_FULL_OR_LESS, _FULL_OR_LESS[::-1])
    )


def _countered(one: str, other: str) -> bool:
    """`inbound`, `outbound`."""
    return one.startswith(_COUNTERED) and any(
        one.startswith(mine) and len(one) > len(mine) + 3 and other == yours + one[len(mine) :]
        for mine, yours in _COUNTER_PREFIXES
    )


def _bases(word: str) -> tuple[str, ...]:
    """The word, and what it may be a comparative or a form of."""
    found = [word, word.removesuffix("ing"), word.removesuffix("ed"), word.removesuffix("ly")]
    if word.endswith("ing") and len(word) > 5:
        found.append(word[:-3] + "e")
    for ending in ("est", "er"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            start = word[: -len(ending)]
            found += [start, start + "e", start[:-1] if start[-1:] == start[-2:-1] else start]
            found.append(start[:-1] + "y" if start[-1:] == "i" else start)
    return tuple(dict.fromkeys(found))
