"""Letters of words: spelling, counting, first and last, backwards.

A real word may be one token of which a model knows only what it was taught, so what is held out of
it is one task at a time. A made-up word is held out with all its tasks.
"""

from .core import Case, Draw, Phrases, exact, number
from .words import SIMPLE, made_up

SPELL = Phrases(
    """Spell {w}.
    Spell the word {w}.
    Spell "{w}".
    (How do you spell|How is|How do I spell) {w}?
    (Can you|Could you) spell {w}?
    Please spell {w}.
    (Can you|Could you) spell the word {w}?
    Spell {w} (for me|letter by letter|please).
    What are the letters of {w}?
    Give me the letters of {w}.
    (Write|Say) {w} letter by letter.
    I cannot spell {w}. Can you?
    spelling of {w}?"""
)
BACKWARDS = Phrases(
    """Spell {w} backwards.
    Spell the word {w} backwards.
    (Can you|Could you) spell {w} backwards?
    What is {w} spelled backwards?
    How do you spell {w} backwards?
    Say the letters of {w} in reverse.
    Give me the letters of {w} from last to first."""
)
COUNT = Phrases(
    """How many letters does {w} have?
    How many letters are in {w}?
    How many letters are in the word {w}?
    Count the letters in {w}.
    How long is the word {w}?
    What is the number of letters in {w}?
    Tell me how many letters {w} has."""
)
FIRST = Phrases(
    """What is the {which} letter of {w}?
    Which letter comes {which} in {w}?
    What's the {which} letter in the word {w}?
    {which} letter of {w}?
    Tell me the {which} letter of {w}.
    Give me the {which} letter in {w}."""
)
HOW_MANY = Phrases(
    """How many times does {x} appear in {w}?
    How many {x}'s are in {w}?
    How many times is the letter {x} in {w}?
    Count the letter {x} in {w}."""
)


def spelled(word: str) -> str:
    return "-".join(word)


def _spell(draw: Draw, word: str, key: tuple) -> Case:
    answer = spelled(word)
    thought = f"Write the letters of {word} one by one."
    return Case(SPELL(draw, w=word), answer, thought, key, exact(answer), answer)


def _backwards(draw: Draw, word: str, key: tuple) -> Case:
    answer = spelled(word[::-1])
    thought = f"The letters of {word} are {spelled(word)}. Turn them round."
    return Case(BACKWARDS(draw, w=word), answer, thought, key, exact(answer), answer)


def _count(draw: Draw, word: str, key: tuple) -> Case:
    numbered = ", ".join(f"{letter} {i + 1}" for i, letter in enumerate(word))
    answer = f"The word {word} has {len(word)} letters."
    expect = number(len(word))
    return Case(COUNT(draw, w=word), answer, f"{numbered}.", key, expect, str(len(word)))


def _first(draw: Draw, word: str, key: tuple) -> Case:
    which = draw.pick(("first", "last"))
    letter = word[0] if which == "first" else word[-1]
    answer = f"The {which} letter of {word} is {letter}."
    thought = f"The letters are {spelled(word)}. The {which} one is {letter}."
    return Case(FIRST(draw, which=which, w=word), answer, thought, key, exact(answer), letter)


def _how_many(draw: Draw, word: str, key: tuple) -> Case:
    letter = draw.pick(word) if draw.chance(0.85) else draw.pick("aeioumnrst")
    count = word.count(letter)
    times = "once" if count == 1 else f"{count} times"
    answer = f"The letter {letter} appears {times} in {word}."
    thought = f"The letters are {spelled(word)}. The letter {letter} is there {times}."
    return Case(HOW_MANY(draw, x=letter, w=word), answer, thought, key, exact(answer), str(count))


TASKS = ((0.5, _spell), (0.15, _count), (0.15, _first), (0.1, _how_many), (0.1, _backwards))


def word_case(draw: Draw, word: str, task) -> Case:
    """`task` on this word, whose key says what is kept apart (see above)."""
    is_real = word in REAL
    key = ("spell", word, task.__name__) if is_real else ("spell", word)
    return task(draw, word, key)


REAL = frozenset(SIMPLE)


def case(draw: Draw) -> Case:
    task = draw.weighted(TASKS)
    word = draw.pick(SIMPLE) if draw.chance(0.45) else made_up(draw, 3)
    while task is _backwards and len(word) > 7 or len(word) > 11:
        word = made_up(draw, 2)
    return word_case(draw, word, task)


def spell_that(draw: Draw, word: str) -> Case:
    """A follow-up: the word was in the last answer."""
    made = word_case(draw, word, _spell)
    made.user = draw.pick(
        ("Spell that.", "Can you spell that?", "How do you spell that?", "spell it", "Spell it.")
    )
    return made
