"""What every family builds on: dialogues, cases, seeded draws, phrasings and the held-out rule.

A *case* is one question with its right answer. A family draws cases; a *draft* strings cases
together to messages. What is held out is decided by the values in a case (its key), never by
chance: training redraws a case whose key is held out, the last turn of a test dialogue is redrawn
until its key is. So the two sets are disjoint by construction.
"""

import hashlib
import itertools
import random
import re
from dataclasses import dataclass, field

# The share of keys that only the test set may use: 10 / 256, about 4 %.
HELD_OUT_OF_256 = 10


@dataclass
class Dialogue:
    id: str
    family: str
    messages: list[dict]
    tools: list[dict]
    thinking: bool
    expect: dict | None


@dataclass(slots=True)
class Case:
    """One question. `brief` is its bare value; a key of None is a question without values."""

    user: str
    answer: str
    thought: str
    key: tuple | None
    expect: dict | None = None
    brief: str | None = None


@dataclass(slots=True)
class Draft:
    messages: list[dict]
    thinking: bool = False
    expect: dict | None = None
    tools: list[dict] = field(default_factory=list)


def held_out(*key) -> bool:
    """Whether these values belong to the test set. Depends on nothing else."""
    return hashlib.sha256(repr(key).encode()).digest()[0] < HELD_OUT_OF_256


class Draw(random.Random):
    """Seeded choices, cheaper than random.Random's own, and the split they are made for."""

    def __init__(self, seed: str, split: str):
        super().__init__(seed)
        self.split = split

    def pick(self, choices):
        return choices[int(self.random() * len(choices))]

    def between(self, low: int, high: int) -> int:
        return low + int(self.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        return self.random() < share

    def some(self, choices, count: int) -> list:
        return self.sample(choices, count)

    def weighted(self, table):
        """An entry of [(weight, entry)...]; the weights sum to one."""
        point = self.random()
        for weight, entry in table:
            point -= weight
            if point < 0:
                return entry
        return table[-1][1]

    def case(self, make) -> Case:
        """The case a dialogue is judged by: held out in the test set, and never in training."""
        return self._case(make, self.split == "test")

    def seen_case(self, make) -> Case:
        """A case of an earlier turn: always one that training may use."""
        return self._case(make, False)

    def _case(self, make, wanted: bool) -> Case:
        while True:
            case = make(self)
            if case.key is None or held_out(*case.key) == wanted:
                return case


def expand(template: str) -> list[str]:
    """All readings of a template whose alternatives stand in brackets: "(Hi|Hello) there"."""
    parts = re.split(r"\(([^()]*\|[^()]*)\)", template)
    choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(reading) for reading in itertools.product(*choices)]


def _casual(text: str) -> str:
    return text.lower().rstrip("?.!")


class Phrases:
    """Phrasings of one question, a line each, with slots in braces.

    A third is asked without care for capitals or for the last mark: the template is made casual
    before its slots are filled, so values keep their spelling.
    """

    def __init__(self, lines: str):
        self._lines = [
            [(reading, _casual(reading)) for reading in expand(line.strip())]
            for line in lines.strip().splitlines()
        ]

    def __call__(self, draw: Draw, **slots) -> str:
        tidy, casual = draw.pick(draw.pick(self._lines))
        roll = draw.random()
        template = casual if roll < 0.25 else tidy
        if 0.25 <= roll < 0.33:
            template = tidy.rstrip("?.!")
        elif 0.33 <= roll < 0.38:
            template = typo(draw, tidy)
        return template.format(**slots)


def typo(draw: Draw, template: str) -> str:
    """One slip of the finger in a longer word that is no slot."""
    words = template.split(" ")
    at = draw.between(0, len(words) - 1)
    word = words[at]
    if len(word) < 5 or not word.isalpha():
        return template
    k = draw.between(1, len(word) - 2)
    if draw.chance(0.5):
        words[at] = word[:k] + word[k + 1 :]
    else:
        words[at] = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return " ".join(words)


def article(word: str) -> str:
    starts_with_vowel = word[0].lower() in "aeiou" or word.startswith("honest")
    return ("an " if starts_with_vowel and not word.startswith("uni") else "a ") + word


def join_and(items: list[str]) -> str:
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def exact(text: str) -> dict:
    return {"kind": "exact", "text": text}


def number(value: int) -> dict:
    return {"kind": "number", "value": value}


def contains(*texts: str) -> dict:
    return {"kind": "contains", "all": list(texts)}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def reply(case: Case, thinking: bool) -> dict:
    message = {"role": "assistant", "content": case.answer}
    if thinking:
        message["reasoning"] = case.thought
    return message


def ask(messages: list[dict], case: Case, thinking: bool) -> None:
    messages += [user(case.user), reply(case, thinking)]


# Thinking is asked for in this share of the dialogues.
THINKING_SHARE = 0.3


def single(make):
    """The family of dialogues that are one case of `make`."""

    def draft(draw: Draw) -> Draft:
        case = draw.case(make)
        thinking = draw.chance(THINKING_SHARE)
        messages: list[dict] = []
        ask(messages, case, thinking)
        return Draft(messages, thinking, case.expect)

    return draft
