"""Nano's vocabulary as a Gemma 4 tokenizer.json: Gemma's control tokens at Gemma's ids, then bytes,
characters and merges. Plain Python; `tokens.py` learns the merges.
"""

import config as c

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


def vocabulary(characters, merges):
    """tokenizer.json's content, of c.VOCAB tokens: as many of the merges as there is room for."""
    tokens, special = fixed_tokens()
    ids = {text: token for token, text in tokens.items()}
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
