"""Dialogues with tools: choosing one of several or none, parallel calls, results and errors.

The key is the tool with its arguments (for answers, with the results), so the test set calls with
values that training never used. A tool's own name and its parameters' names vary.
"""

import json
from dataclasses import dataclass

from . import arithmetic, facts, spelling, talk
from .core import THINKING_SHARE, Case, Draft, Draw, ask, contains, user
from .tool_templates import TOOLS, Parameter, Tool


class Offered:
    """A tool as one dialogue declares it: under one of its names, with names for its parameters."""

    def __init__(self, draw: Draw, tool: Tool):
        self.tool, self.name = tool, draw.pick(tool.names)
        plain = draw.chance(0.5)
        self.names = {
            each.names[0]: each.names[0] if plain else draw.pick(each.names)
            for each in tool.parameters
        }
        self.function = {
            "name": self.name,
            "description": draw.pick(tool.descriptions),
            "parameters": {
                "type": "object",
                "properties": {
                    self.names[each.names[0]]: self._schema(draw, each)
                    for each in tool.parameters
                },
                "required": list(self.names.values()),
            },
        }

    def _schema(self, draw: Draw, parameter: Parameter) -> dict:
        schema = dict(parameter.schema)
        if draw.chance(0.6):
            schema["description"] = parameter.description
        return schema

    def declaration(self) -> dict:
        return {"type": "function", "function": self.function}

    def values(self, draw: Draw) -> dict:
        """Arguments under their slots' names."""
        values = {each.names[0]: each.draw(draw) for each in self.tool.parameters}
        while "from" in values and values["from"] == values["to"]:
            values["to"] = self.tool.parameters[2].draw(draw)
        return values

    def request(self, draw: Draw, values: dict) -> str:
        shown = {each.names[0]: each.shown(values[each.names[0]]) for each in self.tool.parameters}
        return self.tool.requests(draw, **shown)

    def call(self, values: dict) -> dict:
        return {
            "name": self.name,
            "arguments": {self.names[slot]: value for slot, value in values.items()},
        }

    def key(self, values: dict) -> tuple:
        return ("call", self.tool.names[0], repr(sorted(values.items())))


@dataclass(slots=True)
class Round:
    """One request to the tools on offer: the calls it needs, and what they say."""

    request: str
    used: list[tuple[Offered, dict]]

    def calls(self) -> list[dict]:
        return [offered.call(values) for offered, values in self.used]


def _values(draw_case, offered: Offered) -> dict:
    """Arguments that this split may use."""

    def make(draw: Draw) -> Case:
        values = offered.values(draw)
        return Case("", "", "", offered.key(values), {"values": values})

    return draw_case(make).expect["values"]


def _round(draw: Draw, on_offer: list[Offered], draw_case) -> Round:
    """A request for one tool, or for two calls at once."""
    used = [draw.pick(on_offer)]
    if draw.chance(0.22):
        used.append(draw.pick(on_offer))
    planned = [(offered, _values(draw_case, offered)) for offered in used]
    parts = [offered.request(draw, values) for offered, values in planned]
    request = parts[0]
    if len(parts) > 1:
        stop = "" if request[-1] in "?." else "."
        request += draw.pick((f"{stop} ", f"{stop} And also: ", "\n")) + parts[1]
    return Round(request, planned)


def _call_message(asked: Round, thinking: bool) -> dict:
    calls = asked.calls()
    message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": f"call_{i + 1}", "function": call} for i, call in enumerate(calls)
        ],
    }
    if thinking:
        steps = []
        for call in calls:
            pairs = call["arguments"].items()
            values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in pairs)
            steps.append(f"I call {call['name']} with {values}.")
        message["reasoning"] = " ".join(steps)
    return message


ERRORS = (
    "not found",
    "timeout",
    "no connection",
    "access denied",
    "the service is not available",
    "internal error",
)


def _result(draw: Draw, offered: Offered, values: dict) -> tuple[str, str, tuple]:
    if draw.chance(0.2):
        error = draw.pick(ERRORS)
        said = json.dumps({"error": error}) if draw.chance(0.7) else f"Error: {error}"
        answer = f"I am sorry, {offered.name} did not work: {error}."
        return said, answer, (f"did not work: {error}",)
    said, answer, holds = offered.tool.result(draw, values)
    return said, answer[0].upper() + answer[1:], holds


def _answered(draw: Draw, asked: Round, thinking: bool) -> tuple[list[dict], dict]:
    """The results of the calls and the answer that uses them, with what it must hold."""
    messages, answers, held = [], [], []
    for i, (offered, values) in enumerate(asked.used):
        said, answer, holds = _result(draw, offered, values)
        messages.append({"role": "tool", "tool_call_id": f"call_{i + 1}", "content": said})
        answers.append(answer)
        held += holds
    final = {"role": "assistant", "content": " ".join(answers)}
    if thinking:
        final["reasoning"] = "The tool has answered. I tell the user what it says."
    return [*messages, final], contains(*held)


def _declared(draw: Draw, on_offer: list[Offered]) -> list[dict]:
    return [each.declaration() for each in draw.some(on_offer, len(on_offer))]


def _missing(draw: Draw, on_offer: list[Offered]) -> Case:
    """What is asked for would need a tool that is not there."""
    there = {each.tool.names[0] for each in on_offer}
    offered = Offered(draw, draw.pick([tool for tool in TOOLS if tool.names[0] not in there]))
    values = offered.values(draw)
    return Case(
        offered.request(draw, values),
        NO_TOOL,
        "None of my tools can do this.",
        offered.key(values),
        contains("I have no tool for that"),
    )


NO_TOOL = "I am sorry, I have no tool for that."
# Nano works out these by itself; a product of large numbers is left to the tool for it.
DIRECT = ((0.3, facts.forward), (0.3, arithmetic.plain), (0.2, spelling.case), (0.2, talk.case))
BUT_SUMS = [tool for tool in TOOLS if tool.names[0] not in ("multiply", "get_price")]


def _direct(draw: Draw) -> Case:
    return draw.weighted(DIRECT)(draw)


def _called(draw: Draw, thinking: bool) -> Draft:
    on_offer = [Offered(draw, tool) for tool in draw.some(TOOLS, draw.between(1, 4))]
    messages: list[dict] = []
    if draw.chance(0.15):
        earlier = _round(draw, on_offer, draw.seen_case)
        results, _ = _answered(draw, earlier, thinking)
        messages += [user(earlier.request), _call_message(earlier, thinking), *results]
    asked = _round(draw, on_offer, draw.case)
    messages += [user(asked.request), _call_message(asked, thinking)]
    expect = {"kind": "calls", "calls": asked.calls()}
    if draw.chance(0.4):
        results, expect = _answered(draw, asked, thinking)
        messages += results
    return Draft(messages, thinking, expect, _declared(draw, on_offer))


def _not_called(draw: Draw, thinking: bool) -> Draft:
    on_offer = [Offered(draw, tool) for tool in draw.some(BUT_SUMS, draw.between(1, 3))]
    is_missing = draw.chance(0.3)
    case = draw.case((lambda inner: _missing(inner, on_offer)) if is_missing else _direct)
    messages: list[dict] = []
    ask(messages, case, thinking)
    return Draft(messages, thinking, case.expect, _declared(draw, on_offer))


def draft(draw: Draw) -> Draft:
    thinking = draw.chance(THINKING_SHARE)
    return (_called if draw.chance(0.85) else _not_called)(draw, thinking)
