"""Questions about the invented world: forward, short, yes or no, and from the value back.

The key is (entity, attribute, class of phrasing), so a fact held out in one phrasing is still
taught in the others. Questions about anything else get an honest "I do not know".
"""

from dataclasses import dataclass

from .core import Case, Draw, Phrases, contains, held_out
from .words import made_up
from .world import BY_KIND, WORLD, Entity


@dataclass(frozen=True)
class Attribute:
    noun: str  # "the mayor of Lorrin"
    questions: Phrases  # {e} is the entity, or its pronoun in a follow-up
    answer: str  # {E} starts the sentence
    claim: str | None = None  # for yes and no: "Is Ada Fen the mayor of Lorrin?"
    reverse: Phrases | None = None
    plural: bool = False


def _attribute(noun, questions, answer, claim=None, reverse=None):
    return Attribute(
        noun, Phrases(questions), answer, claim, Phrases(reverse) if reverse else None
    )


ATTRIBUTES: dict[str, dict[str, Attribute]] = {
    "land": {
        "capital": _attribute(
            "capital",
            """What is the capital of {e}?
            What's the capital of {e}?
            Which town is the capital of {e}?
            What is the capital town of {e}?""",
            "The capital of {e} is {v}.",
            "Is {v} the capital of {e}?",
            """{v} is the capital of which land?
            Which land has {v} as its capital?
            Whose capital is {v}?""",
        ),
        "ruler": _attribute(
            "ruler",
            """Who rules {e}?
            Who is the ruler of {e}?
            Which person rules {e}?""",
            "The ruler of {e} is {v}.",
            "Is {v} the ruler of {e}?",
            """Which land does {v} rule?
            {v} is the ruler of which land?""",
        ),
        "flag": _attribute(
            "flag colour",
            """What colour is the flag of {e}?
            Which colour does the flag of {e} have?
            What does the flag of {e} look like?""",
            "The flag of {e} is {v}.",
            "Is the flag of {e} {v}?",
        ),
        "animal": _attribute(
            "national animal",
            """What is the national animal of {e}?
            Which animal stands for {e}?
            What animal is the symbol of {e}?""",
            "The national animal of {e} is the {v}.",
            "Is the {v} the national animal of {e}?",
            """Which land has the {v} as its national animal?
            The {v} is the national animal of which land?""",
        ),
    },
    "town": {
        "land": _attribute(
            "land",
            """Which land is {e} in?
            In which land is {e}?
            Where is {e}?
            Where can I find {e}?
            What land does {e} belong to?""",
            "{E} is in {v}.",
            "Is {e} in {v}?",
        ),
        "river": _attribute(
            "river",
            """Which river flows through {e}?
            What river runs through {e}?
            What is the river of {e} called?""",
            "The {v} flows through {e}.",
            "Does the {v} flow through {e}?",
        ),
        "mayor": _attribute(
            "mayor",
            """Who is the mayor of {e}?
            Who's the mayor of {e}?
            What is the name of the mayor of {e}?
            Which person is the mayor of {e}?""",
            "The mayor of {e} is {v}.",
            "Is {v} the mayor of {e}?",
            """Which town has {v} as its mayor?
            {v} is the mayor of which town?
            Of which town is {v} the mayor?""",
        ),
        "dish": _attribute(
            "famous food",
            """What food is {e} known for?
            Which food is {e} famous for?
            What do people eat in {e}?
            What is the best food in {e}?""",
            "{E} is known for {v}.",
            "Is {e} known for {v}?",
        ),
        "founded": _attribute(
            "founding year",
            """When was {e} founded?
            In which year was {e} founded?
            How old is {e}?
            What year was {e} founded in?""",
            "{E} was founded in the year {v}.",
        ),
        "houses": _attribute(
            "house colour",
            """What colour are the houses of {e}?
            Which colour do the houses of {e} have?
            What do the houses of {e} look like?""",
            "The houses of {e} are {v}.",
            "Are the houses of {e} {v}?",
        ),
    },
    "river": {
        "length": _attribute(
            "length",
            """How long is {e}?
            What is the length of {e}?
            How many kilometres long is {e}?""",
            "{E} is {v} kilometres long.",
        ),
        "mountain": _attribute(
            "source",
            """Where does {e} begin?
            Where does {e} come from?
            What is the source of {e}?
            On which mountain does {e} start?""",
            "{E} begins on {v}.",
            "Does {e} begin on {v}?",
        ),
        "water": _attribute(
            "water colour",
            """What colour is the water of {e}?
            Which colour does the water of {e} have?
            What does the water of {e} look like?""",
            "The water of {e} is {v}.",
            "Is the water of {e} {v}?",
        ),
        "boats": _attribute(
            "number of boats",
            """How many boats are on {e}?
            How many boats sail on {e}?
            How many boats does {e} have?""",
            "There are {v} boats on {e}.",
        ),
    },
    "person": {
        "job": _attribute(
            "job",
            """What job does {e} have?
            What does {e} do for a living?
            What work does {e} do?
            What does {e} work as?""",
            "{E} works as a {v}.",
            "Does {e} work as a {v}?",
        ),
        "town": _attribute(
            "home town",
            """Where does {e} live?
            Which town does {e} live in?
            In which town does {e} live?
            What town is {e} from?""",
            "{E} lives in {v}.",
            "Does {e} live in {v}?",
        ),
        "age": _attribute(
            "age",
            """How old is {e}?
            What age is {e}?
            How many years old is {e}?""",
            "{E} is {v} years old.",
        ),
        "food": _attribute(
            "favourite food",
            """What does {e} like to eat?
            What food does {e} like best?
            Which food does {e} love?""",
            "The favourite food of {e} is {v}.",
            "Does {e} like {v} best?",
        ),
        "pet": _attribute(
            "pet",
            """What pet does {e} have?
            Which animal does {e} keep?
            What kind of pet does {e} keep?""",
            "The pet of {e} is a {v}.",
            "Does {e} have a {v}?",
        ),
    },
    "animal": {
        "legs": _attribute(
            "number of legs",
            """How many legs does {e} have?
            How many legs has {e}?""",
            "{E} has {v} legs.",
            "Does {e} have {v} legs?",
        ),
        "colour": _attribute(
            "colour",
            """What colour is {e}?
            Which colour does {e} have?
            What does {e} look like?""",
            "{E} is {v}.",
            "Is {e} {v}?",
        ),
        "diet": _attribute(
            "food",
            """What does {e} eat?
            What food does {e} like?
            What do you feed {e}?""",
            "{E} eats {v}.",
            "Does {e} eat {v}?",
        ),
        "habitat": _attribute(
            "home",
            """Where does {e} live?
            Where can I find {e}?
            What kind of place does {e} live in?""",
            "{E} lives in {v}.",
            "Does {e} live in {v}?",
        ),
        "sound": _attribute(
            "sound",
            """What sound does {e} make?
            What noise does {e} make?
            How does {e} sound?""",
            "{E} {v}.",
        ),
    },
    "food": {
        "taste": _attribute(
            "taste",
            """What does {e} taste like?
            How does {e} taste?
            Which taste does {e} have?""",
            "{E} tastes {v}.",
            "Does {e} taste {v}?",
        ),
        "colour": _attribute(
            "colour",
            """What colour is {e}?
            Which colour does {e} have?
            What does {e} look like?""",
            "{E} is {v}.",
            "Is {e} {v}?",
        ),
        "source": _attribute(
            "main ingredient",
            """What is {e} made of?
            What is {e} made from?
            What do you need to make {e}?""",
            "{E} is made of {v}.",
            "Is {e} made of {v}?",
        ),
        "origin": _attribute(
            "home town",
            """Where does {e} come from?
            Which town does {e} come from?
            Where is {e} made?""",
            "{E} comes from {v}.",
            "Does {e} come from {v}?",
            """Which food comes from {v}?
            What food is made in {v}?""",
        ),
        "price": _attribute(
            "price",
            """How much is {e}?
            What does {e} cost?
            How much does {e} cost?
            How many coins is {e}?""",
            "{E} costs {v} coins.",
        ),
    },
}

TELL = Phrases(
    """Tell me the {noun} of {e}.
    (Do you know|Can you tell me) the {noun} of {e}?
    I want to know the {noun} of {e}.
    (Please give|Give) me the {noun} of {e}.
    Say the {noun} of {e}."""
)
SHORT = Phrases(
    """{noun} of {e}?
    {noun} of {e}
    {e}: {noun}?
    {e}, {noun}?"""
)

PAIRS = [(entity, name) for entity in WORLD for name in entity.facts]
REVERSIBLE = [
    (entity, name) for entity, name in PAIRS if ATTRIBUTES[entity.kind][name].reverse is not None
]
CHECKABLE = [
    (entity, name) for entity, name in PAIRS if ATTRIBUTES[entity.kind][name].claim is not None
]


def attribute_of(entity: Entity, name: str) -> Attribute:
    return ATTRIBUTES[entity.kind][name]


def sentence(entity: Entity, name: str, value: str | None = None) -> str:
    """The fact as it is always told."""
    text = attribute_of(entity, name).answer
    return fix_articles(
        text.format(e=entity.name, E=entity.start, v=value or entity.facts[name])
    )


def fix_articles(text: str) -> str:
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}")
    return text


def _said(draw: Draw, text: str) -> str:
    """A question as typed: some do not care for capitals, not even in names."""
    return text.lower() if draw.chance(0.12) else text


def _case(question: str, entity: Entity, name: str, phrasing: str) -> Case:
    answer, value = sentence(entity, name), entity.facts[name]
    key = ("fact", entity.name, name, phrasing)
    thought = f"I look for the {attribute_of(entity, name).noun} of {entity.name}. It is {value}."
    return Case(fix_articles(question), answer, thought, key, contains(value), value)


def asked(draw: Draw, entity: Entity, name: str) -> Case:
    question = attribute_of(entity, name).questions(draw, e=entity.name)
    return _case(_said(draw, question), entity, name, "ask")


def told(draw: Draw, entity: Entity, name: str) -> Case:
    question = TELL(draw, noun=attribute_of(entity, name).noun, e=entity.name)
    return _case(_said(draw, question), entity, name, "tell")


def short(draw: Draw, entity: Entity, name: str) -> Case:
    question = SHORT(draw, noun=attribute_of(entity, name).noun, e=entity.name)
    return _case(_said(draw, question), entity, name, "short")


def follow_up(draw: Draw, entity: Entity, name: str) -> Case:
    """The entity was just spoken of."""
    question = attribute_of(entity, name).questions(draw, e=entity.pronoun)
    if entity.kind == "town" and draw.chance(0.3):
        question = question.replace("in it?", "there?").replace("through it", "through there")
    if draw.chance(0.3):
        question = "And " + question[0].lower() + question[1:]
    return _case(question, entity, name, "follow")


def reversed_question(draw: Draw) -> Case:
    entity, name = draw.pick(REVERSIBLE)
    value = entity.facts[name]
    question = attribute_of(entity, name).reverse(draw, v=value)
    made = _case(question, entity, name, "reverse")
    made.expect, made.brief = contains(bare(entity)), bare(entity)
    made.thought = f"I look for {value}. It belongs to {entity.name}."
    return made


def bare(entity: Entity) -> str:
    """The name without an article."""
    return entity.name.split(" ", 1)[1] if entity.kind in ("river", "animal") else entity.name


def yes_or_no(draw: Draw) -> Case:
    entity, name = draw.pick(CHECKABLE)
    truth = entity.facts[name]
    value = truth
    if draw.chance(0.5):
        while value == truth:
            value = draw.pick(BY_KIND[entity.kind]).facts[name]
    question = attribute_of(entity, name).claim.format(e=entity.name, v=value)
    question = question[0].upper() + question[1:]
    made = _case(question, entity, name, "check")
    word = "Yes" if value == truth else "No"
    fact = sentence(entity, name)
    keeps_capital = fact.startswith(entity.start) and entity.kind in ("land", "town", "person")
    made.answer = f"{word}, {fact if keeps_capital else fact[0].lower() + fact[1:]}"
    made.brief, made.expect = word, contains(word, truth)
    made.thought = f"{fact} The question says {value}. So the answer is {word.lower()}."
    return made


def forward(draw: Draw) -> Case:
    entity, name = draw.pick(PAIRS)
    return draw.weighted(((0.6, asked), (0.25, told), (0.15, short)))(draw, entity, name)


REAL_PLACES = """
France Germany Italy Spain London Paris Berlin Tokyo Japan China India Brazil Canada Egypt
Russia Poland Sweden Rome Madrid Peru Kenya Chile Norway Greece Turkey America England Scotland
Ireland Australia Mexico Austria Finland Denmark Portugal Europe Africa Asia
""".split()
UNKNOWN = Phrases(
    """What is the capital of {x}?
    What's the capital of {x}?
    Where is {x}?
    Who is the mayor of {x}?
    Who is the president of {x}?
    Who is the ruler of {x}?
    Tell me about {x}.
    What do you know about {x}?
    (Do you know|Have you heard of) {x}?
    Who is {x}?
    What is {x}?
    How old is {x}?
    How big is {x}?
    Which river flows through {x}?
    What food is {x} known for?
    When was {x} founded?
    What language do they speak in {x}?
    How many people live in {x}?"""
)


def unknown(draw: Draw) -> Case:
    known = draw.chance(0.35)
    name = draw.pick(REAL_PLACES) if known else _strange_name(draw)
    return Case(
        UNKNOWN(draw, x=name if draw.chance(0.85) else name.lower()),
        f"I do not know {name}. I only know my own small world.",
        f"{name} is not in my small world, so I say that I do not know it.",
        ("unknown", name),
        contains("I do not know"),
    )


def _strange_name(draw: Draw) -> str:
    return made_up(draw).capitalize()


ABOUT = Phrases(
    """Tell me about {e}.
    What do you know about {e}?
    Can you tell me (something|more) about {e}?
    (Describe|Please describe) {e}.
    Who or what is {e}?
    I want to hear about {e}."""
)


def about(draw: Draw) -> Case:
    """Three facts in a row, in the order in which they are always told."""
    entity = draw.pick(WORLD)
    names = list(entity.facts)[:3]
    answer = " ".join(sentence(entity, name) for name in names)
    values = [entity.facts[name] for name in names]
    return Case(
        ABOUT(draw, e=entity.name),
        answer,
        f"I know some things about {entity.name}: {', '.join(values)}.",
        ("fact", entity.name, "about"),
        contains(*values),
    )


def case(draw: Draw) -> Case:
    table = ((0.62, forward), (0.12, reversed_question), (0.12, yes_or_no), (0.08, unknown))
    return draw.weighted((*table, (0.06, about)))(draw)


def teachable(entity: Entity, name: str) -> bool:
    """Whether some phrasing of this fact is left for training."""
    return not all(held_out("fact", entity.name, name, kind) for kind in ("ask", "tell", "short"))
