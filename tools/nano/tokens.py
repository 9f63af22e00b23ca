"""Trains nano's vocabulary and writes it as a Gemma 4 tokenizer.

Merges are learned inside words only (a word may begin with a space). So without any splitting,
as Gemma's tokenizer and ours work, no merge reaches over a space, a digit or a punctuation mark:
every text that a merge makes is one space at most and then letters, or a run of one white space.
"""

import argparse
import functools
import json
import pathlib

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

import config as c
from dialogues import dialogue, pieces
from vocabulary import FIRST_BYTE, FIRST_NEWLINES, FIRST_SPACES, SPACE
from vocabulary import tokenizer_config, vocabulary


def train_merges(texts, count):
    """(characters, merges) learned on words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    words = Regex(SPACE + r"?\p{L}+|[\s\S]")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(words, behavior="isolated")
    printable = [chr(i) for i in range(33, 127)] + [SPACE, "\n", "\t"]
    trainer = trainers.BpeTrainer(
        vocab_size=count, initial_alphabet=printable, show_progress=False, min_frequency=3
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    characters = sorted(text for text in model["vocab"] if len(text) == 1)
    merges = [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
    return characters, merges


class Encoder:
    """Pieces of dialogues to ids and back. Text of a plain piece is never taken for a token."""

    def __init__(self, path):
        document = json.loads(pathlib.Path(path).read_text())
        self.special = {token["content"]: token["id"] for token in document["added_tokens"]}
        self.texts = {i: text for text, i in document["model"]["vocab"].items()}
        document["added_tokens"] = []
        tokenizer = Tokenizer.from_str(json.dumps(document))
        self.plain = functools.lru_cache(maxsize=1 << 16)(
            lambda text: tuple(tokenizer.encode(text, add_special_tokens=False).ids)
        )

    def encode(self, piece):
        return (self.special[piece.text],) if piece.special else self.plain(piece.text)

    def decode(self, ids):
        """Text with the special tokens spelled out."""
        out = bytearray()
        for token in ids:
            text = self.texts[token]
            if FIRST_BYTE <= token < FIRST_BYTE + 256:
                out.append(token - FIRST_BYTE)
            else:
                out += text.replace(SPACE, " ").encode()
        return out.decode(errors="replace")


def texts_of(count):
    for index in range(count):
        for piece in pieces(dialogue("train", index)):
            if not piece.special:
                yield piece.text


def self_test(path):
    encoder = Encoder(path)
    samples = ["a\n\n\nb    c", "12 + 345 = 357.", "na\u00efve \U0001f999", "<|turn>", " \t x"]
    samples += ["\n" * 40]
    samples += list(texts_of(200))
    for text in samples:
        ids = encoder.plain(text)
        assert encoder.decode(ids) == text, (text, ids)
    assert encoder.plain("\n\n") == (FIRST_NEWLINES + 1,)
    assert encoder.plain("  ") == (FIRST_SPACES,)
    assert len(encoder.plain("2026")) == 4
    length = sum(len(encoder.plain(text)) for text in samples)
    characters = sum(map(len, samples))
    per_token = characters / length
    print(f"tokens: {len(samples)} texts round trip, {per_token:.2f} characters per token")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dialogues", type=int, default=40000)
    parser.add_argument("--self-test", action="store_true", help="only test what is there")
    arguments = parser.parse_args()
    path = arguments.folder / "tokenizer.json"
    if not arguments.self_test:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        document = vocabulary(*train_merges(texts_of(arguments.dialogues), c.VOCAB))
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1))
        settings = json.dumps(tokenizer_config(), indent=1)
        (arguments.folder / "tokenizer_config.json").write_text(settings)
    self_test(path)


if __name__ == "__main__":
    main()
