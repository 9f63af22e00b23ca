"""Dialogues that nano is trained and judged on; see `families` for what they are about."""

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
