"""The way from training's results to the pair that ships, walked with weights that mean nothing.

OUTRIDER names the program.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

import config as c
import export
import random_parts
import tensor_file
from dialogues import test_set
from evaluate import Pair, answers

HERE = pathlib.Path(__file__).resolve().parent
BYTES_MAX = 16_000_000


def outrider(*arguments):
    command = [os.environ["OUTRIDER"], *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise AssertionError(f"{command}: {ran.stderr}")
    return ran.stdout


class Shipping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = pathlib.Path(cls.folder.name)
        cls.results = cls.work / "results"
        random_parts.write(cls.results)

    def test_the_pair_is_small_and_talks(self):
        files = []
        for part, kind in (("target", "Q4_0"), ("assistant", "Q8_0")):
            export.export(self.results, part, self.work / part)
            wide, file = self.work / f"{part}.f32.gguf", self.work / f"{part}.gguf"
            outrider("convert", "--quiet", "--type", "F32", self.work / part, "-o", wide)
            keep = ("--token-embedding-type", "Q8_0")
            outrider("quantize", "--quiet", *keep, wide, file, kind)
            files.append(file)
        self.assertLessEqual(sum(file.stat().st_size for file in files), BYTES_MAX)
        named = ["-m", str(files[0]), "--mtp-head", str(files[1])]
        pair = Pair(os.environ["OUTRIDER"], named)
        tests = [each for each in test_set() if each.family != "long"][::400]
        reports, results = answers("questions", pair, tests)
        self.assertFalse(any(is_right for _, is_right in results), "noise answered rightly")
        for report in reports:
            self.assertGreater(report["speculative"]["drafted"], 0)

    def test_the_folder_holds_what_training_saved(self):
        export.export(self.results, "target", self.work / "exported")
        stored = tensor_file.read(self.work / "exported" / "model.safetensors")
        for path in export.parts_of(self.results, "target"):
            for name, (kind, shape, data) in tensor_file.read(path).items():
                self.assertEqual((kind, shape, bytes(data)), _plain(stored.pop(name)))
        self.assertEqual(len(stored), len(c.LAYERS))
        for name, tensor in stored.items():
            self.assertTrue(name.endswith(".layer_scalar"))
            self.assertEqual(_plain(tensor), ("BF16", (1,), b"\x80\x3f"))

    def test_a_missing_or_cut_part_is_named(self):
        results = self.work / "incomplete"
        random_parts.write(results)
        last = export.parts_of(results, "target")[-1]
        last.write_bytes(last.read_bytes()[:-1])
        with self.assertRaisesRegex(SystemExit, "is no whole safetensors file"):
            export.export(results, "target", self.work / "cut")
        last.unlink()
        with self.assertRaisesRegex(SystemExit, "should have target-part-00001-of-0000"):
            export.export(results, "target", self.work / "cut")

    def test_nothing_ships_that_was_not_compared_with_its_reference(self):
        out = self.work / "out"
        command = [HERE / "ship.sh", self.results, out]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("has no golden.safetensors", ran.stderr)
        self.assertFalse(out.exists())


def _plain(tensor):
    kind, shape, data = tensor
    return kind, shape, bytes(data)


if __name__ == "__main__":
    unittest.main()
