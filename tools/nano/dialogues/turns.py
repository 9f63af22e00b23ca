"""Conversations of two to six turns whose last question leans on an earlier turn."""

from . import arithmetic, counting, dates, facts, lists, spelling, talk
from .core import THINKING_SHARE, Case, Draft, Draw, Phrases, ask, contains, exact, held_out, number
from .words import COLOURS, FOODS, NAMES, SIMPLE, made_up
from .world import WORLD

FILLERS = (
    (0.25, talk.case),
    (0.25, arithmetic.plain),
    (0.2, facts.forward),
    (0.1, spelling.case),
    (0.1, counting.series),
    (0.1, dates.case),
)

NAME = Phrases(
    """What is my name?
    What's my name?
    What was my name?
    (Do you remember|Do you know|Can you say) my name?
    Who am I?
    What am I called?
    Tell me my name.
    How am I called?"""
)
REMEMBER = Phrases(
    """Remember the {kind} {v}.
    (Please remember|Keep in mind|Do not forget) the {kind} {v}.
    The {kind} is {v}. Remember it.
    I will ask you later: the {kind} is {v}.
    Can you remember the {kind} {v}?"""
)
RECALL = Phrases(
    """What was the {kind}?
    Which {kind} did I tell you?
    What {kind} did I ask you to remember?
    (Do you remember|Do you still know) the {kind}?
    Tell me the {kind} again.
    the {kind}?
    And what was the {kind}?"""
)
LIKES = Phrases(
    """My favourite {kind} is {v}.
    I like the {kind} {v} best.
    You should know that my favourite {kind} is {v}.
    By the way, my favourite {kind} is {v}."""
)
LIKED = Phrases(
    """What is my favourite {kind}?
    Which {kind} do I like best?
    Do you remember my favourite {kind}?
    Tell me my favourite {kind}."""
)
GO_ON = {
    "+": Phrases(
        """And plus {b}?
        plus {b}?
        Add {b} to that.
        Now add {b}.
        (And {b} more|And if I add {b})?
        What is that plus {b}?"""
    ),
    "-": Phrases(
        """And minus {b}?
        minus {b}?
        Take {b} from that.
        Now subtract {b}.
        And if I take away {b}?
        What is that minus {b}?"""
    ),
    "x": Phrases(
        """And times {b}?
        times {b}?
        Multiply that by {b}.
        Now times {b}.
        What is that times {b}?"""
    ),
}
AGAIN = Phrases(
    """Say that again.
    (Please repeat|Repeat) that.
    Can you repeat that?
    Once more, please.
    What did you say?
    again
    Pardon?"""
)


def filler(draw: Draw) -> Case:
    return draw.weighted(FILLERS)(draw)


def _fillers(draw: Draw, most: int) -> list[Case]:
    return [draw.seen_case(filler) for _ in range(draw.between(0, most))]


def _name(draw: Draw) -> list[Case]:
    def recall(inner: Draw) -> Case:
        name = inner.pick(NAMES) if inner.chance(0.4) else made_up(inner).capitalize()
        answer = f"Your name is {name}."
        thought = f"The user said the name {name}."
        expect = contains(name)
        return Case(NAME(inner), answer, thought, ("name", name), expect, name)

    last = draw.case(recall)
    return [talk.introduction(draw, last.brief), *_fillers(draw, 4), last]


def _memory_value(draw: Draw) -> tuple[str, str]:
    kind = draw.pick(("word", "number", "code", "password"))
    if kind == "number":
        return kind, str(draw.between(10, 9999))
    if kind == "code":
        return kind, "".join(draw.pick("ABCDEFGHKLMNPRSTUVWXYZ0123456789") for _ in range(5))
    return kind, draw.pick(SIMPLE) if draw.chance(0.3) else made_up(draw)


def remembered(draw: Draw) -> tuple[Case, Case]:
    """Something to remember, and the question for it."""

    def recall(inner: Draw) -> Case:
        kind, value = _memory_value(inner)
        answer = f"The {kind} is {value}."
        thought = f"The user asked me to remember the {kind} {value}."
        question = RECALL(inner, kind=kind)
        return Case(question, answer, thought, ("memory", kind, value), contains(value), value)

    last = draw.case(recall)
    kind, value = last.key[1:]
    thought = f"I must remember the {kind} {value}."
    answer = f"I will remember the {kind} {value}."
    return Case(REMEMBER(draw, kind=kind, v=value), answer, thought, None), last


def _memory(draw: Draw) -> list[Case]:
    first, last = remembered(draw)
    return [first, *_fillers(draw, 4), last]


def _favourite(draw: Draw) -> list[Case]:
    def recall(inner: Draw) -> Case:
        kind, values = inner.pick((("colour", COLOURS), ("food", FOODS), ("number", range(1, 500))))
        value = str(inner.pick(values))
        other = made_up(inner).capitalize()
        answer = f"Your favourite {kind} is {value}."
        thought = f"The user said that it is {value}."
        key = ("favourite", kind, value, other)
        return Case(LIKED(inner, kind=kind), answer, thought, key, contains(value), value)

    last = draw.case(recall)
    _, kind, value, name = last.key
    answer = f"I see, your favourite {kind} is {value}."
    told = Case(LIKES(draw, kind=kind, v=value), answer, f"The user likes {value}.", None)
    return [talk.introduction(draw, name), told, *_fillers(draw, 3), last]


def _sum_after(draw: Draw, value: int) -> Case:
    op = draw.pick("++-x") if value < 100 else draw.pick("++-")
    b = draw.between(2, 9) if op == "x" else draw.between(1, 50)
    if op == "-":
        b = min(b, value)
    total = arithmetic.result(value, op, b)
    return Case(
        GO_ON[op](draw, b=b),
        f"{value} {op} {b} = {total}.",
        f"The last result was {value}. {arithmetic.worked(value, op, b)}",
        arithmetic.key(value, op, b),
        number(total),
        str(total),
    )


def _sums(draw: Draw) -> list[Case]:
    cases = [draw.seen_case(_chain_start)]
    count = draw.between(1, 4)
    for i in range(count):
        value = int(cases[-1].brief)
        draw_case = draw.case if i + 1 == count else draw.seen_case
        cases.append(draw_case(lambda inner, value=value: _sum_after(inner, value)))
    return cases


def _chain_start(draw: Draw) -> Case:
    case = arithmetic.plain(draw)
    while not 0 <= int(case.brief) < 900:
        case = arithmetic.plain(draw)
    return case


def _about_it(draw: Draw) -> list[Case]:
    """Facts of one thing; only the first question names it."""

    def follow(inner: Draw) -> Case:
        entity = inner.pick(WORLD)
        name = inner.pick(tuple(entity.facts))
        return facts.follow_up(inner, entity, name)

    last = draw.case(follow)
    entity = next(each for each in WORLD if each.name == last.key[1])
    names = [name for name in entity.facts if name != last.key[2]]
    names = draw.some(names, draw.between(1, len(names)))
    forms = (facts.asked, facts.told, facts.short)
    first = draw.seen_case(lambda inner: inner.pick(forms)(inner, entity, names[0]))
    return [first, *_more_facts(draw, entity, names[1:]), last]


def _more_facts(draw: Draw, entity, names: list[str]) -> list[Case]:
    cases = (facts.follow_up(draw, entity, name) for name in names)
    return [case for case in cases if not held_out(*case.key)]


def _spell_it(draw: Draw) -> list[Case]:
    """An answer is one word, which is then to be spelled."""

    def make(inner: Draw) -> Case:
        word = made_up(inner) if inner.chance(0.7) else inner.pick(SIMPLE)
        return spelling.spell_that(inner, word)

    last = draw.case(make)
    word = last.key[1]
    first = draw.pick((_repeated_word, _remembered_word))(draw, word)
    return [*_fillers(draw, 2), first, last]


def _repeated_word(draw: Draw, word: str) -> Case:
    question = draw.pick(("Say {w}.", "say {w}", "Repeat this word: {w}", "Repeat: {w}"))
    return Case(question.format(w=word), word, f"I say {word}.", None)


def _remembered_word(draw: Draw, word: str) -> Case:
    question = REMEMBER(draw, kind="word", v=word)
    thought = f"I must remember the word {word}."
    return Case(question, f"I will remember the word {word}.", thought, None)


def _again(draw: Draw) -> list[Case]:
    first = draw.case(_repeatable)
    last = Case(
        AGAIN(draw),
        first.answer,
        f"My last answer was: {first.answer}",
        first.key,
        exact(first.answer),
    )
    return [*_fillers(draw, 2), first, last]


def _repeatable(draw: Draw) -> Case:
    table = ((0.4, arithmetic.plain), (0.3, facts.forward), (0.3, lists.case))
    return draw.weighted(table)(draw)


def _chat(draw: Draw) -> list[Case]:
    """Anything after anything, from hello to goodbye."""
    greeting, farewell = talk.INTENTS[0], talk.INTENTS[5]
    cases = [talk.case_of(draw, greeting)] if draw.chance(0.5) else []
    cases += [draw.seen_case(filler) for _ in range(draw.between(1, 4))]
    if draw.chance(0.3):
        cases.append(talk.case_of(draw, talk.INTENTS[4]))
    if draw.chance(0.3):
        return [*cases, talk.case_of(draw, farewell)]
    return [*cases, draw.case(filler)]


THREADS = (
    (0.14, _name),
    (0.14, _memory),
    (0.06, _favourite),
    (0.14, _sums),
    (0.2, _about_it),
    (0.07, _spell_it),
    (0.05, _again),
    (0.2, _chat),
)


def draft(draw: Draw) -> Draft:
    cases = draw.weighted(THREADS)(draw)
    thinking = draw.chance(THINKING_SHARE)
    messages: list[dict] = []
    for case in cases:
        ask(messages, case, thinking)
    return Draft(messages, thinking, cases[-1].expect)
