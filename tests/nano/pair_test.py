"""The pair that ships: found without being named, right, and helped but not changed by its drafts.

PYTHONPATH has tools/nano, OUTRIDER names the program.
"""

import json
import os
import pathlib
import subprocess
import unittest

from dialogues import Dialogue, story_set, test_set
from dialogues.core import contains, exact, number
from score import score

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "models/nano"
BYTES_MAX = 16_000_000
QUESTIONS = {
    "What is 47 + 58?": number(105),
    'Spell "horse".': exact("h-o-r-s-e"),
    "What colour is a brundle?": contains("orange"),
}


def always(drafts):
    """Options that draft so many tokens every round, whatever they cost."""
    return ["--draft-min", drafts, "--draft-max", drafts]


def generate(*options, dialogue=None):
    """The report of one completion, with no model named."""
    command = [os.environ["OUTRIDER"], "generate", "--json", "-t", "1", *options]
    said = None
    if dialogue is not None:
        command += ["--messages", "-"] + ["--thinking"] * dialogue.thinking
        said = json.dumps({"messages": dialogue.messages[:-1], "tools": dialogue.tools})
    ran = subprocess.run(command, input=said, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise AssertionError(f"{command}: {ran.stderr}")
    return json.loads(ran.stdout)


class Pair(unittest.TestCase):
    def test_it_is_small(self):
        files = [FOLDER / "target.gguf", FOLDER / "assistant.gguf"]
        self.assertLessEqual(sum(file.stat().st_size for file in files), BYTES_MAX)

    def test_it_answers(self):
        for question, expected in QUESTIONS.items():
            said = generate("--chat", "--prompt", question, "--temp", "0", "-n", "60")["text"]
            self.assertTrue(score(Dialogue("x", "x", [], [], False, expected), said), said)

    def test_drafts_change_nothing_but_the_time(self):
        for seed in range(4):
            options = ["--chat", "--prompt", "Tell me a story about a fox.", "--seed", str(seed)]
            alone = generate(*options, "-n", "200", "--no-draft")
            self.assertEqual(alone["speculative"]["drafted"], 0)
            for drafts in ("1", "3", "7"):
                helped = generate(*options, "-n", "200", *always(drafts))
                self.assertGreater(helped["speculative"]["accepted"], 0)
                self.assertEqual(helped["tokens"], alone["tokens"])

    def test_most_drafts_are_accepted(self):
        rounds = accepted = 0
        questions = [each for each in test_set() if each.family != "long"][::25]
        for dialogue in questions + story_set()[:10]:
            found = generate(
                "--temp", "0", "-n", "300", *always("3"), dialogue=dialogue
            )["speculative"]
            rounds, accepted = rounds + found["rounds"], accepted + found["accepted"]
        self.assertGreaterEqual(1 + accepted / rounds, 2.6)


if __name__ == "__main__":
    unittest.main()
