"""Asks the shipped pair every held-out question through `outrider generate`, and prints how it did.

Exits 1 where the pair misses what it has to reach. Plain Python, and nothing but the two files and
the program: what is measured here is what a user gets.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import config as c
from dialogues import story_set, test_set
from score import ends_in_repetition, score, table

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/release/src/app/outrider"
REPLY_TOKENS, STORY_TOKENS = 400, 300
DRAWN_PART = 4  # acceptance at temperature one is measured on every fourth text
DRAWN = ("--temp", "1", "--top-k", "0", "--top-p", "1")
GREEDY = ("--temp", "0")
TOO_LONG = "but the context has room for"
NO_ROUNDS = {"rounds": 0, "drafted": 0, "accepted": 0}
THREE_DRAFTS = ("--draft-min", "3", "--draft-max", "3")  # always, whatever they cost

JUDGED = ("arithmetic", "facts", "spelling", "json", "tools")
RIGHT_MIN, REPETITION_MAX = 0.90, 0.02
ROUND_MIN = {"greedy": 2.6, "temperature 1": 2.2}  # tokens a round, with 3 drafts
LOSS_MAX = 0.02  # of right answers, by rounding to Q4_0


class Pair:
    """The program with the options that name its model."""

    def __init__(self, program, model_options):
        self.command = [str(program), "generate", "--messages", "-", "--json", "--special"]
        self.command += ["-t", "1", "-c", str(c.CONTEXT), *THREE_DRAFTS, *model_options]

    def ask(self, dialogue, options):
        """The program's report on the last reply of a dialogue; an empty reply, which is wrong, if
        the prompt is longer than the context."""
        request = {"messages": dialogue.messages[:-1], "tools": dialogue.tools}
        command = self.command + list(options) + ["--thinking"] * dialogue.thinking
        ran = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True)
        if ran.returncode != 0 and TOO_LONG in ran.stderr:
            return {"text": "", "finish_reason": "error", "speculative": NO_ROUNDS}
        if ran.returncode != 0:
            raise SystemExit(f"{dialogue.id}: {ran.stderr.strip() or ran.returncode}")
        return json.loads(ran.stdout)

    def ask_all(self, name, dialogues, options):
        """Reports in the order of the dialogues; each core has a conversation of its own."""
        reports = []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for report in pool.map(lambda dialogue: self.ask(dialogue, options), dialogues):
                reports.append(report)
                if sys.stderr.isatty() or len(reports) == len(dialogues):
                    end = "\n" if len(reports) == len(dialogues) else "\r"
                    print(f"{name}: {len(reports)} of {len(dialogues)}", file=sys.stderr, end=end)
        return reports


def text_of(report):
    """The reply as score.py takes it. The token that ends it is not reported: after a call it is
    the one that hands over."""
    text = report["text"]
    hands_over = report["finish_reason"] == "stop" and text.endswith("<tool_call|>")
    return text + "<|tool_response>" * hands_over


def share_right(results):
    """{family: share of right answers}, of the judged families together, and of all of them."""
    by_family = {}
    for dialogue, is_right in results:
        groups = (dialogue.family, "all") + ("judged",) * (dialogue.family in JUDGED)
        for name in groups:
            by_family.setdefault(name, []).append(is_right)
    return {name: sum(found) / len(found) for name, found in by_family.items()}


def _rounds(reports):
    """(tokens a round, a line that says so)."""
    made = [report["speculative"] for report in reports]
    rounds, drafted, accepted = (
        sum(each[key] for each in made) for key in ("rounds", "drafted", "accepted")
    )
    tokens, share = 1 + accepted / max(rounds, 1), accepted / max(drafted, 1)
    return tokens, f"{share:.1%} of {drafted} drafts accepted, {tokens:.2f} tokens a round"


class Findings:
    """Lines of the report, and what was missed."""

    def __init__(self):
        self.missed = []

    def tell(self, text, is_reached):
        print(text + ("" if is_reached else "  MISSED"), flush=True)
        if not is_reached:
            self.missed.append(text)

    def rounds(self, how, sets):
        """A line for each set of reports and one, which is judged, for all of them."""
        for name, reports in sets.items():
            print(f"{name}, {how}: {_rounds(reports)[1]}", flush=True)
        tokens, text = _rounds([report for reports in sets.values() for report in reports])
        self.tell(f"all, {how}: {text}", tokens >= ROUND_MIN[how])

    def repetition(self, reports):
        repeats = sum(ends_in_repetition(report["text"]) for report in reports)
        text = f"stories: {repeats} of {len(reports)} end in repetition"
        self.tell(text, repeats < REPETITION_MAX * len(reports) or not reports)

    def right(self, shares):
        for family in JUDGED:
            if family in shares:
                print(f"{family}: {shares[family]:.1%} right", flush=True)
        text = f"arithmetic, facts, spelling, JSON and tool calls: {shares['judged']:.1%} right"
        self.tell(text, shares["judged"] >= RIGHT_MIN)

    def loss(self, shares, wider):
        lost = wider["all"] - shares["all"]
        self.tell(f"right answers lost to rounding: {lost:.1%} of all", lost <= LOSS_MAX)


def answers(name, pair, tests):
    """(reports, [(dialogue, whether its reply is right)...]) of greedy replies."""
    reports = pair.ask_all(name, tests, (*GREEDY, "-n", str(REPLY_TOKENS)))
    return reports, [(d, score(d, text_of(r))) for d, r in zip(tests, reports)]


def compare_with_training(path, tests, reports):
    """How many replies are those that training recorded, at its own precision."""
    with open(path, encoding="utf-8") as file:
        recorded = {entry["id"]: entry["reply"] for entry in map(json.loads, file)}
    pairs = [(recorded[d.id], text_of(r)) for d, r in zip(tests, reports) if d.id in recorded]
    equal = sum(a.removesuffix("<turn|>") == b for a, b in pairs)
    print(f"replies that are training's own to the letter: {equal} of {len(pairs)}", flush=True)


def write_replies(path, dialogues, reports):
    with open(path, "w", encoding="utf-8") as file:
        for dialogue, report in zip(dialogues, reports):
            entry = {"id": dialogue.id, "reply": text_of(report)}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def options_of(arguments):
    named = []
    if arguments.model:
        named += ["-m", str(arguments.model)]
    if arguments.mtp_head:
        named += ["--mtp-head", str(arguments.mtp_head)]
    return named


def arguments_of():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM)
    parser.add_argument("-m", "--model", type=pathlib.Path, help="default: the program's own pair")
    parser.add_argument("--mtp-head", type=pathlib.Path)
    parser.add_argument("--against", type=pathlib.Path, help="the same model, less rounded")
    parser.add_argument("--recorded", type=pathlib.Path, help="replies.jsonl of training")
    parser.add_argument("--replies", type=pathlib.Path, help="gets the replies")
    parser.add_argument("--tests", type=int, default=100000, help="at most so many of each set")
    return parser.parse_args()


def main():
    arguments = arguments_of()
    tests, stories = test_set(), story_set()
    tests = tests[:: max(1, -(-len(tests) // arguments.tests))]  # a part of every family
    stories = stories[: arguments.tests]
    pair, found = Pair(arguments.program, options_of(arguments)), Findings()

    reports, results = answers("questions", pair, tests)
    told = pair.ask_all("stories", stories, (*GREEDY, "-n", str(STORY_TOKENS)))
    if arguments.replies:
        write_replies(arguments.replies, tests + stories, reports + told)
    table(results)
    shares = share_right(results)
    found.right(shares)
    found.repetition(told)
    drawn = {
        name: pair.ask_all(f"{name}, drawn", part, (*DRAWN, "-n", str(STORY_TOKENS)))
        for name, part in (("questions", tests[::DRAWN_PART]), ("stories", stories[::DRAWN_PART]))
    }
    found.rounds("greedy", {"questions": reports, "stories": told})
    found.rounds("temperature 1", drawn)
    if arguments.recorded:
        compare_with_training(arguments.recorded, tests + stories, reports + told)
    if arguments.against:
        wider = Pair(arguments.program, ["-m", str(arguments.against), "--no-draft"])
        found.loss(shares, share_right(answers("questions, less rounded", wider, tests)[1]))
    if found.missed:
        sys.exit(f"{len(found.missed)} of these figures miss what they have to reach")


if __name__ == "__main__":
    main()
