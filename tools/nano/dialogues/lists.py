"""Lists given in the question: sorted, reversed, picked from and joined."""

from .core import Case, Draw, Phrases, contains, exact, join_and, number
from .words import ADJECTIVES, ANIMALS, FOODS, NAMES, NATURE, THINGS

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
POOLS = (ANIMALS, FOODS, THINGS, NATURE, NAMES, ADJECTIVES)

SORT_WORDS = Phrases(
    """Sort these words (alphabetically|in alphabetical order): {l}
    (Sort|Order|Arrange) alphabetically: {l}
    Put these words in alphabetical order: {l}
    (Can you|Please) sort this list by the alphabet: {l}
    Sort from A to Z: {l}
    {l}: sort these alphabetically.
    alphabetical order: {l}"""
)
SORT_NUMBERS = Phrases(
    """Sort these numbers: {l}
    (Sort|Order|Arrange) from smallest to largest: {l}
    Put these numbers in order: {l}
    (Can you|Please) sort these numbers from low to high: {l}
    Order these numbers: {l}
    {l}: sort these numbers."""
)
SORT_DOWN = Phrases(
    """Sort from largest to smallest: {l}
    Sort these numbers from high to low: {l}
    Order these numbers from largest to smallest: {l}
    Put these numbers in descending order: {l}"""
)
REVERSE = Phrases(
    """Reverse this list: {l}
    (Turn|Write) this list round: {l}
    Write this list in reverse order: {l}
    (Can you|Please) reverse the order: {l}
    {l}: reverse this list.
    Say these from last to first: {l}"""
)
NTH = Phrases(
    """What is the {nth} (word|item) in this list: {l}?
    Which (word|item) is {nth} in this list: {l}?
    {l}. What is the {nth} one?
    Give me the {nth} (word|item) of: {l}
    Here is a list: {l}. Which one is {nth}?
    {nth} of these: {l}"""
)
LONGEST = Phrases(
    """Which word is the longest: {l}?
    What is the longest word in this list: {l}?
    Find the longest word: {l}
    {l}. Which of these is the longest word?"""
)
BIGGEST = Phrases(
    """Which number is the {which}: {l}?
    What is the {which} number in this list: {l}?
    Find the {which} number: {l}
    {l}. Which of these is the {which}?"""
)
HOW_MANY = Phrases(
    """How many (words|items) are in this list: {l}?
    Count the (words|items): {l}
    How long is this list: {l}?
    {l}. How many are these?"""
)
JOIN = Phrases(
    """Join these words with (and|"and"): {l}
    Write this list as a phrase: {l}
    Join these with commas and an and at the end: {l}
    Make one phrase of these words: {l}"""
)


def _words(draw: Draw, low: int = 3, high: int = 7) -> list[str]:
    pool = draw.pick(POOLS)
    return draw.some(pool, draw.between(low, high))


def _shown(draw: Draw, items: list) -> str:
    separator = ", " if draw.chance(0.85) else " "
    return separator.join(map(str, items))


def _listed(question: str, items: list, thought: str, key: tuple) -> Case:
    answer = ", ".join(map(str, items))
    return Case(question, answer, thought, key, exact(answer), answer)


def _sort_words(draw: Draw) -> Case:
    words = _words(draw, 3, 6)
    ordered = sorted(words, key=str.lower)
    firsts = ", ".join(dict.fromkeys(word[0].lower() for word in ordered))
    thought = f"The first letters in order are {firsts}."
    question = SORT_WORDS(draw, l=_shown(draw, words))
    return _listed(question, ordered, thought, ("sort", *words))


def _numbers(draw: Draw) -> list[int]:
    return draw.sample(range(draw.pick((21, 101, 101, 1000))), draw.between(3, 7))


def _sort_numbers(draw: Draw) -> Case:
    numbers = _numbers(draw)
    down = draw.chance(0.25)
    ordered = sorted(numbers, reverse=down)
    phrases = SORT_DOWN if down else SORT_NUMBERS
    way = "largest" if down else "smallest"
    thought = f"Start with the {way}, {ordered[0]}, and end with {ordered[-1]}."
    question = phrases(draw, l=", ".join(map(str, numbers)))
    return _listed(question, ordered, thought, ("sort", *numbers))


def _reverse(draw: Draw) -> Case:
    words = _words(draw) if draw.chance(0.7) else _numbers(draw)
    question = REVERSE(draw, l=_shown(draw, words))
    thought = f"The last one is {words[-1]}, so it comes first now."
    return _listed(question, words[::-1], thought, ("reverse", *words))


def _nth(draw: Draw) -> Case:
    words = _words(draw)
    i = draw.between(0, min(len(words), len(ORDINALS)) - 1)
    nth = ORDINALS[i]
    if draw.chance(0.25):
        i, nth = len(words) - 1, "last"
    numbered = ", ".join(f"{k + 1} {word}" for k, word in enumerate(words))
    return Case(
        NTH(draw, nth=nth, l=", ".join(words)),
        f"The {nth} one is {words[i]}.",
        f"{numbered}.",
        ("nth", nth, *words),
        contains(f"is {words[i]}"),
        words[i],
    )


def _longest(draw: Draw) -> Case:
    words = _words(draw, 3, 5)
    while sorted(map(len, words))[-1] < sorted(map(len, words))[-2] + 2:
        words = _words(draw, 3, 5)
    word = max(words, key=len)
    lengths = ", ".join(f"{each} {len(each)}" for each in words)
    return Case(
        LONGEST(draw, l=", ".join(words)),
        f"The longest word is {word}.",
        f"The lengths are: {lengths}.",
        ("longest", *words),
        contains(f"is {word}"),
        word,
    )


def _biggest(draw: Draw) -> Case:
    numbers = _numbers(draw)
    down = draw.chance(0.5)
    value = max(numbers) if down else min(numbers)
    which = draw.pick(("largest", "biggest") if down else ("smallest", "lowest"))
    answer = f"The {which} number is {value}."
    thought = f"Look at {', '.join(map(str, numbers))}. The {which} is {value}."
    question = BIGGEST(draw, which=which, l=", ".join(map(str, numbers)))
    return Case(question, answer, thought, ("extreme", *numbers), number(value), str(value))


def _how_many(draw: Draw) -> Case:
    words = _words(draw, 2, 8)
    numbered = ", ".join(f"{k + 1} {word}" for k, word in enumerate(words))
    answer = f"There are {len(words)} in the list."
    expect = {"kind": "contains", "all": [f"are {len(words)} in"]}
    question = HOW_MANY(draw, l=", ".join(words))
    return Case(question, answer, f"{numbered}.", ("many", *words), expect, str(len(words)))


def _join(draw: Draw) -> Case:
    words = _words(draw, 2, 5)
    answer = join_and(words)
    thought = f"Put and before the last one, {words[-1]}."
    question = JOIN(draw, l=" ".join(words))
    return Case(question, answer, thought, ("join", *words), exact(answer), answer)


TASKS = (
    (0.2, _sort_words),
    (0.2, _sort_numbers),
    (0.15, _reverse),
    (0.2, _nth),
    (0.05, _longest),
    (0.1, _biggest),
    (0.05, _how_many),
    (0.05, _join),
)


def case(draw: Draw) -> Case:
    return draw.weighted(TASKS)(draw)
