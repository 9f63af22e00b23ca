"""The families of dialogues, how often each is drawn, and the fixed sets for evaluation."""

from . import (
    arithmetic,
    counting,
    dates,
    extraction,
    facts,
    lists,
    long,
    rewriting,
    spelling,
    stories,
    system_prompts,
    talk,
    tools,
    turns,
)
from .core import Dialogue, Draft, Draw, single

# Shares of the dialogues, not of the tokens. What must be practised most (sums, facts, spelling)
# and what a newcomer types first (small talk) come most often; dialogues with tools and stories
# are several times as long as the others, and the few long ones make an eighth of all text.
FAMILIES = {
    "talk": (0.14, single(talk.case)),
    "facts": (0.16, single(facts.case)),
    "arithmetic": (0.16, single(arithmetic.case)),
    "counting": (0.06, single(counting.case)),
    "spelling": (0.12, single(spelling.case)),
    "dates": (0.05, single(dates.case)),
    "lists": (0.08, single(lists.case)),
    "rewriting": (0.07, single(rewriting.case)),
    "json": (0.08, single(extraction.case)),
    "tools": (0.10, tools.draft),
    "system": (0.08, system_prompts.draft),
    "turns": (0.1, turns.draft),
    "long": (0.008, long.draft),
    "stories": (0.08, stories.draft),
}

# How many of each family judge a model; stories and small talk have no one right answer.
TEST_COUNTS = {
    "facts": 130,
    "arithmetic": 150,
    "counting": 50,
    "spelling": 130,
    "dates": 50,
    "lists": 70,
    "rewriting": 60,
    "json": 120,
    "tools": 140,
    "system": 70,
    "turns": 100,
    "long": 60,
}

TOTAL = sum(share for share, _ in FAMILIES.values())
TABLE = [(share / TOTAL, name) for name, (share, _) in FAMILIES.items()]


def _named(split: str, family: str, index: int, draft: Draft) -> Dialogue:
    name = f"{family}-{split}-{index:06d}"
    return Dialogue(name, family, draft.messages, draft.tools, draft.thinking, draft.expect)


def dialogue(split: str, index: int) -> Dialogue:
    """The dialogue of this number; the same whenever it is asked for."""
    draw = Draw(f"{split}/{index}", split)
    family = draw.weighted(TABLE)
    return _named(split, family, index, FAMILIES[family][1](draw))


def of_family(split: str, family: str, index: int) -> Dialogue:
    """Like `dialogue`, but of one family."""
    draw = Draw(f"{family}/{split}/{index}", split)
    return _named(split, family, index, FAMILIES[family][1](draw))


def test_set() -> list[Dialogue]:
    """The fixed evaluation set: all dialogues have a right answer, and values held out."""
    dialogues = []
    for family, count in TEST_COUNTS.items():
        index = 0
        while count:
            made = of_family("test", family, index)
            index += 1
            if made.expect is not None:
                dialogues.append(made)
                count -= 1
    return dialogues


def story_set() -> list[Dialogue]:
    """Open prompts for longer replies, each asked once."""
    by_prompt: dict[str, Dialogue] = {}
    index = 0
    while len(by_prompt) < 200:
        made = of_family("test", "stories", index)
        by_prompt.setdefault(made.messages[0]["content"], made)
        index += 1
    return list(by_prompt.values())
