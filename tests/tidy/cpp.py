"""Just enough C++ to measure functions: text without comments and strings, and matching braces."""

import dataclasses
import re

# A string's or a comment's inside becomes spaces; line ends stay, so lines keep their numbers.
TOKENS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<number>\b\d[\w']*)
      | (?P<char>'(?:\\.|[^'\\\n])+')""",
    re.S | re.X)
PREPROCESSOR = re.compile(r"^[ ]*\#(?:\\\n|[^\n])*", re.M)
SCOPE = re.compile(
    r"^(?:template<>|inline|extern|typedef|static|constexpr|export|requires<>|\s)*"
    r"(?:namespace|class|struct|union|enum|extern)\b")
NOT_FUNCTIONS = {"if", "for", "while", "switch", "catch", "return", "sizeof", "decltype", "alignas",
                 "static_assert", "noexcept", "requires", "defined", "__attribute__", "alignof"}


@dataclasses.dataclass
class Function:
    name: str
    line: int
    lines: int  # of the body, braces included; 0 for a declaration
    parameters: int


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    def replace(match):
        if match.group("number"):
            return match.group(0)
        if match.group("comment"):
            return _blank(match.group(0))
        return '"' + _blank(match.group(0))[1:-1] + '"'
    return TOKENS.sub(replace, text)


def _prepared(text):
    return PREPROCESSOR.sub(lambda match: _blank(match.group(0)), without_comments(text))


def _without_angles(text):
    """Drops template arguments, innermost first; comparisons and shifts stay."""
    text = re.sub(r"operator\s*(?:<=>|<<|>>|<=|>=|<|>)", "operator_", text)
    text = text.replace("->", "  ")
    while True:
        shorter = re.sub(r"<[^<>;{}]*>", "", text)
        if shorter == text:
            return text
        text = shorter


def _parenthesised(text):
    """The top-level (…) groups of `text`, with the word before each."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        if char == "(":
            if depth == 0:
                start = at
            depth += 1
        elif char == ")" and depth > 0:
            depth -= 1
            if depth == 0:
                word = re.search(r"(operator\s*\S*|[\w:~]+)\s*$", text[:start])
                yield (word.group(1) if word else "", text[start + 1:at])


def _without_parentheses(text):
    out, depth = [], 0
    for char in text:
        if char == ")":
            depth -= 1
        if depth == 0 or (char == ")" and depth == 0):
            out.append(char)
        if char == "(":
            depth += 1
    return "".join(out)


def _signature(header):
    """(name, number of parameters) if the text before a brace or semicolon declares a function."""
    header = re.sub(r"\[\[.*?\]\]", " ", _without_angles(header))
    header = re.sub(r"\b(?:public|private|protected)\s*:", " ", header).strip()
    header = re.sub(r"\b(?:alignas|decltype|noexcept|requires|__attribute__)\s*\([^()]*\)", "",
                    header)
    outside = re.sub(r"operator\s*(?:[-+*/%^&|=!<>~]+|\(\)|\[\])", "operator_", header)
    assigned = re.sub(r"=\s*(?:0|default|delete)\s*$", "", _without_parentheses(outside))
    if "=" in assigned or re.match(r"(?:using|typedef|static_assert|return|friend class)\b",
                                   header):
        return None
    for name, inside in _parenthesised(outside):
        name = name.strip()
        if not name or name in NOT_FUNCTIONS or name[0].isdigit():
            continue
        inside = re.sub(r"\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]", "", inside)
        count = 0 if inside.strip() in ("", "void") else inside.count(",") + 1
        return name, count
    return None


def _walk(text):
    """Yields (header, line of its end, lines of its body or 0, opened inside a function)."""
    text = _prepared(text)
    stack = []  # (opens a scope, header, line)
    header, parentheses, line = [], 0, 1
    for char in text:
        if char == "\n":
            line += 1
        if char == "(":
            parentheses += 1
        elif char == ")":
            parentheses -= 1
        inside_function = any(not scope for scope, _, _ in stack)
        if char == "{" and parentheses == 0:
            said = "".join(header).strip()
            stack.append((bool(SCOPE.match(_without_angles(said))) and not inside_function,
                          said, line))
            header = []
        elif char == "}" and parentheses == 0:
            if stack:
                _, said, opened = stack.pop()
                yield said, opened, line - opened + 1, any(not scope for scope, _, _ in stack)
            header = []
        elif char == ";" and parentheses == 0:
            yield "".join(header).strip(), line, 0, inside_function
            header = []
        else:
            header.append(char)


def signatures(text):
    """Functions declared or defined outside of functions."""
    found = []
    for header, line, lines, inside in _walk(text):
        signature = None if inside or SCOPE.match(_without_angles(header)) else _signature(header)
        if signature:
            found.append(Function(signature[0], line, lines, signature[1]))
    return found


def functions(text):
    """Functions with a body."""
    return [function for function in signatures(text) if function.lines > 0]
