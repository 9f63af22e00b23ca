"""Gemma 4's chat format (large family, July revision), in pieces a tokeniser can take one by one.

The rules are those of src/text/chat_render.cc, for conversations of texts and tools. `trained`
marks what the model itself writes. In a thinking dialogue an earlier answer has lost its thought,
so it is context only: trained on it, the model would learn to answer without one.
"""

from dataclasses import dataclass

from .core import Dialogue

CLOSED = "<turn|>"


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    special: bool
    trained: bool


class _Writer:
    """Collects pieces; neighbouring plain texts become one, as a tokeniser must see them."""

    def __init__(self):
        self.pieces: list[Piece] = []
        self.trained = False
        self._plain: list[str] = []
        self._plain_trained = False

    def plain(self, text: str) -> None:
        if self._plain and self._plain_trained != self.trained:
            self.flush()
        if text:
            self._plain_trained = self.trained
            self._plain.append(text)

    def control(self, text: str) -> None:
        self.flush()
        self.pieces.append(Piece(text, True, self.trained))

    def quoted(self, text: str) -> None:
        self.control('<|"|>')
        self.plain(text)
        self.control('<|"|>')

    def flush(self) -> None:
        if self._plain:
            self.pieces.append(Piece("".join(self._plain), False, self._plain_trained))
            self._plain.clear()

    def separated(self, items, write) -> None:
        for i, item in enumerate(items):
            if i:
                self.plain(",")
            write(item)


def _sorted(mapping: dict) -> list[tuple]:
    return sorted(mapping.items(), key=lambda pair: pair[0].lower())


class _Syntax:
    """Values, calls, results and declarations of tools."""

    def __init__(self, out: _Writer):
        self.out = out

    def value(self, value, quoted_keys: bool = False) -> None:
        out = self.out
        if isinstance(value, str):
            out.quoted(value)
        elif isinstance(value, dict):
            out.plain("{")
            self.fields(value, quoted_keys)
            out.plain("}")
        elif isinstance(value, list):
            out.plain("[")
            out.separated(value, lambda item: self.value(item, quoted_keys))
            out.plain("]")
        elif value is None or isinstance(value, bool):
            out.plain({None: "null", True: "true", False: "false"}[value])
        else:
            out.plain(repr(value))

    def fields(self, mapping: dict, quoted_keys: bool = False) -> None:
        def field(pair):
            (self.out.quoted if quoted_keys else self.out.plain)(pair[0])
            self.out.plain(":")
            self.value(pair[1], quoted_keys)

        self.out.separated(_sorted(mapping), field)

    def call(self, function: dict) -> None:
        self.out.control("<|tool_call>")
        self.out.plain("call:" + function["name"] + "{")
        self.fields(function["arguments"])
        self.out.plain("}")
        self.out.control("<tool_call|>")

    def response(self, name: str, result) -> None:
        self.out.plain("response:" + name + "{")
        self.fields(result if isinstance(result, dict) else {"value": result})
        self.out.plain("}")
        self.out.control("<tool_response|>")

    def declaration(self, tool: dict) -> None:
        out, function = self.out, tool["function"]
        out.control("<|tool>")
        out.plain("declaration:" + function["name"] + "{description:")
        out.quoted(function["description"])
        schema = function.get("parameters")
        if schema:
            out.plain(",parameters:{")
            if schema.get("properties"):
                self._properties(schema["properties"])
                out.plain(",")
            if schema.get("required"):
                self._required(schema["required"])
                out.plain(",")
            out.plain("type:")
            out.quoted(schema["type"].upper())
            out.plain("}")
        out.plain("}")
        out.control("<tool|>")

    def _properties(self, properties: dict) -> None:
        def one(pair):
            self.out.plain(pair[0] + ":")
            self._property(pair[1])

        self.out.plain("properties:{")
        self.out.separated(_sorted(properties), one)
        self.out.plain("}")

    def _required(self, names: list[str]) -> None:
        self.out.plain("required:[")
        self.out.separated(names, self.out.quoted)
        self.out.plain("]")

    def _property(self, schema: dict) -> None:
        self.out.plain("{")
        self.out.separated(self._property_fields(schema), lambda write: write())
        self.out.plain("}")

    def _property_fields(self, schema: dict) -> list:
        kind, fields = schema["type"].upper(), []
        if schema.get("description"):
            fields.append(lambda: self._named("description:", schema["description"]))
        if kind == "STRING" and schema.get("enum"):
            fields.append(lambda: self._named("enum:", schema["enum"]))
        if kind == "ARRAY" and schema.get("items"):
            fields.append(lambda: self._items(schema["items"]))
        if schema.get("nullable"):
            fields.append(lambda: self.out.plain("nullable:true"))
        if kind == "OBJECT":
            fields.append(lambda: self._properties(schema.get("properties", {})))
            if schema.get("required"):
                fields.append(lambda: self._required(schema["required"]))
        fields.append(lambda: self._named("type:", kind))
        return fields

    def _named(self, name: str, value) -> None:
        self.out.plain(name)
        self.value(value, quoted_keys=True)

    def _items(self, schema: dict) -> None:
        def one(pair):
            key, value = pair
            if key == "properties":
                self._properties(value)
            elif key == "required":
                self._required(value)
            else:
                self._named(key + ":", value.upper() if key == "type" else value)

        self.out.plain("items:{")
        self.out.separated([p for p in _sorted(schema) if p[1] is not None], one)
        self.out.plain("}")


class _Renderer:
    """One conversation up to where the model writes, and what it writes then."""

    def __init__(self, messages, tools, thinking, preserve_thinking=False):
        self.messages, self.tools, self.thinking = messages, tools, thinking
        self.preserve_thinking = preserve_thinking
        self.out = _Writer()
        self.syntax = _Syntax(self.out)
        self.last = "other"
        users = [i for i, message in enumerate(messages) if message["role"] == "user"]
        self.last_user = users[-1] if users else -1

    def prompt(self, generate: bool) -> None:
        self.out.control("<bos>")
        first = self._system_turn()
        turns = [i for i in range(first, len(self.messages)) if self.messages[i]["role"] != "tool"]
        for k, i in enumerate(turns):
            before = turns[k - 1] if k else None
            after = turns[k + 1] if k + 1 < len(turns) else None
            self._message(i, before, after)
        if generate:
            self._generation_prompt()

    def reply(self, message: dict) -> None:
        """What the model generates after the prompt, up to the token that hands over."""
        out = self.out
        out.trained = True
        if self.thinking:
            if self.last != "response":
                out.control("<|channel>")
                out.plain("thought\n")
            out.plain(message["reasoning"] + "\n")
            out.control("<channel|>")
        calls = message.get("tool_calls", [])
        for call in calls:
            self.syntax.call(call["function"])
        out.plain((message.get("content") or "").strip())
        out.control("<|tool_response>" if calls else CLOSED)
        out.trained = False
        if not calls:
            out.plain("\n")

    def _system_turn(self) -> int:
        out = self.out
        has_system = bool(self.messages) and self.messages[0]["role"] in ("system", "developer")
        if not (self.thinking or self.tools or has_system):
            return 0
        out.control("<|turn>")
        out.plain("system\n")
        if self.thinking:
            out.control("<|think|>")
            out.plain("\n")
        if has_system:
            out.plain(self.messages[0]["content"].strip())
        for tool in self.tools:
            self.syntax.declaration(tool)
        out.control(CLOSED)
        out.plain("\n")
        return int(has_system)

    def _is_assistant(self, i) -> bool:
        return i is not None and self.messages[i]["role"] == "assistant"

    def _message(self, i: int, before, after) -> None:
        out, message = self.out, self.messages[i]
        assistant = self._is_assistant(i)
        self.last = "other"
        if not (assistant and self._is_assistant(before)):
            out.control("<|turn>")
            out.plain("model\n" if assistant else message["role"] + "\n")
        thought_shown = self._shows_thought(i)
        out.trained = assistant and (not self.thinking or thought_shown)
        if thought_shown:
            self._thought(message["reasoning"])
        for call in message.get("tool_calls") or []:
            self.syntax.call(call["function"])
            self.last = "call"
        self._responses(i)
        text = self._text(message)
        out.plain(text)
        self._end(bool(text), assistant, after)

    def _shows_thought(self, i: int) -> bool:
        message = self.messages[i]
        kept = self.preserve_thinking and message.get("tool_calls")
        return bool(message.get("reasoning")) and (i > self.last_user or bool(kept))

    def _thought(self, text: str) -> None:
        self.out.control("<|channel>")
        self.out.plain("thought\n" + text + "\n")
        self.out.control("<channel|>")

    def _text(self, message: dict) -> str:
        text = message.get("content") or ""
        if message["role"] == "assistant":
            text = "".join(part.split("<|channel>")[0] for part in text.split("<channel|>"))
        return text.strip()

    def _responses(self, i: int) -> None:
        out, model_writes, names = self.out, self.out.trained, {}
        for call in self.messages[i].get("tool_calls") or []:
            names[call["id"]] = call["function"]["name"]
        k = i + 1
        while names and k < len(self.messages) and self.messages[k]["role"] == "tool":
            # The model opens the first block itself: that token is how it hands over.
            out.trained = model_writes and k == i + 1
            out.control("<|tool_response>")
            out.trained = False
            result = self.messages[k]
            name = names.get(result["tool_call_id"]) or result.get("name", "unknown")
            self.syntax.response(name, result["content"])
            self.last = "response"
            k += 1
        out.trained = model_writes

    def _end(self, has_text: bool, assistant: bool, after) -> None:
        out = self.out
        if self.last == "call":
            out.control("<|tool_response>")
        elif assistant and self._is_assistant(after):
            pass  # the next message goes on in the same turn
        elif self.last == "response" and not has_text and after is None:
            pass  # the model goes on after its results
        else:
            out.control(CLOSED)
            out.trained = False
            out.plain("\n")
        out.trained = False

    def _generation_prompt(self) -> None:
        out = self.out
        if self.last == "other":
            out.control("<|turn>")
            out.plain("model\n")
            if not self.thinking:
                out.control("<|channel>")
                out.plain("thought\n")
                out.control("<channel|>")
        elif self.last == "response" and self.thinking:
            out.control("<|channel>")
            out.plain("thought\n")


def render(messages, tools, thinking, preserve_thinking=False, generate=True) -> list[Piece]:
    """A whole conversation, as the template renders it."""
    renderer = _Renderer(messages, tools, thinking, preserve_thinking)
    renderer.prompt(generate)
    renderer.out.flush()
    return renderer.out.pieces


def prompt_pieces(dialogue: Dialogue) -> list[Piece]:
    """What the model is given before it writes the last message."""
    return render(dialogue.messages[:-1], dialogue.tools, dialogue.thinking)


def pieces(dialogue: Dialogue) -> list[Piece]:
    """The prompt, and the last message as the model writes it."""
    renderer = _Renderer(dialogue.messages[:-1], dialogue.tools, dialogue.thinking)
    renderer.prompt(generate=True)
    renderer.reply(dialogue.messages[-1])
    renderer.out.flush()
    return renderer.out.pieces
