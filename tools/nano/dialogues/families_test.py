"""The sets: deterministic, well-formed, and disjoint in their values."""

import unittest

from .core import Draw, held_out
from .facts import PAIRS, teachable
from .families import FAMILIES, TEST_COUNTS, dialogue, of_family, story_set, test_set
from .render import pieces


class Families(unittest.TestCase):
    def test_a_dialogue_is_a_function_of_its_number(self):
        for index in range(200):
            self.assertEqual(dialogue("train", index), dialogue("train", index))
        self.assertNotEqual(dialogue("train", 1).messages, dialogue("train", 2).messages)

    def test_every_dialogue_ends_with_an_answer_and_renders(self):
        for family in FAMILIES:
            for index in range(60):
                made = of_family("train", family, index)
                self.assertEqual(made.messages[-1]["role"], "assistant", made.id)
                for piece in pieces(made):
                    if not piece.special:
                        self.assertNotRegex(piece.text, r"<\||\|>", made.id)

    def test_thinking_dialogues_have_thoughts_and_others_none(self):
        for index in range(1000):
            made = dialogue("train", index)
            self.assertEqual("reasoning" in made.messages[-1], made.thinking, made.id)

    def test_the_evaluation_set_has_what_it_promises(self):
        dialogues = test_set()
        for family, count in TEST_COUNTS.items():
            ours = [each for each in dialogues if each.family == family]
            self.assertEqual(len(ours), count)
        self.assertTrue(all(each.expect for each in dialogues))
        self.assertEqual(len({each.id for each in dialogues}), len(dialogues))
        self.assertEqual(len({each.messages[0]["content"] for each in story_set()}), 200)


class Prompts(unittest.TestCase):
    def test_no_judged_prompt_is_a_training_prompt(self):
        def prompt(made):
            return repr((made.messages[:-1], made.tools))

        judged = {prompt(made) for made in test_set()}
        seen = {prompt(dialogue("train", index)) for index in range(20000)}
        self.assertGreater(len(judged), 1000)
        self.assertFalse(judged & seen)


class HeldOut(unittest.TestCase):
    def test_about_four_percent_are_held_out(self):
        share = sum(held_out("n", i) for i in range(20000)) / 20000
        self.assertTrue(0.03 < share < 0.05, share)

    def test_every_fact_is_taught_in_some_phrasing(self):
        self.assertTrue(all(teachable(entity, name) for entity, name in PAIRS))


class Recording(Draw):
    """A draw that remembers the keys it let through: all in training, the judged ones in test."""

    def __init__(self, seed: str, split: str):
        super().__init__(seed, split)
        self.keys: list[tuple] = []

    def _case(self, make, wanted: bool):
        case = super()._case(make, wanted)
        if case.key is not None and wanted == (self.split == "test"):
            self.keys.append(case.key)
        return case


class Disjoint(unittest.TestCase):
    def keys(self, split: str, count: int) -> list[list[tuple]]:
        names, found = list(FAMILIES), []
        for index in range(count):
            family = names[index % len(names)]
            draw = Recording(f"{family}/{split}/{index}", split)
            FAMILIES[family][1](draw)
            found.append(draw.keys)
        return found

    def test_training_and_test_share_no_judged_key(self):
        train = {key for keys in self.keys("train", 20000) for key in keys}
        judged = {key for keys in self.keys("test", 2000) for key in keys}
        self.assertGreater(len(train), 5000)
        self.assertGreater(len(judged), 300)
        self.assertFalse(train & judged)


if __name__ == "__main__":
    unittest.main()
