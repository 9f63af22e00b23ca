"""System prompts that change how an ordinary question is answered, or that change nothing."""

import json

from . import arithmetic, counting, dates, facts, spelling, stories, talk
from .core import THINKING_SHARE, Case, Draft, Draw, Phrases, ask, exact
from .words import NAMES, THINGS, made_up

QUESTIONS = (
    (0.35, arithmetic.plain),
    (0.3, facts.forward),
    (0.2, spelling.case),
    (0.15, dates.case),
)

ORDINARY = Phrases(
    """You are a helpful assistant.
    You are a (friendly|kind|polite|good|useful) assistant.
    You are Nano.
    You are Nano, a small (model|assistant).
    (Be helpful|Be kind|Be honest|Be polite).
    Help the user.
    Answer the user's questions.
    You are a helpful, honest assistant. Answer in simple English.
    Answer (truthfully|honestly|correctly)."""
)
UPPER = Phrases(
    """(Answer|Reply|Write|Respond) in (upper case|capital letters|capitals) only.
    Use only capital letters.
    Always write in capitals.
    Your answers must be in upper case.
    WRITE EVERYTHING IN CAPITAL LETTERS.
    (Please shout|Shout): use upper case."""
)
ENDING = Phrases(
    """(End|Finish) (every|each) answer with the word {w}.
    Every answer (ends|must end) with {w}.
    Always say {w} at the end.
    The last word of your answer must be {w}.
    Close each reply with {w}."""
)
BRIEF = Phrases(
    """Be brief: give only the value.
    Answer with the value only.
    (Be brief|Be very brief|Be short).
    Give (only the answer|just the value), no sentence.
    Answer as briefly as you can.
    Only the bare answer, (please|nothing else).
    No full sentences, only the value."""
)
CALLED = Phrases(
    """Call the user {w}.
    The user is called {w}. Use the name.
    Address the user as {w}.
    You talk to {w}. Say the name in every answer.
    The name of the user is {w}. Use it in your answers."""
)
AS_JSON = Phrases(
    """Answer as JSON: {{"answer": ...}}
    (Reply|Answer|Respond) with a JSON object that has the key answer.
    Always answer as JSON with the key "answer".
    Give each answer as {{"answer": value}}.
    Your output is JSON only: {{"answer": ...}}."""
)
REFUSING = Phrases(
    """(Refuse|Do not answer) questions about {w}.
    Do not talk about {w}.
    You may not talk about {w}.
    Never answer questions about {w}.
    If the user asks about {w}, refuse."""
)
NAMED = Phrases(
    """Your name is {w}.
    You are called {w}.
    You are {w}, a small assistant.
    From now on your name is {w}.
    Act as {w}."""
)

# What can be refused, and questions about it.
TOPICS = {
    "sums": arithmetic.plain,
    "spelling": spelling.case,
    "dates": dates.case,
    "stories": stories.case,
    "counting": counting.series,
}


def _judged(case: Case, answer: str, expect: dict | None = None) -> Case:
    case.answer, case.expect = answer, expect or exact(answer)
    return case


def _ordinary(draw: Draw) -> tuple[str, Case]:
    make = talk.case if draw.chance(0.5) else draw.weighted(QUESTIONS)
    return ORDINARY(draw), draw.case(make)


def _upper(draw: Draw) -> tuple[str, Case]:
    case = draw.case(draw.weighted(QUESTIONS))
    return UPPER(draw), _judged(case, case.answer.upper())


def _ending(draw: Draw) -> tuple[str, Case]:
    case = draw.case(draw.weighted(QUESTIONS))
    word = draw.pick(THINGS) if draw.chance(0.5) else made_up(draw)
    return ENDING(draw, w=word), _judged(case, f"{case.answer} {word}")


def _brief(draw: Draw) -> tuple[str, Case]:
    case = draw.case(draw.weighted(QUESTIONS))
    while case.brief is None:
        case = draw.case(draw.weighted(QUESTIONS))
    return BRIEF(draw), _judged(case, case.brief)


def _called(draw: Draw) -> tuple[str, Case]:
    case = draw.case(draw.weighted(QUESTIONS))
    name = draw.pick(NAMES) if draw.chance(0.6) else made_up(draw).capitalize()
    return CALLED(draw, w=name), _judged(case, f"Here you are, {name}: {case.answer}")


def _as_json(draw: Draw) -> tuple[str, Case]:
    case = draw.case(draw.weighted(QUESTIONS))
    while case.brief is None:
        case = draw.case(draw.weighted(QUESTIONS))
    is_number = case.brief.lstrip("-").isdigit()
    value = {"answer": int(case.brief) if is_number else case.brief}
    expect = {"kind": "json", "value": value}
    return AS_JSON(draw), _judged(case, json.dumps(value), expect)


def _refusing(draw: Draw) -> tuple[str, Case]:
    topic, other = draw.some(list(TOPICS), 2)
    is_refused = draw.chance(0.6)
    case = draw.case(TOPICS[topic if is_refused else other])
    if is_refused or case.expect is None:
        topic = topic if is_refused else other
        case = _judged(case, f"I am sorry, I may not talk about {topic}.")
        case.thought = f"The question is about {topic}. I must refuse."
    return REFUSING(draw, w=topic), case


def _named(draw: Draw) -> tuple[str, Case]:
    name = made_up(draw).capitalize() if draw.chance(0.6) else draw.pick(NAMES)

    def make(inner: Draw) -> Case:
        question = inner.pick(("Who are you?", "What is your name?", "what's your name", "who r u"))
        thought = f"I am called {name} here."
        return Case(question, f"I am {name}.", thought, None, exact(f"I am {name}."))

    return NAMED(draw, w=name), draw.case(make)


BEHAVIOURS = (
    (0.3, _ordinary),
    (0.13, _upper),
    (0.1, _ending),
    (0.13, _brief),
    (0.1, _called),
    (0.1, _as_json),
    (0.08, _refusing),
    (0.06, _named),
)


def draft(draw: Draw) -> Draft:
    system, case = draw.weighted(BEHAVIOURS)(draw)
    thinking = draw.chance(THINKING_SHARE)
    messages: list[dict] = [{"role": "system", "content": system}]
    ask(messages, case, thinking)
    return Draft(messages, thinking, case.expect)
