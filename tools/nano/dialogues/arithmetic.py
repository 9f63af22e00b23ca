"""Sums, differences, products and divisions without rest; the thought works them out by hand."""

import operator

from .core import Case, Draw, Phrases, contains, number
from .words import FOODS, NAMES, THINGS, plural

OPERATIONS = {
    "+": operator.add,
    "-": operator.sub,
    "x": operator.mul,
    "/": operator.floordiv,
}
PLACES = ("Units", "Tens", "Hundreds", "Thousands")

ASK = {
    "+": Phrases(
        """What is {a} + {b}?
        What's {a} + {b}?
        {a} + {b}
        {a} + {b} = ?
        {a} plus {b}?
        What is {a} plus {b}?
        (Calculate|Compute|Work out) {a} + {b}.
        (Please add|Add) {a} and {b}.
        (Can you|Could you please) add {a} and {b}?
        How much is {a} + {b}?
        How much is {a} plus {b}?
        What is the sum of {a} and {b}?
        Tell me {a} + {b}.
        What do you get when you add {a} to {b}?
        What does {a} + {b} make?
        Do you know what {a} + {b} is?"""
    ),
    "-": Phrases(
        """What is {a} - {b}?
        What's {a} - {b}?
        {a} - {b}
        {a} - {b} = ?
        {a} minus {b}?
        What is {a} minus {b}?
        (Calculate|Compute|Work out) {a} - {b}.
        (Subtract|Take|Please take) {b} from {a}.
        How much is {a} - {b}?
        How much is {a} minus {b}?
        What is {a} less {b}?
        Tell me {a} - {b}.
        What is left when you take {b} from {a}?
        Do you know what {a} - {b} is?"""
    ),
    "x": Phrases(
        """What is {a} x {b}?
        What's {a} * {b}?
        {a} x {b}
        {a} * {b} = ?
        {a} times {b}?
        What is {a} times {b}?
        (Calculate|Compute|Work out) {a} x {b}.
        (Multiply|Please multiply) {a} by {b}.
        How much is {a} x {b}?
        How much is {a} times {b}?
        What is the product of {a} and {b}?
        Tell me {a} times {b}.
        Do you know what {a} * {b} is?"""
    ),
    "/": Phrases(
        """What is {a} / {b}?
        What's {a} / {b}?
        {a} / {b}
        {a} / {b} = ?
        {a} divided by {b}?
        What is {a} divided by {b}?
        (Calculate|Compute|Work out) {a} / {b}.
        (Divide|Please divide) {a} by {b}.
        How much is {a} / {b}?
        How much is {a} divided by {b}?
        How many times does {b} go into {a}?
        Tell me {a} divided by {b}."""
    ),
}

STORY = {
    "+": Phrases(
        """{n} has {a} {things} and gets {b} more. How many {things} does {n} have now?
        {n} has {a} {things}. {m} gives {n} {b} more. How many {things} does {n} have?
        There are {a} {things} in one box and {b} in another. How many {things} are there in all?
        {n} found {a} {things} and {m} found {b}. How many did they find together?
        {n} sold {a} {things} on Monday and {b} on Tuesday. How many {things} is that in all?
        A shop has {a} {things}. It buys {b} more. How many {things} does it have?"""
    ),
    "-": Phrases(
        """{n} has {a} {things} and gives {b} to {m}. How many {things} does {n} have left?
        There are {a} {things} on the table. {n} takes {b}. How many {things} are left?
        {n} had {a} {things} and lost {b}. How many {things} does {n} have now?
        A shop has {a} {things} and sells {b}. How many {things} are left?
        {n} needs {a} {things} and has {b}. How many {things} are missing?"""
    ),
    "x": Phrases(
        """{n} has {a} boxes with {b} {things} each. How many {things} is that?
        There are {a} bags. Each bag holds {b} {things}. How many {things} are there in all?
        {n} buys {b} {things} on each of {a} days. How many {things} does {n} buy?
        One box holds {b} {things}. How many {things} are in {a} boxes?"""
    ),
    "/": Phrases(
        """{n} shares {a} {things} equally among {b} friends. How many {things} does each get?
        {a} {things} are put into {b} boxes, the same number in each. How many are in each box?
        {n} has {a} {things} and puts {b} in each bag. How many bags does {n} need?"""
    ),
}

PLENTY = [
    plural(noun)
    for noun in THINGS + FOODS
    if noun not in {"milk", "bread", "rice", "corn", "butter", "honey", "jam", "tea", "coffee"}
    and noun not in {"juice", "sugar", "salt", "cheese", "soup", "stew", "paper", "soap", "glass"}
    and noun not in {"salad", "rope", "thread", "sail"}
]

SIZES = ((0.25, 9), (0.4, 99), (0.35, 999))


def operands(draw: Draw) -> tuple[int, str, int]:
    op = draw.weighted(((0.4, "+"), (0.3, "-"), (0.2, "x"), (0.1, "/")))
    if op == "x":
        a, b = draw.between(2, 9), draw.between(2, 99)
        return (a, op, b) if draw.chance(0.8) else (b, op, a)
    if op == "/":
        b, result = draw.between(2, 9), draw.between(2, 20)
        return b * result, op, b
    a = draw.between(0, draw.weighted(SIZES))
    b = draw.between(0, draw.weighted(SIZES))
    if op == "-" and a < b and draw.chance(0.95):
        a, b = b, a
    return a, op, b


def key(a: int, op: str, b: int) -> tuple:
    """Turned-round sums and products are the same fact."""
    return ("arithmetic", min(a, b), op, max(a, b)) if op in "+x" else ("arithmetic", a, op, b)


def result(a: int, op: str, b: int) -> int:
    return OPERATIONS[op](a, b)


def _digits(value: int) -> list[int]:
    return [int(digit) for digit in reversed(str(value))]


def _added(a: int, b: int) -> list[str]:
    x, y, carry, steps = _digits(a), _digits(b), 0, []
    for i in range(max(len(x), len(y))):
        terms = [digits[i] for digits in (x, y) if i < len(digits)] + [1] * carry
        total = sum(terms)
        carry = total // 10
        sums = " + ".join(map(str, terms))
        shown = f"{sums} = {total}" if len(terms) > 1 else str(total)
        steps.append(f"{PLACES[i]}: {shown}")
        if carry:
            steps[-1] += f", write {total - 10}, carry 1"
    return steps


def _subtracted(a: int, b: int) -> list[str]:
    x, y, borrowed, steps = _digits(a), _digits(b), 0, []
    for i, top in enumerate(x):
        low = (y[i] if i < len(y) else 0) + borrowed
        note = f"{PLACES[i]}: "
        if top < low:
            note += f"{top} is less than {low}, borrow, "
            top += 10
        borrowed = int(top >= 10)
        steps.append(f"{note}{top} - {low} = {top - low}")
    return steps


def _multiplied(a: int, b: int) -> list[str]:
    one, two = (a, b) if a < 10 else (b, a)
    tens, units = two - two % 10, two % 10
    if not tens or not units:
        return [f"{one} x {two} = {one * two}"]
    parts = [f"{one} x {tens} = {one * tens}", f"{one} x {units} = {one * units}"]
    return [*parts, f"{one * tens} + {one * units} = {one * two}"]


def worked(a: int, op: str, b: int) -> str:
    """How it is done on paper, ending with the result."""
    if op == "+":
        steps = _added(a, b)
    elif op == "-" and a >= b:
        steps = _subtracted(a, b)
    elif op == "-":
        steps = [f"{a} is less than {b}", f"{b} - {a} = {b - a}", "The result is negative"]
    elif op == "x":
        steps = _multiplied(a, b)
    else:
        steps = [f"{b} x {a // b} = {a}"]
    return ". ".join([*steps, f"So {a} {op} {b} = {result(a, op, b)}."])


def plain(draw: Draw) -> Case:
    a, op, b = operands(draw)
    value = result(a, op, b)
    return Case(
        ASK[op](draw, a=a, b=b),
        f"{a} {op} {b} = {value}.",
        worked(a, op, b),
        key(a, op, b),
        number(value),
        str(value),
    )


def word_problem(draw: Draw) -> Case:
    a, op, b = operands(draw)
    while min(a, b) < 2 or max(a, b) > 200 or (op == "-" and a < b + 2) or (op == "x" and a > 9):
        a, op, b = operands(draw)
    n, m = draw.some(NAMES, 2)
    things, value = draw.pick(PLENTY), result(a, op, b)
    question = STORY[op](draw, a=a, b=b, n=n, m=m, things=things)
    unit = "bags" if "bags does" in question.lower() else things
    return Case(
        question,
        f"{a} {op} {b} = {value}, so the answer is {value} {unit}.",
        f"The numbers are {a} and {b}. {worked(a, op, b)}",
        key(a, op, b),
        number(value),
        str(value),
    )


COMPARE = Phrases(
    """Which is (bigger|larger|more), {a} or {b}?
    Which number is (bigger|larger|greater), {a} or {b}?
    What is (bigger|more): {a} or {b}?
    Is {a} or {b} the (bigger|larger) number?"""
)


def compare(draw: Draw) -> Case:
    top = draw.weighted(SIZES)
    a, b = draw.between(0, top), draw.between(0, top)
    while a == b:
        b = draw.between(0, 99)
    big, small = max(a, b), min(a, b)
    return Case(
        COMPARE(draw, a=a, b=b),
        f"{big} is bigger than {small}.",
        f"Compare {a} and {b}. {big} is bigger.",
        ("compare", a, b),
        contains(f"{big} is bigger"),
        str(big),
    )


def with_rest(draw: Draw) -> Case:
    b = draw.between(2, 9)
    whole, rest = draw.between(1, 20), draw.between(1, b - 1)
    a = whole * b + rest
    value = f"{whole} remainder {rest}"
    return Case(
        ASK["/"](draw, a=a, b=b),
        f"{a} / {b} = {value}.",
        f"{b} x {whole} = {whole * b}. {a} - {whole * b} = {rest}. So {a} / {b} = {value}.",
        key(a, "/", b),
        contains(value),
        value,
    )


TOO_HARD = "I am sorry, that is too hard for me. I can add small numbers and multiply by one digit."


def too_hard(draw: Draw) -> Case:
    """What a small model had better not try."""
    if draw.chance(0.6):
        op, a, b = "x", draw.between(11, 999), draw.between(11, 999)
    else:
        op, a, b = draw.pick("+-x"), draw.between(10_000, 9_999_999), draw.between(1_000, 99_999)
    thought = f"{a} {op} {b} is too hard for me, so I say so."
    return Case(ASK[op](draw, a=a, b=b), TOO_HARD, thought, key(a, op, b), contains("too hard"))


TASKS = ((0.7, plain), (0.18, word_problem), (0.06, compare), (0.03, with_rest), (0.03, too_hard))


def case(draw: Draw) -> Case:
    return draw.weighted(TASKS)(draw)
