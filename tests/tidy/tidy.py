#!/usr/bin/env python3
"""Checks the house style, as far as a program can see it.

    tidy.py [--root DIRECTORY] [RULE...]     every rule when none is named

Exits 1 with one line per complaint, 77 when the one rule asked for cannot be checked here.
"""

import argparse
import pathlib
import sys

import rules


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Checks the house style.")
    parser.add_argument("--root", default=here.parent.parent)
    parser.add_argument("rules", nargs="*", metavar="RULE", help=", ".join(rules.RULES))
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rules if name not in rules.RULES]
    if unknown:
        parser.error(f"there is no rule {unknown[0]}")

    tree = rules.Tree(arguments.root)
    complaints = 0
    for name in arguments.rules or rules.RULES:
        for path, line, text in rules.RULES[name](tree):
            print(f"{path}:{line}: {text} [{name}]")
            complaints += 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
