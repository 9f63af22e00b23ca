"""Short stories: somebody somewhere wants something, meets trouble and help, and comes home.

What was asked for (an animal, a name, a place, a thing) is in the story. The key is who, where and
what, so the test set asks for combinations that training never told.
"""

from .core import Case, Draft, Draw, Phrases, article, ask
from .words import NAMES, NOUNS, PEOPLE, made_up

HEROES = """
fox bear owl rabbit hedgehog cat dog horse mouse frog goose duck hen goat sheep lion tiger wolf
deer squirrel badger otter turtle snail bee ant beetle crow robin sparrow parrot penguin seal
whale crab donkey camel monkey elephant panda lizard spider butterfly swan eagle mole bat beaver
hamster pony lamb puppy kitten dragon robot knight baker farmer sailor king queen prince
princess wizard giant miller painter
""".split()
PLACES = {
    "forest": "in a green forest",
    "hill": "on a windy hill",
    "river": "by a wide river",
    "lake": "near a quiet lake",
    "village": "in a small village",
    "town": "in an old town",
    "island": "on a little island",
    "mountain": "on a high mountain",
    "valley": "in a warm valley",
    "farm": "on a sunny farm",
    "castle": "in a grey castle",
    "garden": "in a large garden",
    "sea": "near the blue sea",
    "desert": "in a dry desert",
    "meadow": "in a bright meadow",
    "cave": "in a dark cave",
    "mill": "in an old mill",
    "harbour": "in a busy harbour",
}
TRAITS = """
brave shy kind clever gentle proud lazy busy hungry curious calm honest careful funny quiet
small young old lonely cheerful
""".split()
GOALS = {
    "lantern": "to find a lantern for the dark nights",
    "kite": "to fly a red kite",
    "bell": "to hear the old silver bell",
    "boat": "to build a boat",
    "map": "to follow an old map",
    "key": "to find the lost golden key",
    "cake": "to bake the best cake of all",
    "song": "to learn a new song",
    "star": "to see the brightest star",
    "flower": "to find a blue flower",
    "book": "to read a big old book",
    "ring": "to bring back a lost ring",
    "drum": "to play a loud drum",
    "feather": "to catch a golden feather",
    "clock": "to mend the broken clock",
    "apple": "to taste a golden apple",
    "hat": "to own a tall green hat",
    "letter": "to send a letter to a friend",
    "shell": "to find a shining shell",
    "bridge": "to cross the long bridge",
}
FRIENDS = """
owl mouse robin frog turtle rabbit beaver mole hedgehog duck sparrow goat pony bee squirrel
""".split()

OPENINGS = (
    "Once upon a time, {hero} named {n} lived {place}.",
    "Long ago, {hero} called {n} lived {place}.",
    "There once was {hero} named {n} who lived {place}.",
    "{n} was {hero} who lived {place}.",
    "Many years ago there was {hero} named {n}. {n} lived {place}.",
)
TRAIT_LINES = (
    "{n} was very {t}, and everybody liked {n}.",
    "Everyone knew that {n} was {t}.",
    "{n} was {t} and a little {u}.",
    "Some said that {n} was too {t}, but {n} only smiled.",
)
WISHES = (
    "More than anything, {n} wanted {goal}.",
    "Every night {n} dreamed of one thing: {goal}.",
    "{n} had one great wish: {goal}.",
    "One morning {n} woke up and wanted {goal}.",
)
STARTS = (
    "So one {day} {n} packed {food} and set out.",
    "On a {weather} {day}, {n} left home with {food} in a bag.",
    "The next {day} was {weather}, and {n} started to walk.",
    "{n} took {food}, closed the door and went off into the {weather} {day}.",
)
TROUBLES = (
    "Soon a great storm came, and {n} could not see the path.",
    "After a while the path ended at a deep stream without a bridge.",
    "But the way was long, and {n} got lost among the tall trees.",
    "Then a heavy stone blocked the way, and it did not move at all.",
    "Suddenly {n} fell into a hole and could not climb out.",
    "At noon {n} heard a strange sound and was afraid.",
    "In the evening it became so dark that {n} had to stop.",
)
MORE_TROUBLES = (
    "Then it began to rain, and {n} got wet and cold.",
    "And as if that was not enough, the bag was suddenly gone.",
    "{n} tried three times to go on, but it was too hard.",
    "{n} sat down and did not know what to do.",
    "To make it worse, night came and the wind grew cold.",
)
MEETINGS = (
    "There {n} met {friend} named {m}.",
    "Just then {friend} came along. It was {m}.",
    "{m}, {friend} from the next village, heard {n} call.",
    "A voice said hello. It was {m}, {friend} with a warm heart.",
)
TALKS = (
    '"Do not worry," said {m}. "I will help you."',
    '"Why are you so sad?" asked {m}. {n} told the whole story.',
    '"I know the way," said {m}. "Come with me."',
    '"Two are stronger than one," said {m}, and {n} nodded.',
    '"What do you need?" asked {m}. "A friend," said {n}.',
)
HELPS = (
    "Together they worked until the sun went down.",
    "They stayed close together and went on, step by step.",
    "{m} had a long rope, and with it they did it.",
    "{n} had an idea, and {m} was strong enough to try it.",
    "They sang a song, and soon nobody was afraid any more.",
    "They shared the last piece of {snack} and tried again.",
)
SUCCESSES = (
    "At last the wish came true, and it was even better than in the dream.",
    "In the end they reached the {thing}, and both of them laughed.",
    "And there it was at last, the {thing}, just as in the dream.",
    "When they saw the {thing}, {n} jumped for joy.",
)
RETURNS = (
    "They went home and told everyone about the {thing}.",
    "On the way back they talked and laughed the whole time.",
    "That night {n} slept very well.",
    "Back home, all the neighbours came to a big party.",
    "{n} thanked {m} again and again.",
)
ENDINGS = (
    "From that day on, {n} and {m} were the best of friends.",
    "And {n} never forgot that a friend is worth more than gold.",
    "Since then {n} is never alone any more.",
    "And so {n} learned that it is good to ask for help.",
    "They lived happily for many years.",
)
STAGES = (OPENINGS, TRAIT_LINES, WISHES, STARTS, TROUBLES, MEETINGS, TALKS, HELPS, SUCCESSES)
SNACKS = "bread cheese cake pie".split()
WEATHERS = "sunny windy cold warm rainy foggy bright".split()
PACKED = (
    "a piece of bread",
    "three apples",
    "some nuts",
    "a bottle of water",
    "a small cake",
    "a warm blanket",
)

ASK = {
    "hero": Phrases(
        """Tell me a (story|short story|little story) about {hero}.
        (Tell|Write) a story about {hero}.
        (Write|Tell me) a (tale|fairy tale) about {hero}.
        (Can you|Could you|Will you) tell me a story about {hero}?
        I want (a story|to hear a story) about {hero}.
        (Do you know|Have you got) a story about {hero}?
        A story about {hero}, please.
        story about {hero}
        Make up a story about {hero}.
        Please write a short story about {hero}."""
    ),
    "name": Phrases(
        """Tell me a story about {hero} (named|called) {n}.
        Write a (story|short story) about {hero} (named|called) {n}.
        (Can you|Could you) tell a story about {n}, {hero}?
        I want to hear a story about {n} the {bare}.
        Tell me about the adventures of {n} the {bare}."""
    ),
    "only_name": Phrases(
        """Tell me a (story|short story) about {n}.
        (Write|Please write) a story about {n}.
        (Can you|Could you) tell me a story about {n}?
        I want a story about {n}.
        story about {n}"""
    ),
    "place": Phrases(
        """Tell me a story about {hero} who lives {place}.
        Write a (story|short story) about {hero} {place}.
        (Can you|Could you) tell me a story about {hero} {place}?
        I want a story about {hero} {place}."""
    ),
    "thing": Phrases(
        """Tell me a story about {hero} and {thing}.
        Write a (story|short story) with {hero} and {thing}.
        (Can you|Could you) tell me a story about {hero} and {thing}?
        I want a story with {hero} and {thing} in it."""
    ),
    "any": Phrases(
        """Tell me a story.
        (Tell|Write|Please write|I want|Give me) a (story|short story)(.|, please.|!|)
        (Can you|Could you|Will you) tell (me a story|us a story|a story)?
        (Tell me something|Tell me a tale)(.|!|)
        Do you know a story?
        a story please
        story"""
    ),
}


def told(draw: Draw, hero: str, name: str, place: str, thing: str) -> str:
    slots = {
        "hero": article(f"{draw.pick(TRAITS)} {hero}" if draw.chance(0.3) else hero),
        "n": name,
        "m": draw.pick([each for each in NAMES if each != name]),
        "place": PLACES[place],
        "goal": GOALS[thing],
        "thing": thing,
        "friend": article(draw.pick([each for each in FRIENDS if each != hero])),
        "food": draw.pick(PACKED),
        "snack": draw.pick(SNACKS),
        "weather": draw.pick(WEATHERS),
        "day": draw.pick(("morning", "day", "evening")),
    }
    slots["t"], slots["u"] = draw.some(TRAITS, 2)
    stages = [draw.pick(stage) for stage in STAGES]
    if draw.chance(0.4):
        stages.insert(5, draw.pick(MORE_TROUBLES))
    if draw.chance(0.6):
        stages.append(draw.pick(RETURNS))
    stages.append(draw.pick(ENDINGS))
    return " ".join(stages).format(**slots)


def _hero(draw: Draw) -> str:
    """Mostly somebody from a fairy tale; some want to hear of a lamp, or of what nobody knows."""
    if draw.chance(0.85):
        return draw.pick(HEROES)
    return draw.pick(NOUNS + PEOPLE) if draw.chance(0.6) else made_up(draw)


def case(draw: Draw) -> Case:
    hero, name = _hero(draw), draw.pick(NAMES)
    place, thing = draw.pick(tuple(PLACES)), draw.pick(tuple(GOALS))
    kind = draw.weighted(
        (
            (0.45, "hero"),
            (0.16, "name"),
            (0.06, "only_name"),
            (0.15, "place"),
            (0.12, "thing"),
            (0.06, "any"),
        )
    )
    question = ASK[kind](
        draw, hero=article(hero), bare=hero, n=name, place=PLACES[place], thing=article(thing)
    )
    thought = f"The story is about {article(hero)} named {name}, who wants {GOALS[thing]}."
    key = ("story", hero, name, place, thing)
    return Case(question, told(draw, hero, name, place, thing), thought, key)


def draft(draw: Draw) -> Draft:
    made = draw.case(case)
    thinking = draw.chance(0.15)
    messages: list[dict] = []
    ask(messages, made, thinking)
    return Draft(messages, thinking)
