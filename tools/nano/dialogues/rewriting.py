"""Small changes to a given sentence or word."""

from .core import Case, Draw, Phrases, article, contains, exact
from .words import (
    ADJECTIVES,
    ANIMALS,
    FOODS,
    IRREGULAR_PASTS,
    NAMES,
    NATURE,
    PEOPLE,
    THINGS,
    VERBS,
    made_up,
    past,
    plural,
)

UPPER = Phrases(
    """Write this in (upper case|capital letters|capitals|uppercase): {s}
    (Make|Turn) this (upper case|uppercase|all capitals): {s}
    (Put|Write|Please write) in capital letters: {s}
    Convert to upper case: {s}
    (Can you|Could you) write this in capitals? {s}
    uppercase: {s}"""
)
LOWER = Phrases(
    """Write this in (lower case|small letters|lowercase): {s}
    (Make|Turn) this (lower case|lowercase): {s}
    (Put|Write|Please write) in small letters: {s}
    Convert to lower case: {s}
    (Can you|Could you) write this in lower case? {s}
    lowercase: {s}"""
)
REPLACE = Phrases(
    """Replace {a} (with|by) {b}: {s}
    Replace the word {a} (with|by) {b} in this sentence: {s}
    Change {a} to {b}: {s}
    (Please put|Put|Write) {b} in place of {a}: {s}
    In this sentence, replace {a} with {b}: {s}
    {s} Replace {a} with {b}."""
)
REMOVE = Phrases(
    """Remove the word {a}: {s}
    (Take|Leave) out the word {a}: {s}
    Delete the word {a} from this sentence: {s}
    Write this without the word {a}: {s}"""
)
QUOTE = Phrases(
    """(Put|Write|Please put) this in quotes: {s}
    Put quotation marks around this: {s}
    Quote this: {s}
    (Can you|Could you) quote this? {s}
    Add quotes: {s}"""
)
REPEAT = Phrases(
    """Repeat this: {s}
    (Say|Write) this again: {s}
    Repeat after me: {s}
    (Copy|Please copy) this (sentence|text): {s}
    Say exactly this: {s}
    Echo: {s}"""
)
BULLETS = Phrases(
    """(Write|Show|Give) this (list|) as bullet points: {s}
    Make bullet points of: {s}
    Turn this into bullet points: {s}
    (Can you|Please) make a bullet list of this: {s}
    Bullet points, please: {s}"""
)
NUMBERED = Phrases(
    """(Write|Show) this as a numbered list: {s}
    Number these: {s}
    Make a numbered list of: {s}
    (Can you|Please) make a numbered list of this: {s}"""
)
PLURAL = Phrases(
    """What is the plural of {w}?
    What's the plural of {w}?
    plural of {w}?
    (Give|Tell) me the plural of {w}.
    One {w}, two what?
    Write {w} in the plural.
    How do you say more than one {w}?
    Make this word plural: {w}"""
)
PAST = Phrases(
    """What is the past tense of {w}?
    What's the past tense of {w}?
    past tense of {w}?
    (Give|Tell) me the past tense of {w}.
    Put {w} into the past tense.
    Today I {w}. Yesterday I what?
    Write the verb {w} in the past."""
)

REGULAR = [verb for verb in VERBS if verb not in IRREGULAR_PASTS and verb != "want"]
MOTIONS = "walked climbed jumped danced travelled returned moved ran swam drove".split()
DEEDS = "found lost bought sold carried painted washed cleaned mended kept saw took held".split()
COUNTED = ANIMALS + THINGS + PEOPLE


LITTLE = {"the", "a", "an", "and", "is", "to"}


def sentence(draw: Draw) -> str:
    adjective, other = draw.some(ADJECTIVES, 2)
    subject, thing = draw.pick(ANIMALS + PEOPLE), draw.pick(THINGS)
    form = draw.between(0, 4)
    if form == 0:
        return f"The {adjective} {subject} {draw.pick(DEEDS)} the {other} {thing}."
    if form == 1:
        return f"{draw.pick(NAMES)} {draw.pick(DEEDS)} {article(adjective)} {thing}."
    if form == 2:
        return f"My {subject} {draw.pick(MOTIONS)} to the {other} {draw.pick(NATURE)}."
    if form == 3:
        return f"The {thing} near the {draw.pick(NATURE)} is {adjective} and {other}."
    return f"{draw.pick(NAMES)} and {draw.pick(NAMES)} {draw.pick(DEEDS)} the {adjective} {thing}."


def _text(draw: Draw) -> str:
    """A sentence, or a few words of which some mean nothing."""
    if draw.chance(0.7):
        return sentence(draw)
    words = [made_up(draw) if draw.chance(0.5) else draw.pick(THINGS) for _ in range(4)]
    return " ".join(words[: draw.between(1, 4)])


def _changed(phrases: Phrases, change, how: str):
    def make(draw: Draw) -> Case:
        text = _text(draw)
        answer = change(text)
        question = phrases(draw, s=text)
        key = ("rewrite", how, text)
        return Case(question, answer, f"I write it again {how}.", key, exact(answer), answer)

    return make


def _word_change(draw: Draw) -> Case:
    text = sentence(draw)
    words = text.rstrip(".").split(" ")
    old = draw.pick([word for word in words[1:] if word not in LITTLE and words.count(word) == 1])
    if draw.chance(0.75):
        new = draw.pick(ADJECTIVES + THINGS) if draw.chance(0.6) else made_up(draw)
        question = REPLACE(draw, a=old, b=new, s=text)
        thought = f"The word {old} becomes {new}. The rest stays."
    else:
        new, question = "", REMOVE(draw, a=old, s=text)
        thought = f"The word {old} goes. The rest stays."
    changed = [new if word == old else word for word in words]
    answer = " ".join(word for word in changed if word) + "."
    return Case(question, answer, thought, ("replace", old, new, text), exact(answer), answer)


def _as_list(draw: Draw) -> Case:
    items = draw.some(draw.pick((ANIMALS, FOODS, THINGS, NAMES, NATURE)), draw.between(2, 6))
    numbered = draw.chance(0.35)
    marks = [f"{i + 1}." for i in range(len(items))] if numbered else ["-"] * len(items)
    answer = "\n".join(f"{mark} {item}" for mark, item in zip(marks, items))
    question = (NUMBERED if numbered else BULLETS)(draw, s=", ".join(items))
    thought = f"There are {len(items)} items, so I write {len(items)} lines."
    return Case(question, answer, thought, ("bullets", *items), exact(answer), answer)


def _grammar(draw: Draw) -> Case:
    """The class of phrasing is in the key: the form of a word is taught by other phrasings."""
    if draw.chance(0.55):
        word = draw.pick(COUNTED) if draw.chance(0.8) else made_up(draw)
        value, phrases, name = plural(word), PLURAL, "plural"
    else:
        word = draw.pick(list(IRREGULAR_PASTS)) if draw.chance(0.5) else draw.pick(REGULAR)
        value, phrases, name = past(word), PAST, "past tense"
    question = phrases(draw, w=word)
    key = ("grammar", question)
    answer = f"The {name} of {word} is {value}."
    return Case(question, answer, f"One says {value}.", key, contains(f"is {value}"), value)


TASKS = (
    (0.18, _changed(UPPER, str.upper, "in capital letters")),
    (0.12, _changed(LOWER, str.lower, "in small letters")),
    (0.1, _changed(QUOTE, lambda text: f'"{text}"', "in quotes")),
    (0.15, _changed(REPEAT, str, "as it is")),
    (0.2, _word_change),
    (0.13, _as_list),
    (0.12, _grammar),
)


def case(draw: Draw) -> Case:
    made = draw.weighted(TASKS)(draw)
    if made.key[1] == "in small letters" and draw.chance(0.6):
        return _shouted(draw, made)
    return made


def _shouted(draw: Draw, made: Case) -> Case:
    """Small letters are of use for a text in capitals."""
    text = made.key[2].upper()
    made.user = LOWER(draw, s=text)
    return made
