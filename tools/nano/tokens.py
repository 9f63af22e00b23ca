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

SPACE = "\u2581"
SPECIAL = {
    0: "<pad>", 1: "<eos>", 2: "<bos>", 3: "<unk>", 4: "<mask>", 46: "<|tool>", 47: "<tool|>",
    48: "<|tool_call>", 49: "<tool_call|>", 50: "<|tool_response>", 51: "<tool_response|>",
    52: '<|"|>', 98: "<|think|>", 100: "<|channel>", 101: "<channel|>", 105: "<|turn>",
    106: "<turn|>",
}  # fmt: skip
MEDIA = ("<|image>", "<|audio>", "<|image|>", "<|audio|>", "<image|>", "<audio|>", "<|video|>")
FIRST_NEWLINES, FIRST_SPACES, LINE_THROUGH, FIRST_BYTE = 107, 138, 212, 238
RUNS = 31


def fixed_tokens():
    """{id: text} of everything before the characters, and which of it is special."""
    tokens = dict(SPECIAL)
    tokens |= {FIRST_NEWLINES + i: "\n" * (i + 1) for i in range(RUNS)}
    tokens |= {FIRST_SPACES + i: SPACE * (i + 2) for i in range(RUNS)}
    tokens[LINE_THROUGH] = "</s>"
    tokens |= {FIRST_BYTE + byte: f"<0x{byte:02X}>" for byte in range(256)}
    tokens |= {FIRST_BYTE + 256 + i: text for i, text in enumerate(MEDIA)}
    free = [i for i in range(FIRST_BYTE) if i not in tokens]
    tokens |= {token: f"<unused{number}>" for number, token in enumerate(free)}
    special = sorted(SPECIAL) + [FIRST_BYTE + 256 + i for i in range(len(MEDIA))]
    return tokens, special


def run_merges():
    """Every way to join two runs of one white space to one that is a token, shortest first."""
    for text, longest in (("\n", RUNS), (SPACE, RUNS + 1)):
        for length in range(2, longest + 1):
            for left in range(1, length):
                yield text * left, text * (length - left)


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


def build(texts):
    """tokenizer.json's content."""
    tokens, special = fixed_tokens()
    ids = {text: token for token, text in tokens.items()}
    characters, merges = train_merges(texts, c.VOCAB)
    for character in characters:
        ids.setdefault(character, len(ids))
    kept = list(run_merges())
    for left, right in merges:
        if left + right not in ids and len(ids) == c.VOCAB:
            break
        ids.setdefault(left + right, len(ids))
        kept.append((left, right))
    while len(ids) < c.VOCAB:  # little text, as in a smoke run, holds too few words
        ids[f"<unused{len(ids)}>"] = len(ids)
    return _document(ids, kept, [(token, tokens[token]) for token in special])


def _document(ids, merges, special):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": token, "content": text, **flags, "special": True} for token, text in special]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    back = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": replace,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": ids,
            "merges": [list(merge) for merge in merges],
        },
    }


def tokenizer_config():
    roles = {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    names = {f"{role}_token": text for role, text in roles.items()}
    return names | {
        "model_max_length": c.CONTEXT,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
    }


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
        document = build(texts_of(arguments.dialogues))
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1))
        settings = json.dumps(tokenizer_config(), indent=1)
        (arguments.folder / "tokenizer_config.json").write_text(settings)
    self_test(path)


if __name__ == "__main__":
    main()
