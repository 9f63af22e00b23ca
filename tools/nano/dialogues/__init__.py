"""Dialogues that nano is trained and judged on; see `families` for what they are about.

All text is our own: grammars and templates, drawn from fixed seeds. Training and test are disjoint
by construction: `held_out` hashes the values that a question is about (the two numbers of a sum, a
fact with its class of phrasing, the word to spell, the values in a JSON object, a call's arguments,
a date), and about 4 % of them are kept for the test set. Training draws such a question again; the
question that a test dialogue is judged by is drawn until it is held out. Values that only occur in
earlier turns of a test dialogue may have been seen in training. Small talk has no values, so it is
not judged.
"""

from .core import Dialogue, held_out
from .families import FAMILIES, dialogue, story_set, test_set
from .render import Piece, pieces, prompt_pieces

__all__ = [
    "FAMILIES",
    "Dialogue",
    "Piece",
    "dialogue",
    "held_out",
    "pieces",
    "prompt_pieces",
    "story_set",
    "test_set",
]
