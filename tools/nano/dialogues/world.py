"""The small invented world that nano knows: lands, towns, rivers, people, animals and foods.

Names are written down here; who lives where follows from fixed tables and one fixed seed, so the
world is the same everywhere.
"""

import random
from dataclasses import dataclass

LANDS = "Velmara Tordane Ossia Brindle Quell Marenth Lunara Kesh Fallow Pindor".split()
TOWNS = """
Lorrin Tamsel Harrow Bellmoor Sandwick Ostrey Pellin Greywater Mossford Calder Dunmere Elmsby
Farrow Glenna Hollin Ivydale Jorvel Kestrel Linden Marrow Norwell Oakhaven Pinewick Redfern
Stillbrook Thornby Umber Wexley Yarrow Zephyr
""".split()
RIVERS = "Tarn Sill Mellow Brisk Aldra Vesper Coil Onna Rilla Dapple Ember Fenna Luth Wend".split()
FIRST = """
Ada Bram Celia Dorin Elsa Falk Greta Hollis Inga Joren Kalle Lisbet Milo Nessa Orin Petra Rufus
Selma Tobin Ursa Vigo Wilma Xandra Yorick Zelda Anton Berta Corin Della Emil Frieda Gustav Hedda
Igor Jutta Konrad Lotte Magnus Nadia Osric
""".split()
LAST = """
Fen Marsh Holt Reed Stone Vale Brook Thorn Hale Moor Finch Birch Lark Flint Dale Wren Ashby
Crane Penn Rook
""".split()
ANIMALS = """
mirrin tolka brundle pifflin sarrow wibbet glome hossel quirl dandrel fennick lumpet ostle rakka
snibbit tuffin velk wollo yimble zorrel barrak crimble drusk elvet gribbin
""".split()
FOODS = """
tarro brallen sweetroot pomble kessie linfa nokka pashel rindle sofka tibbick umfa vanta wimmel
yolken zeppa belmo charn dorrel fizzle grumpin hobcake jellop kranz lomba
""".split()

COLOURS = "red blue green yellow purple white black brown grey pink orange silver golden".split()
JOBS = """
baker farmer teacher doctor sailor miller painter singer writer tailor carpenter gardener fisher
pilot judge clerk cook smith
""".split()
HABITATS = ["forests", "caves", "rivers", "hills", "deserts", "swamps", "meadows", "old trees"]
DIETS = ["leaves", "berries", "fish", "nuts", "grass", "insects", "roots", "honey", "seeds"]
SOUNDS = ["hums", "clicks", "howls", "chirps", "barks", "whistles", "squeaks", "purrs"]
TASTES = ["sweet", "sour", "salty", "bitter", "spicy", "mild"]
SOURCES = ["corn", "milk", "apples", "rice", "honey", "nuts", "plums", "beans", "eggs", "potatoes"]
MOUNTAINS = "Mount Orrel|Mount Sabe|Mount Tivin|Mount Grall|Mount Wisp|Mount Hegg".split("|")


@dataclass(frozen=True)
class Entity:
    name: str  # as it stands in a sentence: "Lorrin", "the Tarn", "a mirrin"
    kind: str
    pronoun: str
    facts: dict[str, str]

    @property
    def start(self) -> str:
        """The name at the start of a sentence."""
        return self.name[0].upper() + self.name[1:]


def _build() -> list[Entity]:
    rng = random.Random(20261124)
    people = [f"{first} {LAST[(i * 7) % len(LAST)]}" for i, first in enumerate(FIRST)]
    mayors = rng.sample(people, len(TOWNS))
    home = {town: LANDS[i % len(LANDS)] for i, town in enumerate(TOWNS)}
    source = {food: TOWNS[i] for i, food in enumerate(rng.sample(FOODS, len(FOODS)))}
    known_for = dict(zip(TOWNS, rng.sample(FOODS, len(FOODS)) + rng.sample(FOODS, 5)))
    rulers = rng.sample([each for each in people if each not in mayors], len(LANDS))
    world = []
    for i, land in enumerate(LANDS):
        facts = {
            "capital": TOWNS[i],
            "ruler": rulers[i],
            "flag": rng.choice(COLOURS),
            "animal": ANIMALS[i * 2],
        }
        world.append(Entity(land, "land", "it", facts))
    for i, town in enumerate(TOWNS):
        facts = {
            "land": home[town],
            "river": RIVERS[i % len(RIVERS)],
            "mayor": mayors[i],
            "dish": known_for[town],
            "founded": str(rng.randrange(300, 999)),
            "houses": rng.choice(COLOURS),
        }
        world.append(Entity(town, "town", "it", facts))
    for river in RIVERS:
        facts = {
            "length": str(rng.randrange(20, 900)),
            "mountain": rng.choice(MOUNTAINS),
            "water": rng.choice(COLOURS),
            "boats": str(rng.randrange(2, 99)),
        }
        world.append(Entity(f"the {river}", "river", "it", facts))
    for i, person in enumerate(people):
        town = TOWNS[mayors.index(person)] if person in mayors else rng.choice(TOWNS)
        facts = {
            "job": rng.choice(JOBS),
            "town": town,
            "age": str(rng.randrange(18, 90)),
            "food": rng.choice(FOODS),
            "pet": rng.choice(ANIMALS),
        }
        pronoun = "she" if person.split()[0] in SHE else "he"
        world.append(Entity(person, "person", pronoun, facts))
    for animal in ANIMALS:
        facts = {
            "legs": str(rng.choice((2, 4, 4, 6, 8))),
            "colour": rng.choice(COLOURS),
            "diet": rng.choice(DIETS),
            "habitat": rng.choice(HABITATS),
            "sound": rng.choice(SOUNDS),
        }
        name = ("an " if animal[0] in "aeiou" else "a ") + animal
        world.append(Entity(name, "animal", "it", facts))
    for food in FOODS:
        facts = {
            "taste": rng.choice(TASTES),
            "colour": rng.choice(COLOURS),
            "source": rng.choice(SOURCES),
            "origin": source[food],
            "price": str(rng.randrange(2, 40)),
        }
        world.append(Entity(food, "food", "it", facts))
    return world


SHE = set(
    """Ada Celia Elsa Greta Inga Lisbet Nessa Petra Selma Ursa Wilma Xandra Zelda Berta Della Frieda
    Hedda Jutta Lotte Nadia""".split()
)

WORLD = _build()
BY_KIND = {
    kind: [entity for entity in WORLD if entity.kind == kind]
    for kind in ("land", "town", "river", "person", "animal", "food")
}
