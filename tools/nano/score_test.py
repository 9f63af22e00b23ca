"""Scores of right and wrong replies, on the whole evaluation set and on cases of their own."""

import contextlib
import io
import re
import unittest

from dialogues import Dialogue, pieces, prompt_pieces, test_set
from score import ends_in_repetition, score, table

CALL = '<|tool_call>call:f{n:1,on:true,t:[<|"|>a:b,{c}<|"|>]}<tool_call|>'
CALLED = {"name": "f", "arguments": {"n": 1, "on": True, "t": ["a:b,{c}"]}}


def expecting(expect: dict) -> Dialogue:
    return Dialogue("x-test-000000", "x", [], [], False, expect)


def own_reply(dialogue: Dialogue) -> str:
    return "".join(p.text for p in pieces(dialogue)[len(prompt_pieces(dialogue)) :])


def corrupted(reply: str) -> str:
    """Each digit one up, and letters after the thought one further in the alphabet."""
    head, mark, tail = reply.rpartition("<channel|>")

    def shifted(found: re.Match) -> str:
        text = found.group()
        if text.startswith("<"):
            return text
        return "".join(
            str((int(c) + 1) % 10) if c.isdigit() else chr(ord(c) + 1) if c.isalpha() else c
            for c in text
        )

    return head + mark + re.sub(r'<\|"\|>|<\|?[a-z_]+\|?>|[^<]+|<', shifted, tail)


class TestSet(unittest.TestCase):
    dialogues = test_set()

    def test_accepts_every_right_reply(self):
        for dialogue in self.dialogues:
            with self.subTest(dialogue.id):
                self.assertTrue(score(dialogue, own_reply(dialogue)), own_reply(dialogue))

    def test_refuses_every_corrupted_reply(self):
        for dialogue in self.dialogues:
            with self.subTest(dialogue.id):
                wrong = corrupted(own_reply(dialogue))
                self.assertFalse(score(dialogue, wrong), wrong)

    def test_refuses_an_empty_reply(self):
        for dialogue in self.dialogues:
            self.assertFalse(score(dialogue, "<turn|>"), dialogue.id)


class Score(unittest.TestCase):
    def test_the_thought_does_not_count(self):
        dialogue = expecting({"kind": "number", "value": 12})
        self.assertTrue(score(dialogue, "<|channel>thought\n3 + 9\n<channel|>It is 12.<turn|>"))
        self.assertTrue(score(dialogue, "3 + 9\n<channel|>It is 12.<turn|>"))
        self.assertFalse(score(dialogue, "<|channel>thought\n12\n<channel|>It is 13.<turn|>"))
        self.assertFalse(score(dialogue, "It is 120.<turn|>"))

    def test_exact_texts_may_differ_in_spaces_only(self):
        dialogue = expecting({"kind": "exact", "text": "a b"})
        self.assertTrue(score(dialogue, " a\n b <turn|>\n"))
        self.assertFalse(score(dialogue, "A b"))

    def test_contained_words_are_whole(self):
        dialogue = expecting({"kind": "contains", "all": ["red", "Ada Fen"]})
        self.assertTrue(score(dialogue, "Red, says Ada Fen."))
        self.assertFalse(score(dialogue, "Redder, says Ada Fen."))
        self.assertFalse(score(dialogue, "Red."))

    def test_json_is_compared_with_its_types(self):
        dialogue = expecting({"kind": "json", "value": {"a": 1, "b": [True]}})
        self.assertTrue(score(dialogue, '{"b": [true], "a": 1}<turn|>'))
        self.assertFalse(score(dialogue, '{"b": [1], "a": 1}'))
        self.assertFalse(score(dialogue, '{"b": [true], "a": "1"}'))
        self.assertFalse(score(dialogue, 'Here: {"b": [true], "a": 1}'))
        fenced = expecting({"kind": "json", "value": {"a": 1}, "fenced": True})
        self.assertTrue(score(fenced, '```json\n{"a": 1}\n```<turn|>'))
        self.assertFalse(score(fenced, '{"a": 1}'))

    def test_calls_are_a_multiset_with_types(self):
        other = {"name": "g", "arguments": {}}
        dialogue = expecting({"kind": "calls", "calls": [CALLED, other]})
        second = "<|tool_call>call:g{}<tool_call|>"
        self.assertTrue(score(dialogue, second + CALL + "<|tool_response>"))
        self.assertFalse(score(dialogue, CALL + "<|tool_response>"))
        self.assertFalse(score(dialogue, CALL + second + second + "<|tool_response>"))
        self.assertFalse(score(dialogue, CALL + second))
        wrong_type = CALL.replace("n:1", 'n:<|"|>1<|"|>')
        self.assertFalse(score(dialogue, wrong_type + second + "<|tool_response>"))
        self.assertFalse(score(dialogue, CALL.replace("]", "") + second + "<|tool_response>"))

    def test_a_call_is_no_answer(self):
        dialogue = expecting({"kind": "number", "value": 1})
        self.assertFalse(score(dialogue, CALL + "<|tool_response>"))

    def test_repetition_at_the_end_is_seen(self):
        self.assertTrue(ends_in_repetition("Once upon a time. " + "the fox ran " * 8))
        self.assertTrue(ends_in_repetition("a" * 60))
        self.assertTrue(ends_in_repetition("one two three four five six seven. " * 5 + "one two"))
        self.assertFalse(ends_in_repetition("the fox ran " * 3))
        self.assertFalse(ends_in_repetition("the fox ran " * 8 + "and then it slept well."))
        self.assertFalse(ends_in_repetition("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"))

    def test_the_table_counts_by_family(self):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            table([(expecting({}), True), (expecting({}), False)])
        self.assertRegex(out.getvalue(), r"x +2 +1 +50\.0\nall +2 +1 +50\.0")


if __name__ == "__main__":
    unittest.main()
