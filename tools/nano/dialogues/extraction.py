"""JSON from a sentence or a note. The key of a case is all its values, in the order asked for."""

import json
from dataclasses import dataclass

from .core import Case, Draw, Phrases, join_and
from .words import ADJECTIVES, ANIMALS, COLOURS, FOODS, NAMES, THINGS, made_up
from .world import JOBS, TOWNS

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def _name(draw: Draw) -> str:
    return draw.pick(NAMES) if draw.chance(0.6) else made_up(draw).capitalize()


def _town(draw: Draw) -> str:
    return draw.pick(TOWNS) if draw.chance(0.6) else made_up(draw).capitalize()


def _count(low: int, high: int):
    return lambda draw: draw.between(low, high)


def _price(draw: Draw) -> float | int:
    whole = draw.between(1, 90)
    return whole + 0.5 if draw.chance(0.4) else whole


def _time(draw: Draw) -> str:
    return f"{draw.between(7, 21)}:{draw.pick(('00', '15', '30', '45'))}"


def _phone(draw: Draw) -> str:
    return "".join(str(draw.between(0, 9)) for _ in range(6))


def _of(choices):
    return lambda draw: draw.pick(choices)


@dataclass(frozen=True)
class Record:
    """Fields with how they are drawn, and sentences that hold them all."""

    fields: dict
    sentences: Phrases


RECORDS = (
    Record(
        {"name": _name, "age": _count(3, 95), "city": _town, "job": _of(JOBS)},
        Phrases(
            """{name} is {age} years old, lives in {city} and works as a {job}.
            {name}, {age}, is a {job} from {city}.
            I met {name} today. {name} is a {job} in {city} and is {age} years old.
            The {job} {name} is {age} and lives in {city}.
            In {city} lives a {job} called {name}, who is {age}."""
        ),
    ),
    Record(
        {"item": _of(THINGS), "count": _count(1, 99), "price": _price, "customer": _name},
        Phrases(
            """{customer} ordered this {item}: {count} pieces at {price} coins each.
            Order of {customer}: item {item}, {count} pieces, {price} coins per piece.
            Please send {customer} the {item}. Number of pieces: {count}. Price: {price} coins.
            The {item} costs {price} coins and {customer} wants {count} of it."""
        ),
    ),
    Record(
        {
            "title": _of("lunch|team meeting|piano lesson|dentist|party|picnic|market".split("|")),
            "day": _of(DAYS),
            "time": _time,
            "place": _town,
        },
        Phrases(
            """The {title} is on {day} at {time} in {place}.
            On {day} at {time} there is the {title} in {place}.
            Do not forget: {title} in {place}, {day}, {time}.
            We moved the {title} to {day}. It starts at {time} in {place}."""
        ),
    ),
    Record(
        {
            "name": _name,
            "animal": _of(ANIMALS),
            "colour": _of(COLOURS),
            "age": _count(2, 20),
            "owner": _name,
        },
        Phrases(
            """{owner} has a {colour} {animal} called {name}, which is {age} years old.
            The {animal} {name} is {colour}, {age} years old and belongs to {owner}.
            {name} is a {colour} {animal} of {age} years. The owner is {owner}.
            {owner} lost a {colour} {animal}. It is {age} years old and answers to {name}."""
        ),
    ),
    Record(
        {"from": _town, "to": _town, "day": _of(DAYS), "seats": _count(2, 12)},
        Phrases(
            """I need {seats} seats from {from} to {to} on {day}.
            On {day} a bus goes from {from} to {to} with {seats} free seats.
            The train leaves {from} on {day}, goes to {to} and has {seats} seats left.
            From {from} to {to}, {day}, {seats} seats please."""
        ),
    ),
    Record(
        {"name": _name, "phone": _phone, "city": _town},
        Phrases(
            """You can call {name} in {city} under {phone}.
            The number of {name} from {city} is {phone}.
            {name} lives in {city}. Phone: {phone}.
            Call {phone} and ask for {name} in {city}."""
        ),
    ),
    Record(
        {
            "city": _town,
            "temperature": _count(-9, 38),
            "sky": _of("clear cloudy rainy foggy windy snowy sunny".split()),
            "day": _of(DAYS),
        },
        Phrases(
            """On {day} it is {sky} in {city} with {temperature} degrees.
            The weather in {city} on {day}: {sky}, {temperature} degrees.
            {city} will be {sky} on {day}, and the temperature is {temperature}.
            {temperature} degrees and {sky}: that is {day} in {city}."""
        ),
    ),
    Record(
        {
            "product": _of(FOODS + THINGS),
            "colour": _of(COLOURS),
            "price": _price,
            "in_stock": lambda draw: draw.chance(0.5),
        },
        Phrases(
            """The {colour} {product} costs {price} coins and {stock}.
            Our {product} comes in {colour}, it {stock}, and the price is {price}.
            {product}, {colour}, {price} coins. It {stock}.
            We sell a {colour} {product} for {price} coins. It {stock}."""
        ),
    ),
    Record(
        {
            "title": lambda draw: f"The {draw.pick(ADJECTIVES)} {draw.pick(THINGS)}".title(),
            "author": _name,
            "pages": _count(20, 900),
            "year": _count(1900, 2025),
        },
        Phrases(
            """{author} wrote the book {title} in {year}. It has {pages} pages.
            {title} is a book of {pages} pages by {author} from {year}.
            In {year} the book {title} by {author} came out with {pages} pages.
            I read {title} by {author}, {pages} pages, written in {year}."""
        ),
    ),
)

# A phrasing is one line, so a line break in it is written <br>.
ASK = Phrases(
    """Extract {keys} as JSON: {text}
    (Give|Return|Write) {keys} as JSON: {text}
    (Get|Find|Read) {keys} from this text and answer in JSON: {text}
    {text} Extract {keys} as JSON.
    Turn this into JSON with the keys {keys}: {text}
    (Please make|Make) a JSON object with {keys} from this: {text}
    Answer with JSON only. Keys: {keys}. Text: {text}
    JSON with {keys}: {text}
    What are {keys}? Answer as a JSON object. {text}
    (Can you|Could you) put {keys} of this text into JSON? {text}
    From the text below, extract {keys} as JSON.<br><br>{text}
    Text: {text}<br>Extract as JSON: {keys}"""
)
FENCED = Phrases(
    """Extract {keys} as JSON in a code block: {text}
    (Give|Return|Write) {keys} in a ```json code block: {text}
    {text} Extract {keys} as JSON. Use a ```json fence.
    Put {keys} into a json code block: {text}
    Answer with a ```json block. Keys: {keys}. Text: {text}"""
)


def _note(draw: Draw, values: dict) -> str:
    """The fields as lines, in any order."""
    names = draw.some(list(values), len(values))
    mark = draw.pick((": ", " = ", ": "))
    shown = {name: json.dumps(value).strip('"') for name, value in values.items()}
    return "\n" + "\n".join(f"{name}{mark}{shown[name]}" for name in names)


def case(draw: Draw) -> Case:
    record = draw.pick(RECORDS)
    values = {name: make(draw) for name, make in record.fields.items()}
    if draw.chance(0.2):
        text = _note(draw, values)
    else:
        stock = "is in stock" if values.get("in_stock") else "is sold out"
        text = _capital(record.sentences(draw, stock=stock, **values))
    names = list(values)
    if draw.chance(0.5):
        names = draw.some(names, draw.between(2, len(names)))
    value = {name: values[name] for name in names}
    fenced = draw.chance(0.2)
    keys = join_and(names) if draw.chance(0.6) else ", ".join(names)
    phrases = FENCED if fenced else ASK
    question = phrases(draw, keys=keys, text=text)
    question = question.replace("<br>", "\n").replace(" \n", "\n")
    answer = json.dumps(value)
    expect = {"kind": "json", "value": value, "fenced": fenced}
    shown = ", ".join(f"{name} is {json.dumps(each)}" for name, each in value.items())
    reply = f"```json\n{answer}\n```" if fenced else answer
    return Case(question, reply, f"In the text {shown}.", ("json", *value.values()), expect, reply)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
