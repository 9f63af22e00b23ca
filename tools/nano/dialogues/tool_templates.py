"""Tools that nano learns to call: names and parameters in variants, requests, results, answers."""

import json
from dataclasses import dataclass

from .core import Draw, Phrases
from .words import ADJECTIVES, ANIMALS, FOODS, NAMES, NOUNS, THINGS, made_up
from .world import TOWNS

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ROOMS = "kitchen bedroom bathroom hall office garage garden cellar attic".split()
UNITS = "metres feet miles inches kilometres yards".split()


@dataclass(frozen=True)
class Parameter:
    """`names` are what the declaration may call it; the first is its slot in requests."""

    names: tuple[str, ...]
    description: str
    schema: dict
    draw: object
    shown: object = str  # how the value stands in a request


@dataclass(frozen=True)
class Tool:
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    requests: Phrases
    result: object  # (draw, values) -> (what the tool says, the answer to the user, what it holds)


def _some(names: str, description: str, schema: dict, draw, shown=str) -> Parameter:
    return Parameter(tuple(names.split()), description, schema, draw, shown)


def text(names: str, description: str, draw) -> Parameter:
    return _some(names, description, {"type": "string"}, draw)


def integer(names: str, description: str, low: int, high: int) -> Parameter:
    return _some(names, description, {"type": "integer"}, lambda d: d.between(low, high))


def decimal(names: str, description: str, low: int, high: int) -> Parameter:
    tenths = (low * 10, high * 10)
    return _some(names, description, {"type": "number"}, lambda d: d.between(*tenths) / 10)


def choice(names: str, description: str, choices: list[str]) -> Parameter:
    return _some(
        names, description, {"type": "string", "enum": choices}, lambda d: d.pick(choices)
    )


def switch(names: str, description: str, yes: str, no: str) -> Parameter:
    return _some(
        names,
        description,
        {"type": "boolean"},
        lambda d: d.chance(0.5),
        lambda value: yes if value else no,
    )


def several(names: str, description: str, kind: str, draw) -> Parameter:
    schema = {"type": "array", "items": {"type": kind}}
    return _some(names, description, schema, draw, lambda value: ", ".join(map(str, value)))


def city(draw: Draw) -> str:
    return draw.pick(TOWNS) if draw.chance(0.5) else made_up(draw).capitalize()


def person(draw: Draw) -> str:
    return draw.pick(NAMES) if draw.chance(0.6) else made_up(draw).capitalize()


def title(draw: Draw) -> str:
    return f"{draw.pick(ADJECTIVES)} {draw.pick(NOUNS)}"


def clock(draw: Draw) -> str:
    return f"{draw.between(7, 22)}:{draw.pick(('00', '15', '30', '45'))}"


def _weather(draw: Draw, values: dict):
    degrees, sky = draw.between(-9, 35), draw.pick("clear cloudy rainy foggy windy".split())
    said = json.dumps({"temperature": degrees, "sky": sky})
    if draw.chance(0.3):
        said = f"{degrees} degrees, {sky}"
    answer = f"It is {degrees} degrees and {sky} in {values['city']}."
    return said, answer, (str(degrees), sky)


def _done(form: str):
    """The tool just says that it worked; the answer says what was done."""

    def result(draw: Draw, values: dict):
        said = draw.pick(("ok", "done", '{"status": "ok"}', '{"done": true}'))
        answer = form.format(**values)
        return said, answer, (answer.rstrip("."),)

    return result


def _one_value(key: str, draw_value, form: str):
    """The tool says one value, bare or under a key."""

    def result(draw: Draw, values: dict):
        value = draw_value(draw)
        said = json.dumps({key: value}) if draw.chance(0.7) else str(value)
        return said, form.format(found=value, **values), (str(value),)

    return result


def _dice(draw: Draw, values: dict):
    rolled = [draw.between(1, values["sides"]) for _ in range(values["count"])]
    shown = ", ".join(map(str, rolled))
    return json.dumps({"rolls": rolled}), f"The rolls are {shown}.", tuple(map(str, rolled))


def _whole_numbers(draw: Draw) -> list[int]:
    return [draw.between(1, 99) for _ in range(draw.between(2, 5))]


TOOLS = (
    Tool(
        ("get_weather", "weather", "current_weather", "weather_in"),
        ("Get the weather of a town", "Tells the current weather", "The weather in a place"),
        (text("city town place location", "Name of the town", city),),
        Phrases(
            """What is the weather in {city}?
            What's the weather like in {city}?
            How is the weather in {city}?
            Is it (warm|cold|raining|sunny) in {city}?
            weather in {city}
            Tell me the weather in {city}.
            How warm is it in {city} now?"""
        ),
        _weather,
    ),
    Tool(
        ("set_timer", "start_timer", "timer"),
        ("Start a timer", "Sets a timer", "A timer that rings after some minutes"),
        (integer("minutes duration time", "Minutes until it rings", 1, 180),),
        Phrases(
            """Set a timer for {minutes} minutes.
            (Start|Please start) a timer of {minutes} minutes.
            Wake me in {minutes} minutes.
            timer {minutes} minutes
            Can you set a timer for {minutes} minutes?
            I need a timer for {minutes} minutes."""
        ),
        _done("The timer is set for {minutes} minutes."),
    ),
    Tool(
        ("add_event", "create_event", "calendar_add", "schedule"),
        ("Add an event to the calendar", "Writes an event into the calendar"),
        (
            text("title event name", "What it is", title),
            choice("day weekday", "Day of the week", DAYS),
            text("time hour", "Time of the day", clock),
        ),
        Phrases(
            """Add "{title}" to my calendar on {day} at {time}.
            Put "{title}" into the calendar for {day}, {time}.
            (Schedule|Please schedule) "{title}" on {day} at {time}.
            On {day} at {time} I have "{title}". Please add it.
            Create an event "{title}" on {day} at {time}."""
        ),
        _done("I added {title} on {day} at {time}."),
    ),
    Tool(
        ("send_message", "message", "text_contact", "send_text"),
        ("Send a message to somebody", "Sends a text message"),
        (
            text("to recipient person contact", "Who gets it", person),
            text("text message content body", "What it says", title),
        ),
        Phrases(
            """Send "{text}" to {to}.
            (Write|Text|Tell) {to}: "{text}"
            Send a message to {to} that says "{text}".
            (Please send|Can you send) {to} the message "{text}"?
            Message {to} "{text}"."""
        ),
        _done("I sent the message to {to}."),
    ),
    Tool(
        ("play_music", "play_song", "music_player"),
        ("Play a song", "Plays music"),
        (
            text("song track title", "Name of the song", title),
            integer("volume loudness", "From 1 to 100", 1, 100),
        ),
        Phrases(
            """Play "{song}" at volume {volume}.
            (Please play|Can you play) "{song}" with volume {volume}?
            I want to hear "{song}" at volume {volume}.
            Put on "{song}", volume {volume}.
            play the song "{song}" at {volume}"""
        ),
        _done("I am playing {song} at volume {volume}."),
    ),
    Tool(
        ("convert_units", "convert", "unit_converter", "convert_length"),
        ("Convert a length to another unit", "Changes the unit of a length"),
        (
            decimal("value amount number", "The length", 1, 200),
            choice("from from_unit source", "Unit it is in", UNITS),
            choice("to to_unit target", "Unit it should be in", UNITS),
        ),
        Phrases(
            """Convert {value} {from} to {to}.
            How many {to} are {value} {from}?
            What is {value} {from} in {to}?
            {value} {from} in {to}
            (Please turn|Turn) {value} {from} into {to}."""
        ),
        _one_value("result", lambda d: d.between(1, 900), "That is {found} {to}."),
    ),
    Tool(
        ("multiply", "calculate_product", "multiply_numbers"),
        ("Multiply two large numbers", "The exact product of two numbers"),
        (
            integer("a x first left", "First number", 100, 9999),
            integer("b y second right", "Second number", 100, 9999),
        ),
        Phrases(
            """What is {a} x {b}?
            (Multiply|Please multiply) {a} by {b}.
            {a} times {b}?
            Calculate {a} * {b}.
            How much is {a} times {b}?"""
        ),
        lambda draw, values: _product(values["a"], values["b"]),
    ),
    Tool(
        ("search_books", "find_books", "library_search", "book_search"),
        ("Search the library for books", "Finds books about a topic"),
        (
            text("topic subject query", "What the books are about", lambda d: d.pick(NOUNS)),
            integer("limit count max_results", "How many books at most", 1, 20),
        ),
        Phrases(
            """Find {limit} books about the {topic}.
            (Search|Look) for {limit} books on the {topic}.
            Show me {limit} books about the {topic}.
            (Please find|Can you find) {limit} books about the {topic}?
            I need {limit} books about the {topic}."""
        ),
        _one_value("found", lambda d: d.between(1, 20), "I found {found} books about {topic}."),
    ),
    Tool(
        ("set_light", "light", "switch_light", "control_light"),
        ("Turn a light on or off", "Switches the light of a room"),
        (
            choice("room place location", "Which room", ROOMS),
            switch("on state turned_on enabled", "Whether it is on", "on", "off"),
        ),
        Phrases(
            """Turn {on} the light in the {room}.
            Turn the {room} light {on}.
            Switch {on} the {room} light.
            (Please turn|Can you turn) the light in the {room} {on}?
            {room} light {on}
            Light {on} in the {room}, please."""
        ),
        lambda draw, values: (
            draw.pick(("ok", '{"status": "ok"}')),
            f"The light in the {values['room']} is now {'on' if values['on'] else 'off'}.",
            (f"{values['room']} is now {'on' if values['on'] else 'off'}",),
        ),
    ),
    Tool(
        ("set_temperature", "heating", "set_heating", "thermostat"),
        ("Set the temperature of a room", "Controls the heating"),
        (
            choice("room place location", "Which room", ROOMS),
            decimal("degrees temperature target", "Degrees", 12, 28),
        ),
        Phrases(
            """Set the {room} to {degrees} degrees.
            Make the {room} {degrees} degrees warm.
            (Please heat|Heat) the {room} to {degrees} degrees.
            I want {degrees} degrees in the {room}.
            {room}: {degrees} degrees please"""
        ),
        _done("The {room} is set to {degrees} degrees."),
    ),
    Tool(
        ("order_food", "order", "order_meal", "food_order"),
        ("Order food", "Orders a meal from the kitchen"),
        (
            text("dish food meal item", "What to order", lambda d: d.pick(FOODS)),
            integer("count amount quantity portions", "How many", 2, 20),
            switch("delivery bring deliver", "Bring it home", "bring it here", "I will fetch it"),
        ),
        Phrases(
            """Order {count} portions of {dish}, {delivery}.
            I want {count} portions of {dish}, {delivery}.
            (Please order|Get) {count} portions of {dish} and {delivery}.
            {count} portions of {dish}, {delivery}, please."""
        ),
        _done("I ordered {count} portions of {dish}."),
    ),
    Tool(
        ("find_route", "route", "directions", "plan_route"),
        ("Find the way between two towns", "Plans a route"),
        (
            text("start origin from", "Where it starts", city),
            text("goal destination to", "Where it ends", city),
            choice("by mode vehicle", "How to travel", ["foot", "bike", "bus", "train", "boat"]),
        ),
        Phrases(
            """How do I get from {start} to {goal} by {by}?
            Find a way from {start} to {goal} by {by}.
            (Show|Tell) me the route from {start} to {goal} by {by}.
            I want to go from {start} to {goal} by {by}.
            route {start} to {goal} by {by}"""
        ),
        _one_value(
            "minutes", lambda d: d.between(5, 400), "From {start} to {goal} takes {found} minutes."
        ),
    ),
    Tool(
        ("add_to_list", "shopping_list", "add_items", "list_add"),
        ("Put things on the shopping list", "Adds items to a list"),
        (
            several(
                "items things entries",
                "What to add",
                "string",
                lambda d: d.some(FOODS, d.between(1, 4)),
            ),
        ),
        Phrases(
            """Add to my shopping list: {items}
            Put on the shopping list: {items}
            (Please write|Write) on the list: {items}
            I need to buy: {items}. Please put it on the list.
            shopping list: {items}"""
        ),
        lambda draw, values: (
            json.dumps({"length": draw.between(4, 30)}),
            f"I added {', '.join(values['items'])} to the list.",
            (", ".join(values["items"]),),
        ),
    ),
    Tool(
        ("create_note", "save_note", "write_note", "add_note"),
        ("Save a note with tags", "Writes a note"),
        (
            text("text note content", "The note", title),
            several(
                "tags labels",
                "Words to find it",
                "string",
                lambda d: d.some(NOUNS, d.between(1, 3)),
            ),
        ),
        Phrases(
            """Save the note "{text}" with the tags {tags}.
            (Write|Make) a note "{text}". Tags: {tags}.
            Note: "{text}", tags: {tags}
            Please note "{text}" under {tags}."""
        ),
        _one_value("id", lambda d: d.between(1, 999), "I saved the note under number {found}."),
    ),
    Tool(
        ("roll_dice", "dice", "throw_dice"),
        ("Roll dice", "Throws dice and tells the numbers"),
        (
            integer("sides faces", "Sides of a die", 4, 30),
            integer("count number dice", "How many dice", 2, 5),
        ),
        Phrases(
            """Roll {count} dice with {sides} sides.
            (Throw|Please throw) {count} dice with {sides} sides each.
            Can you roll {count} dice of {sides} sides?
            I want to roll {count} dice with {sides} sides."""
        ),
        _dice,
    ),
    Tool(
        ("translate", "translate_text", "translator"),
        ("Translate a word", "Says a word in another language"),
        (
            text("text word phrase", "What to translate", lambda d: d.pick(NOUNS)),
            choice(
                "language target to", "Into which", ["German", "French", "Spanish", "Italian"]
            ),
        ),
        Phrases(
            """Translate {text} into {language}.
            What is {text} in {language}?
            How do you say {text} in {language}?
            (Please say|Say) {text} in {language}.
            {text} in {language}?"""
        ),
        _one_value("translation", made_up, "In {language}, {text} is {found}."),
    ),
    Tool(
        ("get_price", "price_of", "product_price", "lookup_price"),
        ("Look up a price", "Tells what a product costs"),
        (text("product item name", "Which product", lambda d: d.pick(THINGS)),),
        Phrases(
            """How much is the {product}?
            What does the {product} cost?
            What is the price of the {product}?
            (Look up|Check) the price of the {product}.
            price of the {product}"""
        ),
        _one_value("price", lambda d: d.between(2, 950), "The {product} costs {found} coins."),
    ),
    Tool(
        ("book_table", "reserve_table", "table_booking", "reservation"),
        ("Book a table", "Reserves a table in the restaurant"),
        (
            text("name guest", "Name of the guest", person),
            integer("people guests seats", "How many people", 2, 14),
            text("time hour at", "When", clock),
        ),
        Phrases(
            """Book a table for {people} at {time} for {name}.
            (Reserve|Please reserve) a table for {people} people at {time}, name {name}.
            I need a table for {people} at {time}. My name is {name}.
            Table for {people} at {time}, for {name}."""
        ),
        _done("I booked a table for {people} at {time}."),
    ),
    Tool(
        ("average", "mean", "calculate_average", "mean_of"),
        ("Average of numbers", "Calculates the mean"),
        (several("numbers values data", "The numbers", "integer", _whole_numbers),),
        Phrases(
            """What is the average of {numbers}?
            (Calculate|Find) the mean of {numbers}.
            Average of {numbers}?
            (Please tell|Tell) me the average of these numbers: {numbers}"""
        ),
        lambda draw, values: _mean(values["numbers"]),
    ),
    Tool(
        ("get_time", "time_in", "local_time", "current_time"),
        ("The time in a town", "Tells what time it is somewhere"),
        (text("city town place location", "Name of the town", city),),
        Phrases(
            """What time is it in {city}?
            What is the time in {city}?
            Tell me the time in {city}.
            time in {city}
            How late is it in {city}?"""
        ),
        _one_value("time", clock, "It is {found} in {city}."),
    ),
    Tool(
        ("rate_movie", "rate_film", "add_rating", "review_film"),
        ("Give stars to a film", "Saves how good a film was"),
        (
            text("title film movie", "Name of the film", title),
            integer("stars rating score", "From 1 to 10", 2, 10),
        ),
        Phrases(
            """Give the film "{title}" {stars} stars.
            Rate "{title}" with {stars} stars.
            I give "{title}" {stars} stars.
            (Please save|Save) {stars} stars for the film "{title}"."""
        ),
        _done("I gave {title} {stars} stars."),
    ),
    Tool(
        ("find_animal", "locate_animal", "where_is_animal", "track_animal"),
        ("Find an animal in the zoo", "Tells in which house of the zoo an animal is"),
        (text("animal species kind", "Which animal", lambda d: d.pick(ANIMALS)),),
        Phrases(
            """Where in the zoo is the {animal}?
            In which house of the zoo is the {animal}?
            (Find|Locate) the {animal} in the zoo.
            I want to see the {animal} in the zoo. Where is it?"""
        ),
        _one_value("house", lambda d: d.between(1, 60), "The {animal} is in house {found}."),
    ),
)


def _product(a: int, b: int):
    return json.dumps({"result": a * b}), f"{a} x {b} = {a * b}.", (str(a * b),)


def _mean(numbers: list[int]):
    mean = f"{round(sum(numbers) / len(numbers), 2):g}"
    return json.dumps({"mean": json.loads(mean)}), f"The average is {mean}.", (mean,)
