"""Judges replies against what a dialogue expects.

A reply is text with its control tokens spelled out. Thoughts do not count, only what follows them.
"""

import json
import re
from collections import Counter, defaultdict

from dialogues.core import Dialogue

CONTROL = re.compile(r'<\|[a-z_]+>|<[a-z_]+\|>|<\|"\|>|<eos>|<pad>')
THOUGHT = re.compile(r"<\|channel>.*?<channel\|>", re.DOTALL)
CALL = re.compile(r"<\|tool_call>call:([^{]*)(\{.*?\})<tool_call\|>", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
FENCE = re.compile(r"```json\n(.*)\n```", re.DOTALL)
QUOTE = '<|"|>'


def answer_text(reply: str) -> str:
    """The reply without its thought and control tokens, spaces normalised."""
    return " ".join(visible(reply).split())


def visible(reply: str) -> str:
    """The reply without its thought and control tokens.

    After a tool result the prompt has opened the thought already, so it has no opening here.
    """
    text = THOUGHT.sub("", reply)
    text = text.split("<channel|>")[-1]
    return CONTROL.sub("", text).strip()


class _Syntax:
    """Reads one value of Gemma's tool syntax; ValueError if it is none."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def whole(self):
        value = self.value()
        if self.at != len(self.text):
            raise ValueError("something follows the value")
        return value

    def takes(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) * found
        return found

    def needs(self, token: str) -> None:
        if not self.takes(token):
            raise ValueError(f"{token} is missing")

    def value(self):
        if self.takes(QUOTE):
            end = self.text.index(QUOTE, self.at)
            text, self.at = self.text[self.at : end], end + len(QUOTE)
            return text
        if self.takes("{"):
            return self.mapping()
        if self.takes("["):
            return self.sequence()
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.takes(word):
                return value
        found = NUMBER.match(self.text, self.at)
        if not found:
            raise ValueError("no value")
        self.at = found.end()
        return json.loads(found.group())

    def mapping(self) -> dict:
        result: dict = {}
        while not self.takes("}"):
            if result:
                self.needs(",")
            end = self.text.index(":", self.at)
            name, self.at = self.text[self.at : end], end + 1
            result[name] = self.value()
        return result

    def sequence(self) -> list:
        result: list = []
        while not self.takes("]"):
            if result:
                self.needs(",")
            result.append(self.value())
        return result


def calls_of(reply: str) -> list[dict] | None:
    """The tool calls of a reply; None if one is malformed or the reply does not hand over."""
    body = THOUGHT.sub("", reply).split("<channel|>")[-1].strip()
    if not body.startswith("<|tool_call>") or not body.endswith("<tool_call|><|tool_response>"):
        return None
    calls = []
    rest = CALL.sub("", body)
    if rest != "<|tool_response>":
        return None
    for name, arguments in CALL.findall(body):
        try:
            calls.append({"name": name, "arguments": _Syntax(arguments).whole()})
        except ValueError:
            return None
    return calls


def _canonical(value) -> str:
    """Equal texts for equal values of equal types (True is not 1, and 1 is not 1.0)."""
    return json.dumps(value, sort_keys=True)


def _exact(expect: dict, reply: str) -> bool:
    return answer_text(reply) == " ".join(expect["text"].split())


def _number(expect: dict, reply: str) -> bool:
    found = NUMBER.findall(answer_text(reply))
    return bool(found) and float(found[-1]) == expect["value"]


def _contains(expect: dict, reply: str) -> bool:
    text = answer_text(reply).lower()
    return all(
        re.search(rf"(?<!\w){re.escape(each.lower())}(?!\w)", text) for each in expect["all"]
    )


def _json(expect: dict, reply: str) -> bool:
    text = visible(reply)
    if expect.get("fenced"):
        found = FENCE.fullmatch(text)
        if not found:
            return False
        text = found.group(1)
    try:
        return _canonical(json.loads(text)) == _canonical(expect["value"])
    except ValueError:
        return False


def _calls(expect: dict, reply: str) -> bool:
    calls = calls_of(reply)
    if calls is None:
        return False
    return Counter(map(_canonical, calls)) == Counter(map(_canonical, expect["calls"]))


KINDS = {
    "exact": _exact,
    "number": _number,
    "contains": _contains,
    "json": _json,
    "calls": _calls,
}


def score(dialogue: Dialogue, reply_text: str) -> bool:
    """Whether the reply is right; asks for a dialogue that expects something."""
    if dialogue.expect is None:
        raise ValueError(f"{dialogue.id} has no one right answer")
    expect = dialogue.expect
    if expect["kind"] != "calls" and "<|tool_call>" in reply_text:
        return False
    return KINDS[expect["kind"]](expect, reply_text)


REPEATS_MIN = 4
UNIT_MAX = 40
COVERED_MIN = 60


def ends_in_repetition(text: str) -> bool:
    """Whether the tail is one unit over and over.

    A unit of up to 40 characters, or of up to 40 words, must stand at the end at least 4 times in a
    row and cover 60 characters or more. The last copy may be cut short by the end of the reply.
    """
    text = CONTROL.sub("", text).strip()
    return _repeats(text, len) or _repeats(
        text.split(), lambda words: sum(map(len, words)) + len(words) - 1
    )


def _repeats(items, length) -> bool:
    """`items` is a text or a list of words; the tail has a period when it equals itself moved."""
    for unit in range(1, UNIT_MAX + 1):
        run = 0
        while run + unit < len(items) and items[-1 - run] == items[-1 - run - unit]:
            run += 1
        covered = run + unit
        if covered >= REPEATS_MIN * unit and length(items[-covered:]) >= COVERED_MIN:
            return True
    return False


def table(results) -> str:
    """Prints, and returns, family, count, right and % of [(dialogue, is_right)...]."""
    counts: dict = defaultdict(lambda: [0, 0])
    for dialogue, is_right in results:
        for row in (dialogue.family, "all"):
            counts[row][0] += 1
            counts[row][1] += bool(is_right)
    lines = [f"{'family':<14}{'count':>7}{'right':>7}{'%':>8}"]
    for family, (count, right) in sorted(counts.items(), key=lambda row: (row[0] == "all", row)):
        lines.append(f"{family:<14}{count:>7}{right:>7}{100 * right / count:>8.1f}")
    text = "\n".join(lines)
    print(text)
    return text
