"""Checks slices.py against checkpoints that transformers and llama.cpp's converter really wrote.

    python3 slices_test.py

The small cases in tests/golden/cases are described in the same way as the slices; tensor names,
shapes, metadata and configurations must come out as the files have them. Plain Python.
"""

import json
import pathlib
import struct
import unittest

import random_weights
import slices
from slices import FULL, SLIDING, Slice

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"
COMMON = {"hidden": 64, "heads": 4, "window": 16, "prompt": 48, "context": 4096}
COMMON |= {"drafter_hidden": 32, "drafter_ffn": 64, "drafter_heads": 4}
CASES = [
    Slice(
        "dense", kv_heads=(2, 1), ffn=192, layers=(SLIDING, SLIDING, FULL) * 2, k_eq_v=True,
        **COMMON,
    ),
    Slice(
        "moe", kv_heads=(2, 1), ffn=128, layers=(SLIDING, SLIDING, FULL) * 2, k_eq_v=True,
        experts=8, experts_used=3, expert_ffn=32, **COMMON,
    ),
    Slice(
        "ple", kv_heads=(1, 1), ffn=128, layers=(SLIDING, SLIDING, SLIDING, FULL) * 2, shared=4,
        double_wide=True, ple=16, centroids=32, centroids_used=6, **COMMON,
    ),
]  # fmt: skip
# What the converter adds and no reader of ours needs, and what a name or a rounding explains.
NOT_COMPARED = ("tokenizer.", "general.type", "general.size_label", "general.name")
NOT_COMPARED += ("general.quantization_version",)


def safetensors_shapes(path):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack_from("<Q", data)[0]])
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


class Gguf:
    """Metadata and tensor shapes of a GGUF file."""

    FORMATS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd"))

    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 8
        tensors, keys = self.number("Q"), self.number("Q")
        self.metadata = {self.text(): self.value(self.number("I")) for _ in range(keys)}
        self.shapes = dict(self.tensor() for _ in range(tensors))

    def number(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)[0]
        self.at += struct.calcsize("<" + form)
        return value

    def text(self):
        size = self.number("Q")
        self.at += size
        return self.data[self.at - size : self.at].decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            element, count = self.number("I"), self.number("Q")
            return [self.value(element) for _ in range(count)]
        return self.number(self.FORMATS[kind])

    def tensor(self):
        name, dims = self.text(), self.number("I")
        shape = [self.number("Q") for _ in range(dims)]
        self.number("I"), self.number("Q")  # type and offset
        return name, shape


class SmallCases(unittest.TestCase):
    def setUp(self):
        self.saved = slices.VOCAB, slices.HEAD_DIM
        slices.VOCAB, slices.HEAD_DIM = 512, {SLIDING: 32, FULL: 64}

    def tearDown(self):
        slices.VOCAB, slices.HEAD_DIM = self.saved

    def parts(self):
        for s in CASES:
            folder = GOLDEN / "cases" / s.name
            yield folder, "target", slices.target_tensors(s), slices.target_spec(s)
            yield folder, "assistant", slices.assistant_tensors(s), slices.assistant_spec(s)

    def test_tensors_are_those_that_transformers_saved(self):
        for folder, part, tensors, _ in self.parts():
            saved = safetensors_shapes(folder / part / "model.safetensors")
            saved.pop("masked_embedding.token_ordering", None)  # computed, not drawn
            self.assertEqual({hf: shape for _, hf, shape in tensors}, saved, f"{folder} {part}")

    def test_gguf_tensors_are_those_of_the_converter(self):
        for folder, part, _, spec in self.parts():
            described = {tensor[0]: tensor[2] for tensor in spec["tensors"]}
            described |= {tensor["name"]: tensor["shape"] for tensor in spec["computed"]}
            # That converter drops the centroid head.
            described = {k: v for k, v in described.items() if not k.startswith("masked_embd")}
            self.assertEqual(described, Gguf(folder / f"{part}.gguf").shapes, f"{folder} {part}")

    def test_metadata_is_that_of_the_converter(self):
        centroid_keys = ("use_ordered_embeddings", "n_centroids", "centroid_top_k")
        for folder, part, _, spec in self.parts():
            written = Gguf(folder / f"{part}.gguf").metadata
            written = {k: v for k, v in written.items() if not k.startswith(NOT_COMPARED)}
            described = {k: v for k, v in spec["metadata"].items() if not k.endswith(centroid_keys)}
            self.assertEqual(described.pop("general.name").split()[0], "slice")
            for key, value in described.items():
                exact = random_weights.to_float32(value) if isinstance(value, float) else value
                self.assertEqual(exact, written.pop(key, None), f"{folder} {part} {key}")
            self.assertEqual(written, {}, f"{folder} {part}")

    def test_configurations_agree_with_those_that_transformers_saved(self):
        for s in CASES:
            for part, config in (
                ("target", slices.target_config(s)),
                ("assistant", slices.assistant_config(s)),
            ):
                saved = json.loads((GOLDEN / "cases" / s.name / part / "config.json").read_text())
                self.agree(config, saved, f"{s.name} {part}")

    def agree(self, config, saved, where):
        for key, value in config.items():
            if isinstance(value, dict):
                self.agree(value, saved[key], f"{where} {key}")
            elif key != "eos_token_id":  # the small cases end at id 16
                self.assertEqual(value, saved[key], f"{where} {key}")


class RealSlices(unittest.TestCase):
    def test_stored_descriptions_are_current(self):
        for s in slices.SLICES:
            for part, spec in (
                ("target", slices.target_spec(s)),
                ("assistant", slices.assistant_spec(s)),
            ):
                path = GOLDEN / "slices" / s.name / f"{part}.json"
                self.assertEqual(json.loads(path.read_text()), spec, str(path))

    def test_stored_vectors_hold(self):
        lines = (GOLDEN / "random_weights.txt").read_text().splitlines()
        for line in (line.split() for line in lines if line.startswith("tensor ")):
            mean, std = (struct.unpack(">f", bytes.fromhex(word))[0] for word in line[3:5])
            values = random_weights.draw_list(
                line[1], int(line[2]), mean, std, int(line[5]), len(line) - 6
            )
            bits = [f"{random_weights.float32_bits(value):08x}" for value in values]
            self.assertEqual(bits, line[6:], line[1])

    def test_prompts_are_longer_than_the_window_and_rows_lie_inside(self):
        for s in slices.SLICES:
            rows = slices.rows_kept(s)
            self.assertGreater(s.prompt, s.window + 33)
            self.assertEqual(rows[-1], s.prompt - 1)
            self.assertTrue({0, s.window - 1, s.window, s.window + 1} <= set(rows))


if __name__ == "__main__":
    unittest.main()
