"""Weekdays, months and the next date."""

from .core import Case, Draw, Phrases, contains, join_and

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh
twelfth""".split()

AFTER = Phrases(
    """Today is {d}. (What|Which) day is it in {n} days?
    If today is {d}, (what|which) day is it in {n} days?
    (What|Which) day is {n} days after {d}?
    (What|Which) weekday comes {n} days after {d}?
    It is {d}. What day will it be in {n} days?
    {n} days after {d}?"""
)
BEFORE = Phrases(
    """Today is {d}. (What|Which) day was it {n} days ago?
    If today is {d}, (what|which) day was it {n} days ago?
    (What|Which) day is {n} days before {d}?
    (What|Which) weekday comes {n} days before {d}?
    It is {d}. What day was it {n} days ago?"""
)
NEIGHBOUR_DAY = Phrases(
    """(What|Which) day comes {side} {d}?
    (What|Which) day is {side} {d}?
    What weekday is right {side} {d}?
    the day {side} {d}?"""
)
NEIGHBOUR_MONTH = Phrases(
    """(What|Which) month comes {side} {m}?
    (What|Which) month is {side} {m}?
    What month is right {side} {m}?
    the month {side} {m}?"""
)
NTH_MONTH = Phrases(
    """(What|Which) is the {nth} month of the year?
    (What|Which) month is the {nth} one?
    What is the name of the {nth} month?
    Name the {nth} month."""
)
LENGTH = Phrases(
    """How many days does {m} have?
    How many days are there in {m}?
    How many days has {m}?
    What is the number of days in {m}?
    How long is {m}?
    days in {m}?"""
)
NEXT_DATE = Phrases(
    """(What|Which) date comes after {d}?
    What is the date after {d}?
    Today is {d}. What is tomorrow's date?
    If today is {d}, what date is tomorrow?
    Which day follows {d}?
    What day comes after {d}?"""
)


def _times(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _weekday(draw: Draw) -> Case:
    day, n, forward = draw.between(0, 6), draw.between(2, 30), draw.chance(0.6)
    value = DAYS[(day + n) % 7] if forward else DAYS[(day - n) % 7]
    weeks, rest = divmod(n, 7)
    sign, side = (1, "after") if forward else (-1, "before")
    walk = [DAYS[(day + sign * i) % 7] for i in range(rest + 1)]
    thought = f"Go {_times(rest, 'day')} from {walk[0]}: {', '.join(walk)}."
    if weeks:
        parts = join_and([_times(weeks, "week")] + [_times(rest, "day")] * (rest > 0))
        thought = f"{n} days are {parts}. " + (thought if rest else "So it is the same weekday.")
    return Case(
        (AFTER if forward else BEFORE)(draw, d=DAYS[day], n=n),
        f"{n} days {side} {DAYS[day]} is {value}.",
        thought,
        ("weekday", day, side, n),
        contains(f"is {value}"),
        value,
    )


def _neighbour(draw: Draw) -> Case:
    names, phrases, slot = draw.pick(((DAYS, NEIGHBOUR_DAY, "d"), (MONTHS, NEIGHBOUR_MONTH, "m")))
    i, side = draw.between(0, len(names) - 1), draw.pick(("after", "before"))
    value = names[(i + (1 if side == "after" else -1)) % len(names)]
    question = phrases(draw, side=side, **{slot: names[i]})
    answer = f"{value} comes {side} {names[i]}."
    thought = f"{value} is right {side} {names[i]}."
    return Case(question, answer, thought, ("order", question), contains(answer[:-1]), value)


def _nth_month(draw: Draw) -> Case:
    i = draw.between(0, 11)
    question = NTH_MONTH(draw, nth=ORDINALS[i])
    answer = f"The {ORDINALS[i]} month is {MONTHS[i]}."
    thought = f"Month {i + 1} is {MONTHS[i]}."
    return Case(question, answer, thought, ("order", question), contains(MONTHS[i]), MONTHS[i])


def _length(draw: Draw) -> Case:
    i = draw.between(0, 11)
    question = LENGTH(draw, m=MONTHS[i])
    answer = f"{MONTHS[i]} has {LENGTHS[i]} days."
    if i == 1:
        answer = "February has 28 days, and 29 in a leap year."
    return Case(
        question,
        answer,
        f"{MONTHS[i]} is a month of {LENGTHS[i]} days.",
        ("order", question),
        contains(f"has {LENGTHS[i]} days"),
        str(LENGTHS[i]),
    )


def _next_date(draw: Draw) -> Case:
    month = draw.between(0, 11)
    day = LENGTHS[month] if draw.chance(0.2) else draw.between(1, LENGTHS[month])
    while month == 1 and day == 28:
        day = draw.between(1, 27)
    last = day == LENGTHS[month]
    value = f"{MONTHS[(month + 1) % 12]} 1" if last else f"{MONTHS[month]} {day + 1}"
    ends = "the last day" if last else "not the last day"
    return Case(
        NEXT_DATE(draw, d=f"{MONTHS[month]} {day}"),
        f"The day after {MONTHS[month]} {day} is {value}.",
        f"{MONTHS[month]} has {LENGTHS[month]} days, so {day} is {ends}.",
        ("date", month, day),
        contains(f"is {value}"),
        value,
    )


TASKS = (
    (0.35, _weekday),
    (0.2, _neighbour),
    (0.1, _nth_month),
    (0.1, _length),
    (0.25, _next_date),
)


def case(draw: Draw) -> Case:
    return draw.weighted(TASKS)(draw)
