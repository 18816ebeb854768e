"""Words of one class are near each other and still name different things: `physics`, `chemistry`."""

from __future__ import annotations

from collections.abc import Iterable

_CLASSES = """
husband wife spouse partner boyfriend girlfriend ex fiance son daughter brother sister mom mother dad father \
parent child kid uncle aunt cousin nephew niece grandmother grandfather baby infant friend buddy boss \
colleague neighbor \
bride groom roommate stepmother stepfather widow sibling twin crush stranger
man woman boy girl guy lady male female men women teenager adult toddler child kid baby people
red blue green yellow black white brown orange purple pink gray violet gold silver
physics chemistry biology mathematics math history geography economics psychology philosophy sociology \
engineering medicine law accounting finance statistics astronomy literature politics commerce
algebra calculus geometry trigonometry arithmetic probability
dog cat horse cow pig sheep goat rabbit hamster parrot snake fish bird lion tiger wolf bear elephant mouse \
rat spider ant bee wasp mosquito fly cockroach chicken duck turtle frog shark whale dolphin monkey puppy \
kitten
iron copper gold silver aluminum steel lead zinc tin nickel platinum bronze brass titanium
oxygen hydrogen nitrogen carbon helium sulfur chlorine sodium potassium calcium magnesium
english french spanish german italian portuguese russian chinese japanese korean arabic hindi tamil telugu \
urdu bengali latin greek hebrew turkish dutch swedish polish indian american british canadian australian \
pakistani african european asian mexican brazilian irish scottish iranian israeli egyptian vietnamese thai
muslim christian jewish hindu buddhist sikh catholic protestant atheist
islam christianity judaism hinduism buddhism sikhism
football soccer cricket tennis basketball baseball hockey golf rugby volleyball badminton boxing wrestling \
chess poker swimming running cycling yoga
guitar piano violin drum flute cello trumpet saxophone keyboard ukulele harmonica
doctor nurse lawyer engineer teacher accountant plumber electrician dentist pilot chef architect \
journalist scientist actor singer dancer writer programmer pharmacist psychologist psychiatrist farmer \
carpenter secretary judge soldier cop firefighter model photographer designer manager student professor
tea coffee milk water juice beer wine vodka whisky rum soda lemonade
beef pork chicken mutton lamb fish turkey bacon egg rice bread pasta pizza burger potato tomato onion garlic
apple banana orange mango grape lemon pear peach cherry strawberry pineapple watermelon avocado
hair skin face eye ear nose mouth tooth teeth tongue neck shoulder arm elbow hand finger chest back stomach \
leg knee foot feet toe heart liver kidney lung brain bone muscle eyebrow eyelash beard thigh hip
dollar rupee euro pound yen bitcoin
mg ml kg gram liter meter km mile inch foot feet centimeter ounce gallon
car truck bus train plane airplane boat ship bicycle motorcycle taxi subway helicopter
window mac linux android ios iphone ipad ubuntu macbook ipod
facebook twitter instagram whatsapp snapchat youtube google amazon netflix quora reddit linkedin uber \
microsoft apple yahoo tinder skype pinterest ebay paypal gmail wikipedia spotify tumblr
java python javascript php ruby perl scala kotlin swift golang matlab sql html css haskell
bachelor master phd mba bba bca mca btech mtech bsc msc
gre gmat cat gate ielts toefl sat act ssc upsc neet jee
india china usa uk canada australia germany france italy spain russia japan pakistan bangladesh nepal \
mexico brazil iran iraq israel egypt turkey ireland scotland england singapore malaysia indonesia thailand \
vietnam philippines africa europe asia america
london paris delhi mumbai bangalore chennai kolkata hyderabad pune tokyo berlin rome madrid dubai moscow \
beijing shanghai chicago boston seattle toronto sydney
sun moon earth mars venus jupiter saturn mercury uranus neptune pluto
breakfast lunch dinner supper brunch
north south east west
diabetes cancer asthma malaria hepatitis herpes arthritis depression anxiety autism flu cold fever acne \
hypertension pneumonia tuberculosis
vitamin protein fat carbohydrate sugar salt fiber calorie
book movie song game poem play magazine newspaper podcast documentary
school college university kindergarten
bedroom kitchen bathroom garage garden basement attic
shirt pant shoe jacket dress skirt sock hat tie suit jean
laptop desktop tablet phone tv camera printer keyboard mouse monitor headphone
pdf word excel powerpoint jpg png csv json xml html txt mp3 mp4 wav avi
string integer float list tuple array set dictionary object char
president senator governor mayor minister king queen prince princess emperor
"""
NAMES = frozenset(
    word
    for line in _CLASSES.splitlines()
    if line.startswith(("english ", "muslim ", "india ", "london ", "facebook "))
    for word in line.split()
) - {"turkey", "apple", "polish"}
"""Nations, languages, faiths, places and firms, which are names in small letters too."""
_OF: dict[str, frozenset[int]] = {}
for _number, _line in enumerate(_CLASSES.strip().splitlines()):
    for _word in _line.split():
        _OF[_word] = _OF.get(_word, frozenset()) | {_number}


def siblings(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a word of some and one of the others are of one class."""
    mine = frozenset[int]().union(*(_OF.get(word.removesuffix("'s"), ()) for word in some))
    return bool(mine) and any(mine & _OF.get(word.removesuffix("'s"), frozenset()) for word in others)
