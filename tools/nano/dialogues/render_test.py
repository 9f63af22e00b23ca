"""The chat format, against recorded renderings of Google's own template."""

import json
import unittest
from pathlib import Path

from .core import Dialogue
from .render import pieces, prompt_pieces, render

RECORDED = Path(__file__).parents[3] / "tests" / "chat" / "july_large.jsonl"


def joined(parts) -> str:
    return "".join(part.text for part in parts)


def as_ours(entry: dict) -> dict | None:
    """The recorded request in our shape; None if it uses what we do not have."""
    request = json.loads(json.dumps(entry["request"]))
    for message in request["messages"]:
        if isinstance(message.get("content"), list) or "tool_responses" in message:
            return None
        if "reasoning_content" in message:
            message["reasoning"] = message.pop("reasoning_content")
        for call in message.get("tool_calls", []):
            arguments = call["function"]["arguments"]
            if isinstance(arguments, str):
                call["function"]["arguments"] = json.loads(arguments)
    if "response" in json.dumps(request.get("tools", [])):
        return None
    return request


class Render(unittest.TestCase):
    def test_renders_as_the_template_does(self):
        compared = 0
        for line in RECORDED.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            request = as_ours(entry)
            if request is None:
                continue
            compared += 1
            options = entry["options"]
            text = joined(
                render(
                    request["messages"],
                    request.get("tools", []),
                    options["enable_thinking"],
                    options["preserve_thinking"],
                    options["add_generation_prompt"],
                )
            )
            self.assertEqual(text, entry["rendered"], f"conversation {compared}")
        self.assertGreaterEqual(compared, 12)

    def test_the_reply_follows_its_prompt(self):
        dialogue = Dialogue(
            "x",
            "x",
            [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello!", "reasoning": "A greeting."},
                {"role": "user", "content": "Bye"},
                {"role": "assistant", "content": "Goodbye!", "reasoning": "A farewell."},
            ],
            [],
            True,
            None,
        )
        whole, prompt = joined(pieces(dialogue)), joined(prompt_pieces(dialogue))
        self.assertTrue(whole.startswith(prompt))
        self.assertEqual(
            whole[len(prompt) :],
            "<|channel>thought\nA farewell.\n<channel|>Goodbye!<turn|>\n",
        )
        trained = joined(p for p in pieces(dialogue) if p.trained)
        self.assertEqual(trained, "<|channel>thought\nA farewell.\n<channel|>Goodbye!<turn|>")
        dialogue.thinking = False
        trained = joined(p for p in pieces(dialogue) if p.trained)
        self.assertEqual(trained, "Hello!<turn|>Goodbye!<turn|>")

    def test_a_call_hands_over_and_the_answer_goes_on_in_the_same_turn(self):
        call = {"id": "1", "function": {"name": "f", "arguments": {"x": 1}}}
        messages = [
            {"role": "user", "content": "Go"},
            {"role": "assistant", "content": "", "tool_calls": [call], "reasoning": "Call f."},
            {"role": "tool", "tool_call_id": "1", "content": "7"},
            {"role": "assistant", "content": "It is 7.", "reasoning": "Say it."},
        ]
        handed = Dialogue("x", "x", messages[:2], [], False, None)
        self.assertTrue(
            joined(pieces(handed)).endswith(
                "<channel|><|tool_call>call:f{x:1}<tool_call|><|tool_response>"
            )
        )
        whole = Dialogue("x", "x", messages, [], True, None)
        self.assertEqual(
            joined(p for p in pieces(whole) if p.trained),
            "<|channel>thought\nCall f.\n<channel|><|tool_call>call:f{x:1}<tool_call|>"
            "<|tool_response>Say it.\n<channel|>It is 7.<turn|>",
        )


if __name__ == "__main__":
    unittest.main()
