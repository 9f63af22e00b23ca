"""Long texts and long conversations, with questions about their beginning, middle and end.

Lengths are drawn evenly on a logarithmic scale, from a few lines to most of the context. A text is
followed by several questions, so that reading it is worth its tokens.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

from . import stories, turns
from .core import Case, Draft, Draw, Phrases, ask, contains, exact
from .rewriting import sentence
from .words import NAMES, THINGS, made_up, plural

TOKENS_MIN, TOKENS_MAX = 150, 6800
THINKING_SHARE = 0.2
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

WORD_OR_MARK = re.compile(r"[A-Za-z]+|[^A-Za-z ]")


def token_estimate(text: str) -> float:
    """More tokens than a text has: digits and marks are one each, a made-up word one per 2.5."""
    found = WORD_OR_MARK.findall(text)
    return sum(1 if len(each) < 3 else len(each) / 2.5 for each in found)


def _length(draw: Draw) -> int:
    low, high = math.log(TOKENS_MIN), math.log(TOKENS_MAX)
    return int(math.exp(low + (high - low) * draw.random()))


def _lines(draw: Draw, make) -> list[str]:
    """Lines of `make` until the drawn length is reached, at least four."""
    room, lines = _length(draw), []
    while room > 0 or len(lines) < 4:
        lines.append(make(draw, len(lines)))
        room -= token_estimate(lines[-1]) + 1
    return lines


CODE_WORD = Phrases(
    """What is the code word?
    What's the code word?
    What was the code word?
    (Find|Tell me|Give me) the code word.
    Which code word is in the text?
    code word?"""
)
FIRST_LINE = Phrases(
    """What is the first line?
    (Repeat|Give me|Copy) the first line.
    How does the {kind} begin?
    What does the first line say?
    Which line comes first?"""
)
LAST_LINE = Phrases(
    """What is the last line?
    (Repeat|Give me|Copy) the last line.
    How does the {kind} end?
    What does the last line say?
    Which line comes last?"""
)
NUMBER_OF = Phrases(
    """What is the number of {n}?
    What's the number of {n}?
    Which number does {n} have?
    (Find|Tell me|Give me|Look up) the number of {n}.
    number of {n}?
    {n}?"""
)
WHO_HAS = Phrases(
    """Who has the number {v}?
    Whose number is {v}?
    Which name has the number {v}?
    Find the name with the number {v}."""
)
FIRST_NAME = Phrases(
    """Who is (first|the first) in the list?
    What is the first name in the list?
    Which name comes first?"""
)
LAST_NAME = Phrases(
    """Who is (last|the last) in the list?
    What is the last name in the list?
    Which name comes last?"""
)
BOUGHT = Phrases(
    """What did {n} buy?
    What did {n} get at the market?
    Tell me what {n} bought.
    Which things did {n} buy?"""
)
HERO = Phrases(
    """Who is the hero of chapter {c}?
    What is the name of the hero in chapter {c}?
    Whom is chapter {c} about?
    Chapter {c}: who is the hero?"""
)
READ_THIS = (
    "Read this {kind}.\n\n{text}\n\n{q}",
    "Here is a {kind}:\n{text}\n\n{q}",
    "{text}\n\n{q}",
    "{q}\n\n{text}",
    "I will ask about this {kind}.\n\n{text}\n\n{q}",
)


@dataclass(slots=True)
class Text:
    """A text and the questions it can answer, each a function of a draw."""

    kind: str
    lines: list[str]
    questions: list


# A text is told apart by one made-up word in it, and that word is the key of all its questions.
def _code_word(draw: Draw) -> str:
    def make(inner: Draw) -> Case:
        word = made_up(inner)
        return Case("", word, "", ("long", word))

    return draw.case(make).answer


def _insert(draw: Draw, lines: list[str], line: str) -> None:
    lines.insert(draw.between(0, len(lines)), line)


def _found(question: str, answer: str, thought: str, value: str) -> Case:
    return Case(question, answer, thought, None, contains(value), value)


def _copied(question: str, line: str, thought: str) -> Case:
    return Case(question, line, thought, None, exact(line), line)


def _ends(kind: str, lines: list[str]) -> list:
    return [
        lambda d: _copied(FIRST_LINE(d, kind=kind), lines[0], "I go back to where it begins."),
        lambda d: _copied(LAST_LINE(d, kind=kind), lines[-1], "I look where it ends."),
    ]


def _note(draw: Draw, word: str) -> Text:
    """Sentences that say nothing much, and a code word in one of them."""
    kind = draw.pick(("note", "text", "letter", "report"))
    lines = _lines(draw, lambda d, i: sentence(d))
    _insert(draw, lines, f"The code word is {word}.")
    answer, thought = f"The code word is {word}.", f"The text says that the code word is {word}."

    def code(d: Draw) -> Case:
        return _found(CODE_WORD(d), answer, thought, word)

    return Text(kind, lines, [code, code, *_ends(kind, lines)])


def _log(draw: Draw, word: str) -> Text:
    """Lines with the time in front."""
    minute = draw.between(0, 600)

    def line(d: Draw, i: int) -> str:
        nonlocal minute
        minute += d.between(1, 9)
        return f"{minute // 60 % 24:02}:{minute % 60:02} {draw.pick(EVENTS)}"

    lines = _lines(draw, line)
    at = draw.between(0, len(lines) - 1)
    lines[at] = f"{lines[at][:5]} code word {word}"
    answer, thought = f"The code word is {word}.", f"The log says code word {word}."
    time = f"It came at {lines[at][:5]}."
    questions = [
        lambda d: _found(CODE_WORD(d), answer, thought, word),
        lambda d: _found(WHEN_CODE(d), time, f"I look for the line of {word}.", lines[at][:5]),
    ]
    return Text("log", lines, [*questions, *_ends("log", lines)])


def _directory(draw: Draw, word: str) -> Text:
    """Names with numbers."""
    digits = draw.between(2, 5)
    numbers: dict[str, str] = {}

    def line(d: Draw, i: int) -> str:
        name = made_up(d).capitalize()
        while name in numbers:
            name = made_up(d).capitalize()
        numbers[name] = "".join(str(d.between(0, 9)) for _ in range(digits))
        return f"{name}: {numbers[name]}"

    lines = _lines(draw, line)
    name = word.capitalize()
    numbers.pop(name, None)
    lines = [each for each in lines if not each.startswith(name + ":")]
    numbers[name] = "".join(str(draw.between(0, 9)) for _ in range(digits))
    _insert(draw, lines, f"{name}: {numbers[name]}")
    return Text("list", lines, _number_questions(lines, numbers))


def _number_questions(lines: list[str], numbers: dict[str, str]) -> list:
    names = list(numbers)
    once = [n for n, count in Counter(numbers.values()).items() if count == 1]
    first, last = (lines[at].split(":")[0] for at in (0, -1))

    def number_of(d: Draw) -> Case:
        name = d.pick(names)
        value = numbers[name]
        answer = f"The number of {name} is {value}."
        return _found(NUMBER_OF(d, n=name), answer, f"I find {name}: {value}", value)

    def who_has(d: Draw) -> Case:
        value = d.pick(once)
        name = next(each for each in names if numbers[each] == value)
        answer = f"The number {value} belongs to {name}."
        return _found(WHO_HAS(d, v=value), answer, f"I find {name}: {value}", name)

    return [
        number_of,
        number_of,
        number_of,
        who_has if once else number_of,
        lambda d: _found(FIRST_NAME(d), f"{first} is first.", f"It begins with {first}.", first),
        lambda d: _found(LAST_NAME(d), f"{last} is last.", f"It ends with {last}.", last),
    ]


def _market(draw: Draw, word: str) -> Text:
    """Who bought what; nobody is told of twice."""
    bought: dict[str, str] = {}

    def line(d: Draw, i: int) -> str:
        name = word.capitalize() if not bought else made_up(d).capitalize()
        while name in bought:
            name = made_up(d).capitalize()
        bought[name] = f"{d.between(2, 60)} {plural(d.pick(THINGS))}"
        return f"On {d.pick(DAYS)} {name} bought {bought[name]}."

    lines = _lines(draw, line)
    draw.shuffle(lines)

    def what(d: Draw) -> Case:
        name = d.pick(list(bought))
        answer = f"{name} bought {bought[name]}."
        return _found(BOUGHT(d, n=name), answer, f"I look for {name} in the text.", bought[name])

    return Text("report", lines, [what, what, what, *_ends("report", lines)])


def _book(draw: Draw, word: str) -> Text:
    """Stories as chapters; the hero of one has a name that no other text has."""
    heroes: list[str] = []
    chosen = draw.between(0, 3)

    def chapter(d: Draw, i: int) -> str:
        name = word.capitalize() if i == chosen else d.pick(NAMES)
        heroes.append(name)
        hero, place = d.pick(stories.HEROES), d.pick(tuple(stories.PLACES))
        return f"Chapter {i + 1}\n" + stories.told(d, hero, name, place, d.pick(THING_NAMES))

    lines = _lines(draw, chapter)

    def who(d: Draw) -> Case:
        at = d.between(0, len(heroes) - 1)
        answer = f"The hero of chapter {at + 1} is {heroes[at]}."
        thought = f"Chapter {at + 1} tells of {heroes[at]}."
        return _found(HERO(d, c=at + 1), answer, thought, heroes[at])

    return Text("book", lines, [who])


EVENTS = (
    [f"{thing} {what}" for thing in ("door", "window", "gate") for what in ("open", "closed")]
    + [f"{name} {what}" for name in NAMES[:30] for what in ("came in", "went out", "called")]
    + [f"{thing} {what}" for thing in ("light", "radio", "engine", "fan") for what in ("on", "off")]
)
THING_NAMES = tuple(stories.GOALS)
WHEN_CODE = Phrases(
    """When did the code word come?
    At what time was the code word?
    What time is in the line of the code word?"""
)
TEXTS = ((0.3, _directory), (0.25, _note), (0.2, _market), (0.15, _log), (0.1, _book))


def _text_cases(draw: Draw) -> list[Case]:
    text = draw.weighted(TEXTS)(draw, _code_word(draw))
    cases = [draw.pick(text.questions)(draw) for _ in range(draw.between(2, 7))]
    body = "\n".join(text.lines)
    cases[0].user = draw.pick(READ_THIS).format(kind=text.kind, text=body, q=cases[0].user)
    return cases


def _many_turns(draw: Draw) -> list[Case]:
    """Something to remember at the start, then much else, then the question for it."""
    first, last = turns.remembered(draw)
    room, cases = _length(draw), [first]
    while room > 0:
        case = draw.seen_case(turns.filler)
        room -= token_estimate(case.user + case.answer) + 12
        cases.append(case)
    return [*cases, last]


def draft(draw: Draw) -> Draft:
    cases = (_text_cases if draw.chance(0.75) else _many_turns)(draw)
    thinking = draw.chance(THINKING_SHARE)
    messages: list[dict] = []
    for case in cases:
        ask(messages, case, thinking)
    return Draft(messages, thinking, cases[-1].expect)
