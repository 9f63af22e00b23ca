"""Counting up, down and in steps; the number before and after."""

from .core import Case, Draw, Phrases, exact, number

UP = Phrases(
    """Count from {a} to {b}.
    (Can you count|Could you count) from {a} to {b}?
    Count up from {a} to {b}.
    Count {a} to {b}.
    Please count from {a} to {b}.
    (List|Write|Say|Give me) the numbers from {a} to {b}.
    Start at {a} and count to {b}.
    I want you to count from {a} to {b}.
    All numbers from {a} to {b}, please.
    Name all the numbers from {a} to {b}."""
)
DOWN = Phrases(
    """Count down from {a} to {b}.
    (Can you count|Could you count) down from {a} to {b}?
    Count backwards from {a} to {b}.
    Please count down from {a} to {b}.
    Count from {a} down to {b}.
    (List|Write|Say) the numbers from {a} down to {b}.
    Start at {a} and count down to {b}."""
)
STEPS = Phrases(
    """Count from {a} to {b} in steps of {s}.
    Can you count from {a} to {b} in steps of {s}?
    Count by {s} from {a} to {b}.
    Start at {a} and count to {b} in steps of {s}.
    (List|Write) the numbers from {a} to {b} in steps of {s}."""
)
NEXT = Phrases(
    """(What|Which) number comes after {a}?
    What comes after {a}?
    What is the next number after {a}?
    Which number follows {a}?"""
)
BEFORE = Phrases(
    """(What|Which) number comes before {a}?
    What comes before {a}?
    What is the number before {a}?"""
)


def series(draw: Draw) -> Case:
    step = 1 if draw.chance(0.6) else draw.pick((2, 3, 4, 5, 10))
    count = draw.between(3, 12) if draw.chance(0.85) else draw.between(13, 30)
    low = draw.between(0, 20) if draw.chance(0.7) else draw.between(0, 300)
    numbers = [low + i * step for i in range(count)]
    a, b = numbers[0], numbers[-1]
    if step == 1 and draw.chance(0.35):
        numbers.reverse()
        question, how = DOWN(draw, a=b, b=a), f"Count down from {b} to {a}, one at a time."
    elif step == 1:
        question, how = UP(draw, a=a, b=b), f"Count up from {a} to {b}, one at a time."
    else:
        question, how = STEPS(draw, a=a, b=b, s=step), f"Start at {a}, add {step} until {b}."
    answer = ", ".join(map(str, numbers))
    return Case(question, answer, how, ("count", a, b, step), exact(answer), answer)


def neighbour(draw: Draw) -> Case:
    a = draw.between(1, 1200)
    after = draw.chance(0.5)
    value = a + 1 if after else a - 1
    word = "after" if after else "before"
    return Case(
        (NEXT if after else BEFORE)(draw, a=a),
        f"The number {word} {a} is {value}.",
        f"{a} {'+' if after else '-'} 1 = {value}.",
        ("neighbour", a),
        number(value),
        str(value),
    )


def case(draw: Draw) -> Case:
    return series(draw) if draw.chance(0.85) else neighbour(draw)
