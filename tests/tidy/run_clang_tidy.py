#!/usr/bin/env python3
"""Runs clang-tidy over the sources of src, and remembers what was clean.

    run_clang_tidy.py --build DIRECTORY [--jobs N] [--no-analyser] [FILE...]

DIRECTORY holds compile_commands.json: of sources compiled several at a time, which are then checked
so, too, in a third of the time, or one by one as preset tidy has them. A source is checked again
only when its compile command, the checks, or any file of src that it includes has changed; what was
clean is remembered in
build/clang-tidy-cache. Ends with the line "N clean, M with findings (K remembered)". Exits 77 when
there is no clang-tidy of the version whose findings this tree is clean of. Without the analyser,
which follows paths through functions, it takes two thirds of the time.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

VERSION = "14"
SKIP = 77
# The analyser without its deepest paths: a tenth of the time, and most of what it finds.
ANALYSER = [f"--extra-arg={part}"
            for part in ("-Xclang", "-analyzer-config", "-Xclang", "mode=shallow")]
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)


def clang_tidy():
    """(program, version text), or None."""
    for name in (f"clang-tidy-{VERSION}", "clang-tidy"):
        program = shutil.which(name)
        if program:
            said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
            if f"version {VERSION}." in said:
                return program, said
    return None


class Inputs:
    """Hashes of files and of everything of src that they include."""

    def __init__(self):
        self.read = {}

    def _file(self, path):
        if path not in self.read:
            content = path.read_bytes() if path.exists() else b""
            included = [ROOT / "src" / name.decode() for name in INCLUDE.findall(content)]
            self.read[path] = (hashlib.sha256(content).digest(), included)
        return self.read[path]

    def digest(self, path):
        seen, todo = {}, [path]
        while todo:
            each = todo.pop()
            if each not in seen:
                seen[each], included = self._file(each)
                todo.extend(included)
        return b"".join(seen[each] for each in sorted(seen))


def sources(build, only):
    """Compile commands of src's sources, tests left out: their macros hide more than they show."""
    own = build.resolve() / "src"
    commands = json.loads((build / "compile_commands.json").read_text())
    chosen = {}
    for entry in commands:
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        several = path.is_relative_to(own) and path.name.startswith("unity_")
        if not (several or path.is_relative_to(ROOT / "src")) or not path.exists():
            continue
        if path.name.endswith("_test.cc") or "_test.dir" in path.parts[-3]:
            continue
        if not only or path in only:
            chosen[path] = entry["command"]
    return chosen


# Sources inside a source that includes several are headers to clang-tidy.
SEVERAL = r"--header-filter=/src/.*\.(h|cc)$"


def check(program, build, options, path):
    """What clang-tidy says of one source; empty when it is clean."""
    said = subprocess.run([program, "-p", str(build), "--quiet", SEVERAL, *options, str(path)],
                          capture_output=True, text=True)
    if said.returncode == 0 and "warning:" not in said.stdout:
        return ""
    return said.stdout + said.stderr


def main():
    parser = argparse.ArgumentParser(description="Runs clang-tidy over src.")
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-analyser", action="store_true")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build/clang-tidy-cache")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    found = clang_tidy()
    if found is None:
        print(f"skipped: there is no clang-tidy {VERSION} here")
        return SKIP
    program, version = found

    options = ["--checks=-clang-analyzer-*"] if arguments.no_analyser else ANALYSER
    checks = (ROOT / ".clang-tidy").read_bytes() + version.encode() + "".join(options).encode()
    inputs = Inputs()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    todo, remembered = {}, 0
    only = {path.resolve() for path in arguments.files}
    for path, command in sorted(sources(arguments.build, only).items()):
        key = hashlib.sha256(checks + command.encode() + inputs.digest(path)).hexdigest()
        if (arguments.cache / key).exists():
            remembered += 1
        else:
            todo[path] = key

    clean, findings = remembered, 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = {pool.submit(check, program, arguments.build, options, path): path for path in todo}
        for job in concurrent.futures.as_completed(jobs):
            path = jobs[job]
            if job.result():
                findings += 1
                print(f"--- {path.relative_to(ROOT)}\n{job.result()}", flush=True)
            else:
                clean += 1
                (arguments.cache / todo[path]).touch()
    print(f"{clean} clean, {findings} with findings ({remembered} remembered)")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
