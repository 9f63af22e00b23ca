"""`outrider chat`, through a pipe and on a terminal. OUTRIDER names the program."""

import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

COMMAND = [os.environ["OUTRIDER"], "chat", "-t", "1", "--temp", "0"]
SECONDS = 60  # for anything to appear; machines can be busy


class Terminal:
    """The program with a terminal of its own."""

    def __init__(self, home, *options):
        self.primary, secondary = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "HOME": home, "LC_ALL": "C.UTF-8"}
        environment.pop("XDG_STATE_HOME", None)
        self.process = subprocess.Popen(
            [*COMMAND, *options], stdin=secondary, stdout=secondary, stderr=secondary,
            env=environment, start_new_session=True, preexec_fn=self._take_terminal)
        os.close(secondary)
        self.seen = ""

    @staticmethod
    def _take_terminal():
        import fcntl
        import termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def type(self, text):
        os.write(self.primary, text.encode())

    def expect(self, pattern, seconds=SECONDS):
        """Reads until the pattern came behind what was expected before."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen, re.DOTALL)):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.primary], [], [], left)[0]:
                raise AssertionError(f"{pattern!r} never came, but {self.seen[-500:]!r}")
            try:
                self.seen += os.read(self.primary, 4096).decode(errors="replace")
            except OSError as end:
                raise AssertionError(f"{pattern!r} never came, but {self.seen[-500:]!r}") from end
        self.seen = self.seen[found.end():]
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.primary)


class Pipe(unittest.TestCase):
    def test_it_answers_line_by_line(self):
        said = "Hello! Who are you?\nWhat is 47 + 58?\n/nothing\n/quit\nWhat is 1 + 1?\n"
        ran = subprocess.run(COMMAND, input=said, capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("Nano", ran.stdout)
        self.assertIn("105", ran.stdout)
        self.assertIn("/help", ran.stdout)
        self.assertNotIn("1 + 1", ran.stdout)

    def test_a_conversation_too_long_loses_only_its_last_message(self):
        said = "word " * 300 + "\nWhat is 47 + 58?\n"
        ran = subprocess.run([*COMMAND, "-c", "128"], input=said, capture_output=True, text=True,
                             timeout=SECONDS)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("context", ran.stdout)
        self.assertIn("105", ran.stdout)


class OnATerminal(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name

    def start(self, *options):
        terminal = Terminal(self.home, *options)
        self.addCleanup(terminal.close)
        terminal.expect("/help lists.*> ")
        return terminal

    def test_ctrl_c_stops_a_reply_and_forgets_a_line_but_never_ends_the_chat(self):
        terminal = self.start("--ignore-eos", "-c", "8192")
        terminal.type("Tell me a story about a fox.\n")
        terminal.expect("Once upon")
        terminal.type("\x03")
        terminal.expect("> ")
        terminal.type("half a question")
        terminal.expect("half a question")
        terminal.type("\x03")
        terminal.expect("> ")
        terminal.type("/clear\n")
        terminal.expect("A new conversation.*> ")
        self.assertIsNone(terminal.process.poll())
        terminal.type("\x04")
        terminal.process.wait(SECONDS)
        self.assertEqual(terminal.process.returncode, 0)

    def test_ctrl_c_forgets_what_was_typed_before_it_and_nothing_behind_it(self):
        terminal = self.start()
        terminal.type("half a question\x03/nothing\n")
        terminal.expect("There is no /nothing.*> ")

    def test_ctrl_d_while_a_reply_runs_leaves_behind_it(self):
        terminal = self.start()
        terminal.type("Tell me a story about a fox.\n")
        terminal.expect("Once upon")
        terminal.type("\x04")
        terminal.expect("> ")
        terminal.process.wait(SECONDS)
        self.assertEqual(terminal.process.returncode, 0)

    def test_lines_are_edited_and_remembered_over_runs(self):
        terminal = self.start()
        terminal.type("What is 47 + 59?\x7f\x7f8?\n")
        terminal.expect("105")
        terminal.expect("> ")
        terminal.type("/quit\n")
        terminal.process.wait(SECONDS)
        history = pathlib.Path(self.home) / ".local/state/outrider/history"
        self.assertIn("47", history.read_text())
        again = self.start()
        again.type("\x1b[A\x1b[A\n")
        again.expect("105")


if __name__ == "__main__":
    unittest.main()
