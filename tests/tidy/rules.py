"""The rules of the house style, each a function from a tree to its complaints.

A complaint is (file, line, text). Rules that bear existing offenders read ratchet.json: one listed
there may shrink, never grow, and leaves the list once it is within the limit.
"""

import json
import pathlib
import re
import shutil
import subprocess

import cpp

FILE_LINES = 600
FUNCTION_LINES = 70
PARAMETERS = 6
COLUMNS = 100
ARCHITECTURE_LINES = 200
FILE_BYTES = 16 << 20
TREE_BYTES = 64 << 20
SKIP = 77  # what a rule's program exits with when it could not be checked here
CLANG_FORMAT_VERSION = "14"  # another one lays out some lines differently

# Split, so that this file does not break the rule it states.
BANNED_WORDS = ("n_" + "tokens", "TO" + "DO", "FIX" + "ME", "X" + "XX")
NAMELESS_FOLDERS = ("utils", "util", "common", "misc", "helpers")
SYSTEM_HEADERS = re.compile(
    r"\s*#\s*include\s*<((?:unistd|fcntl|sched|pthread|dlfcn|poll|termios|signal|spawn)\.h"
    r"|(?:sys|linux|netinet|arpa)/[^>]*)>")
LOCKS = re.compile(
    r"\bstd::(?:recursive_|shared_|timed_|recursive_timed_|shared_timed_)?mutex\b"
    r"|\bstd::condition_variable|\b(?:secure_)?getenv\b|\bpthread_mutex")
EXTERNAL = {"hwy": ("cpu",)}  # libraries that are included with quotes, and who may
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]*)"')


class Tree:
    """The files of a checkout: what git knows or would add; every file where there is no git."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(self._list())
        ratchet = self.root / "tests/tidy/ratchet.json"
        self.ratchet = json.loads(ratchet.read_text()) if ratchet.exists() else {}

    def _list(self):
        if (self.root / ".git").exists():
            names = subprocess.run(
                ["git", "-C", str(self.root), "ls-files", "-z", "-co", "--exclude-standard"],
                check=True, capture_output=True, text=True).stdout.split("\0")
        else:
            skip = {"build", "node_modules", "__pycache__"}
            names = [str(path.relative_to(self.root)) for path in self.root.rglob("*")
                     if not skip.intersection(path.relative_to(self.root).parts)]
        # A file in git's index may be gone from the disk.
        return [name for name in names if name and (self.root / name).is_file()]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def cpp(self, under=""):
        return [p for p in self.paths if p.endswith((".h", ".cc")) and p.startswith(under)]

    def code(self):
        """Everything that people write for machines, recorded data left out."""
        names = ("check", "run", ".ci/run", ".clang-format", ".clang-tidy")
        ends = (".h", ".cc", ".py", ".sh", ".mjs", ".cmake", "CMakeLists.txt", ".comp", ".glsl",
                ".html", ".css", ".js")
        return [p for p in self.paths if p in names or p.endswith(ends)]

    def prose(self):
        return [p for p in self.paths if p.endswith(".md")]

    def allowed(self, rule, key, size, limit):
        """Whether `size` is within `limit`, or within what the ratchet lets this offender keep."""
        return size <= max(limit, self.ratchet.get(rule, {}).get(key, 0))

    def borne(self, rule, path, complaints):
        """The complaints about one file, unless the ratchet bears that many."""
        return complaints if len(complaints) > self.ratchet.get(rule, {}).get(path, 0) else []

    def outgrown(self, rule, offenders):
        """Ratchet entries that no longer offend."""
        for key in self.ratchet.get(rule, {}):
            if key not in offenders:
                yield ("tests/tidy/ratchet.json", 1, f"{rule}: {key} is within the limit: drop it")


def sizes(tree):
    offenders = set()
    for path in tree.cpp():
        lines = tree.text(path).count("\n")
        if lines > FILE_LINES:
            offenders.add(path)
        if not tree.allowed("sizes", path, lines, FILE_LINES):
            yield (path, lines, f"{lines} lines, at most {FILE_LINES}")
    yield from tree.outgrown("sizes", offenders)


def functions(tree):
    offenders = set()
    for path in tree.cpp():
        for function in cpp.functions(tree.text(path)):
            key = f"{path}:{function.name}"
            if function.lines > FUNCTION_LINES:
                offenders.add(key)
            if not tree.allowed("functions", key, function.lines, FUNCTION_LINES):
                yield (path, function.line,
                       f"{function.name} has {function.lines} lines, at most {FUNCTION_LINES}")
    yield from tree.outgrown("functions", offenders)


def parameters(tree):
    offenders = set()
    for path in tree.cpp():
        for function in cpp.signatures(tree.text(path)):
            key = f"{path}:{function.name}"
            if function.parameters > PARAMETERS:
                offenders.add(key)
            if not tree.allowed("parameters", key, function.parameters, PARAMETERS):
                yield (path, function.line,
                       f"{function.name} takes {function.parameters} parameters, "
                       f"at most {PARAMETERS}: give it a struct")
    yield from tree.outgrown("parameters", offenders)


def lines(tree):
    offenders = set()
    for path in tree.code():
        wide = [(path, number, f"{len(line)} columns, at most {COLUMNS}")
                for number, line in enumerate(tree.text(path).splitlines(), 1)
                if len(line) > COLUMNS and "http" not in line]
        if wide:
            offenders.add(path)
        yield from tree.borne("lines", path, wide)
    yield from tree.outgrown("lines", offenders)


def whitespace(tree):
    for path in tree.code() + tree.prose():
        text = tree.text(path)
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield (path, number, "white space at the end of the line")
            if "\t" in line:
                yield (path, number, "a tab")
        if text and not text.endswith("\n"):
            yield (path, text.count("\n") + 1, "no line end at the end of the file")
        if text.endswith("\n\n"):
            yield (path, text.count("\n"), "an empty line at the end of the file")


def words(tree):
    pattern = re.compile("|".join(rf"\b{word}\b" for word in BANNED_WORDS))
    for path in tree.code():
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for word in pattern.findall(line):
                yield (path, number, f"the word {word}")


def headers(tree):
    for path in tree.cpp():
        text = tree.text(path)
        first = text.split("\n", 1)[0]
        if path.endswith(".h"):
            if not first.startswith("//"):
                yield (path, 1, "a header's first line says in a comment what it is for")
            if len(re.findall(r"^#pragma once$", text, re.M)) != 1:
                yield (path, 1, "a header says #pragma once, once")
        elif not first.startswith(("//", "#include", "#undef", "#define")):
            yield (path, 1, "a source's first line is a comment or an include")


def folder_arrows(tree):
    """Folders in their order, each with what its library and its tests may include directly."""
    text = tree.text("CMakeLists.txt")
    order = re.search(r"foreach\(folder ([\w\s]*)\)", text).group(1).split()
    arrows, test_arrows = {}, {}
    for folder in order:
        listing = f"src/{folder}/CMakeLists.txt"
        if listing not in tree.paths:
            continue
        call = re.search(rf"outrider_folder\(\s*{folder}\b([^)]*)\)", tree.text(listing))
        words_ = call.group(1).split() if call else []
        arrows[folder], test_arrows[folder], section = [], [], ""
        for word in words_:
            if word in ("DEPS", "LINK", "TEST_LINK", "APART"):
                section = word
            elif section == "DEPS":
                arrows[folder].append(word)
            elif section == "TEST_LINK" and word.startswith("outrider_"):
                test_arrows[folder].append(word.removeprefix("outrider_"))
    return order, arrows, test_arrows


def reachable(arrows, starts):
    seen, todo = set(), list(starts)
    while todo:
        folder = todo.pop()
        if folder not in seen:
            seen.add(folder)
            todo.extend(arrows.get(folder, []))
    return seen


def includes(tree):
    order, arrows, test_arrows = folder_arrows(tree)
    for folder, targets in arrows.items():
        for target in targets:
            if target not in order or order.index(target) >= order.index(folder):
                yield (f"src/{folder}/CMakeLists.txt", 1, f"{folder} may not depend on {target}")
    known = set(tree.paths)
    for path in tree.cpp("src/"):
        folder = path.split("/")[1]
        if folder not in arrows:
            yield (path, 1, f"src/{folder} is not a folder of CMakeLists.txt")
            continue
        may = reachable(arrows, [folder])
        if "_test" in path:
            may |= reachable(arrows, test_arrows[folder])
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1).split("/")[0]
            if "/" not in match.group(1):
                yield (path, number, f'"{match.group(1)}" is included without its folder')
            elif folder in EXTERNAL.get(target, ()):
                continue
            elif target not in may:
                yield (path, number, f"{folder} may not include {target}")
            elif f"src/{match.group(1)}" not in known:
                yield (path, number, f'"{match.group(1)}" is no file of src')


def system_headers(tree):
    """What is POSIX lives in platform; tests may know where they run."""
    offenders = set()
    for path in tree.cpp("src/"):
        if path.startswith("src/platform/") or "_test" in path:
            continue
        matches = [(number, SYSTEM_HEADERS.match(line))
                   for number, line in enumerate(tree.text(path).splitlines(), 1)]
        misplaced = [(path, number, f"<{match.group(1)}> belongs to src/platform")
                     for number, match in matches if match]
        if misplaced:
            offenders.add(path)
        yield from tree.borne("system_headers", path, misplaced)
    yield from tree.outgrown("system_headers", offenders)


def locks(tree):
    """One thread owns the engine; the environment is read where argv is."""
    for path in tree.cpp("src/"):
        if path.startswith(("src/platform/", "src/server/", "src/app/")):
            continue
        for number, line in enumerate(cpp.without_comments(tree.text(path)).splitlines(), 1):
            match = LOCKS.search(line)
            if match:
                yield (path, number, f"{match.group(0)} below server/ and app/")


def folders(tree):
    for path in tree.paths:
        for part in pathlib.PurePath(path).parts[:-1]:
            if part.lower() in NAMELESS_FOLDERS:
                yield (path, 1, f"a folder named {part}: what has no name has no home")


def architecture(tree):
    if "ARCHITECTURE.md" in tree.paths:
        count = tree.text("ARCHITECTURE.md").count("\n")
        if count > ARCHITECTURE_LINES:
            yield ("ARCHITECTURE.md", count, f"{count} lines, at most {ARCHITECTURE_LINES}")


def repository(tree, file_bytes=FILE_BYTES, tree_bytes=TREE_BYTES):
    total = 0
    for path in tree.paths:
        size = (tree.root / path).stat().st_size
        total += size
        if size > file_bytes:
            yield (path, 1, f"{size} bytes, at most {file_bytes}")
    if total > tree_bytes:
        yield (".", 1, f"the tree holds {total} bytes, at most {tree_bytes}")


def clang_format():
    """The clang-format whose layout this tree has, or None."""
    for name in (f"clang-format-{CLANG_FORMAT_VERSION}", "clang-format"):
        program = shutil.which(name)
        if not program:
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        if f"version {CLANG_FORMAT_VERSION}." in said:
            return program
    return None


def format(tree):  # pylint: disable=redefined-builtin
    program = clang_format()
    if program is None:
        print(f"skipped: there is no clang-format {CLANG_FORMAT_VERSION} here")
        raise SystemExit(SKIP)
    paths = [path for path in tree.cpp() if (tree.root / path).stat().st_size > 0]
    if not paths:
        return
    said = subprocess.run([program, "--dry-run", "-Werror", *paths], cwd=tree.root,
                          capture_output=True, text=True).stderr
    seen = set()
    for path, number in re.findall(r"^([^:\n]+):(\d+):\d+: error:", said, re.M):
        if path not in seen:
            seen.add(path)
            yield (path, int(number), "is not laid out by clang-format -i")
    if said and not seen:
        yield (".clang-format", 1, said.strip().splitlines()[0])


RULES = {rule.__name__: rule for rule in (
    architecture, folders, format, functions, headers, includes, lines, locks, parameters,
    repository, sizes, system_headers, whitespace, words)}
