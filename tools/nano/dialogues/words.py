"""Simple words by kind, and made-up ones. Plurals and pasts are regular unless listed."""

ANIMALS = """
fox bear owl rabbit hedgehog cat dog horse mouse frog goose duck hen cow pig goat sheep lion
tiger wolf deer squirrel badger otter turtle snail bee ant beetle crow robin sparrow parrot
penguin seal whale dolphin crab donkey camel zebra monkey elephant giraffe kangaroo koala panda
lizard spider moth butterfly swan eagle falcon mole bat beaver hamster pony lamb puppy kitten
dragon
""".split()

FOODS = """
apple pear plum cherry grape lemon orange banana peach melon carrot potato onion tomato pepper
bean pea corn rice bread cake pie soup stew cheese butter honey jam milk tea coffee juice egg
noodle pancake biscuit muffin salad pumpkin turnip radish cabbage mushroom nut almond walnut
sugar salt
""".split()

THINGS = """
lamp lantern table chair bed door window key clock book pen pencil paper letter map bag box
basket bottle cup plate bowl spoon fork knife pot pan kettle candle mirror brush comb towel soap
rope ladder hammer nail saw wheel cart wagon boat ship sail anchor bridge road path gate fence
wall roof tower house barn mill well garden field tent flag drum flute bell horn violin guitar
piano ring crown coin button needle thread ribbon shirt coat hat scarf glove boot shoe sock belt
pocket blanket pillow carpet curtain picture camera radio engine rocket robot kite ball doll
puzzle card stone brick glass marble feather shell bucket broom shovel rake jar tin ticket
parcel stamp bench sofa desk drawer shelf cabin castle
""".split()

NATURE = """
sun moon star sky cloud rain snow wind storm thunder fog frost ice fire smoke river lake sea
ocean island beach sand hill mountain valley forest tree leaf branch root seed flower rose tulip
daisy grass moss fern bush pond stream waterfall cave desert meadow swamp spring summer autumn
winter morning evening night shadow light rainbow
""".split()

PEOPLE = """
baker farmer teacher doctor nurse sailor miller painter singer dancer writer tailor carpenter
gardener hunter fisher driver pilot soldier king queen prince princess knight wizard giant child
mother father sister brother uncle aunt cousin friend neighbour captain judge clerk cook smith
""".split()

ADJECTIVES = """
red blue green yellow purple white black brown grey pink golden silver big small tall short long
wide narrow deep old young new warm cold hot cool wet dry soft hard heavy light fast slow quick
quiet loud bright dark clean dirty happy sad brave shy kind clever gentle proud lazy busy hungry
thirsty tired sleepy strong weak rich poor round square flat sharp smooth rough sweet sour salty
bitter fresh simple strange funny lucky honest polite careful curious calm
""".split()

VERBS = """
walk talk jump climb open close paint clean wash cook bake visit help call ask answer play work
look watch listen wait start finish carry pull push lift drop fill pour count plant pick collect
sort fix mend build draw sing dance laugh smile cry sleep dream wake run swim ride drive fly
write read speak tell hear see find lose give take bring buy sell make eat drink catch throw
hold keep leave send teach learn think know love like want need hope turn move travel arrive
return follow lead share save use
""".split()

OTHER = """
about above after again always around away before behind below between beyond early enough every
first later maybe never often once only other outside quite rather second sometimes soon still
third today together tomorrow tonight under until upon usually very where while yesterday
yellowish music story song word number name colour shape game party market school village town
city street corner kitchen office station harbour library museum hospital theatre holiday
birthday present secret question idea plan trip journey adventure treasure lesson hour minute
week month year
""".split()

COLOURS = "red blue green yellow purple white black brown grey pink orange silver".split()

SIMPLE = sorted(set(ANIMALS + FOODS + THINGS + NATURE + PEOPLE + ADJECTIVES + VERBS + OTHER))
NOUNS = sorted(set(ANIMALS + THINGS))

IRREGULAR_PLURALS = {
    "mouse": "mice",
    "goose": "geese",
    "sheep": "sheep",
    "deer": "deer",
    "wolf": "wolves",
    "knife": "knives",
    "shelf": "shelves",
    "leaf": "leaves",
    "child": "children",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "scarf": "scarves",
    "loaf": "loaves",
    "foot": "feet",
    "tooth": "teeth",
    "man": "men",
    "woman": "women",
}

IRREGULAR_PASTS = dict(
    pair.split(":")
    for pair in """build:built draw:drew sing:sang sleep:slept wake:woke run:ran swim:swam
    ride:rode drive:drove fly:flew write:wrote read:read speak:spoke tell:told hear:heard see:saw
    find:found lose:lost give:gave take:took bring:brought buy:bought sell:sold make:made eat:ate
    drink:drank catch:caught throw:threw hold:held keep:kept leave:left send:sent teach:taught
    think:thought know:knew lead:led""".split()
)

DOUBLED = {"drop", "plan", "stop", "hug", "hop", "chat"}

NAMES = """
Ada Ben Cora Dan Ella Finn Gwen Hugo Iris Jack Kira Leo Mia Nora Otto Pia Quinn Rosa Sam Tara
Uma Vera Will Xena Yara Zoe Alma Bruno Clara David Emma Felix Greta Henry Ida Jonas Kate Lena
Max Nina Oscar Paul Ruth Simon Tess Victor Wanda Anna Boris Celia Dora Eric Flora George Hanna
Ivan Julia Karl Lily Martin
""".split()

ONSETS = "b d f g h k l m n p r s t v w z br dr fl gr kl pl st tr sh th".split()
VOWELS = "a e i o u a e i o u ai ee oo".split()
CODAS = ["", "", "", "", "n", "l", "r", "s", "t", "m", "ck", "nd", "p"]


def plural(noun: str) -> str:
    if noun in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def past(verb: str) -> str:
    if verb in IRREGULAR_PASTS:
        return IRREGULAR_PASTS[verb]
    if verb in DOUBLED:
        return verb + verb[-1] + "ed"
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + "ed"


def made_up(draw, syllables_max: int = 3) -> str:
    """A pronounceable word that means nothing, so that spelling is learnt and not remembered."""
    parts = [
        draw.pick(ONSETS) + draw.pick(VOWELS) for _ in range(draw.between(2, syllables_max))
    ]
    return "".join(parts) + draw.pick(CODAS)
