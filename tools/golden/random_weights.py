"""Random weights that need not be stored: src/core/random_weights.h in Python, bit for bit.

    word  = philox4x32-10(key = fnv1a64(name), counter = (i // 4, seed))[i % 4]
    value = float32(sum of the word's four bytes - 510) * float32(std / sqrt(21845)) + mean

with one rounding for the product and one for the sum. NumPy does it fast; without NumPy the same
functions work on plain lists, slowly, which is enough to write the test vectors:

    python3 random_weights.py > ../../tests/golden/random_weights.txt
"""

import math
import os
import struct
from concurrent.futures import ThreadPoolExecutor

try:
    import numpy as np
except ImportError:
    np = None

MASK32 = 0xFFFFFFFF
CHUNK_BLOCKS = 1 << 15  # Philox blocks drawn together: their temporaries stay in the L2 cache


def to_float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def float32_bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _round_keys(key):
    key0, key1 = key & MASK32, key >> 32
    for _ in range(10):
        yield key0, key1
        key0, key1 = key0 + 0x9E3779B9 & MASK32, key1 + 0xBB67AE85 & MASK32


def philox_block(key, index, stream):
    """The four words at `index` of a stream, as philox_at in src/core/random.h."""
    c0, c1, c2, c3 = index & MASK32, index >> 32, stream & MASK32, stream >> 32
    for key0, key1 in _round_keys(key):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ key0, b & MASK32, (a >> 32) ^ c3 ^ key1, a & MASK32
    return [c0, c1, c2, c3]


def _philox_array(key, first_block, blocks, stream):
    """uint64[blocks, 4] of 32-bit words."""
    index = np.arange(first_block, first_block + blocks, dtype=np.uint64)
    low, shift = np.uint64(MASK32), np.uint64(32)
    c0, c1 = index & low, index >> shift
    c2 = np.full(blocks, stream & MASK32, dtype=np.uint64)
    c3 = np.full(blocks, stream >> 32, dtype=np.uint64)
    for key0, key1 in _round_keys(key):
        a, b = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1 = (b >> shift) ^ c1 ^ np.uint64(key0), b & low
        c2, c3 = (a >> shift) ^ c3 ^ np.uint64(key1), a & low
    return np.stack([c0, c1, c2, c3], axis=1)


def words(name, seed, first, count):
    """The 32-bit words first, first + 1, ... of a tensor's stream, as a list of int."""
    key, block, result = fnv1a64(name), None, []
    for place in range(first, first + count):
        if block is None or place % 4 == 0:
            block = philox_block(key, place // 4, seed)
        result.append(block[place % 4])
    return result


def _scale_of(std):
    return to_float32(to_float32(std) / math.sqrt(21845.0))


def draw_list(name, seed, mean, std, first, count):
    """`count` values from place `first`, as a list of Python floats that are exact float32."""
    scale, mean = _scale_of(std), to_float32(mean)
    values = []
    for word in words(name, seed, first, count):
        centred = sum(word.to_bytes(4, "little")) - 510
        # Product and sum in double, then rounded: the product is exact, and a double holds more
        # than twice the bits of a float, so rounding twice rounds as once.
        values.append(to_float32(to_float32(centred * scale) + mean))
    return values


def draw(name, seed, mean, std, count, out=None):
    """The first `count` values as a NumPy float32 array (into `out` when given), on all cores."""
    out = np.empty(count, dtype=np.float32) if out is None else out
    key, scale = fnv1a64(name), np.float32(_scale_of(std))
    mean = np.float32(mean)
    blocks = (count + 3) // 4

    def fill(first_block):
        part = _philox_array(key, first_block, min(CHUNK_BLOCKS, blocks - first_block), seed)
        pairs, mask = part.ravel().astype(np.uint32), np.uint32(0x00FF00FF)
        pairs = (pairs & mask) + (pairs >> np.uint32(8) & mask)
        sums = (pairs + (pairs >> np.uint32(16)) & np.uint32(0xFFFF)).astype(np.int32)
        values = (sums - np.int32(510)).astype(np.float32) * scale + mean
        first = first_block * 4
        out[first : first + len(values)] = values[: count - first]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, blocks, CHUNK_BLOCKS)))
    return out


def inverse_root(n):
    return to_float32(1.0 / math.sqrt(float(n)))


def role_of(name, cols):
    """(mean, std) of the weight with that GGUF name; src/core/random_weights.cc says why."""
    if name.endswith("attn_q_norm.weight"):
        return 2 * inverse_root(cols), to_float32(to_float32(0.2) * inverse_root(cols))
    if name == "output_norm.weight":
        return 0.0, 4.0
    if name.endswith("layer_output_scale.weight"):
        return 0.75, to_float32(0.1)
    if name.endswith("ffn_gate_inp.weight"):
        return 0.0, 1.5
    if name.endswith(("ffn_gate_inp.scale", "ffn_down_exps.scale")):
        return 1.0, to_float32(0.1)
    if name.endswith("per_layer_token_embd.weight"):
        return 0.0, 0.0625
    if "norm" in name:
        return 1.0, to_float32(0.1)
    return 0.0, inverse_root(cols)


def permuted_id(index, vocab):
    return (index * 2654435761 + 12345) % vocab


def prompt_ids(count, vocab, seed):
    """A prompt: beginning-of-sequence (2), then ids from 32 up, drawn like a tensor's words."""
    drawn = words("prompt", seed, 1, count - 1)
    return [2] + [32 + (word * (vocab - 32) >> 32) for word in drawn]


VECTOR_TENSORS = [
    ("blk.0.attn_q.weight", 1, 0),
    ("blk.0.attn_q.weight", 2, 0),
    ("blk.1.attn_q.weight", 1, 0),
    ("blk.0.attn_norm.weight", 1, 3),
    ("blk.14.ffn_down.weight", 0xFEDCBA9876543210, 4094),
    ("output_norm.weight", 1, 1),
    ("blk.3.layer_output_scale.weight", 7, 0),
    ("per_layer_token_embd.weight", 1, 2348810235),
    ("token_embd.weight", 1, (1 << 34) - 2),
]
VECTOR_ROLES = [
    ("blk.0.attn_q_norm.weight", 256),
    ("blk.4.attn_q_norm.weight", 512),
    ("blk.0.attn_k_norm.weight", 256),
    ("output_norm.weight", 1536),
    ("output.weight", 3840),
    ("token_embd.weight", 1536),
    ("per_layer_token_embd.weight", 8960),
    ("per_layer_model_proj.weight", 1536),
    ("per_layer_proj_norm.weight", 256),
    ("blk.0.layer_output_scale.weight", 1),
    ("blk.0.ffn_gate_inp.weight", 2816),
    ("blk.0.ffn_gate_inp.scale", 2816),
    ("blk.0.ffn_down_exps.scale", 128),
    ("blk.0.ffn_down_exps.weight", 704),
    ("blk.0.post_ffw_norm_1.weight", 2816),
    ("blk.0.inp_gate.weight", 1536),
    ("nextn.pre_projection.weight", 3072),
    ("masked_embd_centroids.weight", 256),
]


def print_tensor(name, seed, mean, std, first, values):
    fields = [name, seed, f"{float32_bits(mean):08x}", f"{float32_bits(std):08x}", first]
    print("tensor", *fields, *(f"{float32_bits(value):08x}" for value in values))


def print_vectors():
    print("# Written by tools/golden/random_weights.py. Floats as the hexadecimal of their bits.")
    print("# tensor NAME SEED MEAN STD FIRST VALUE...")
    for name, seed, first in VECTOR_TENSORS:
        mean, std = role_of(name, 1536)
        print_tensor(name, seed, mean, std, first, draw_list(name, seed, mean, std, first, 11))
    # One long stretch, so that the code for many values at once is compared too.
    name, seed, count = "blk.0.ffn_up.weight", 5, 700
    mean, std = role_of(name, 6144)
    values = draw_list(name, seed, mean, std, 2, count)
    if np is not None:
        fast = draw(name, seed, mean, std, count + 2)[2:]
        assert [float(v) for v in fast] == values, "NumPy and plain Python differ"
    print_tensor(name, seed, mean, std, 2, values)
    print("# role NAME COLS MEAN STD")
    for name, cols in VECTOR_ROLES:
        mean, std = role_of(name, cols)
        print(f"role {name} {cols} {float32_bits(mean):08x} {float32_bits(std):08x}")
    print("# permuted INDEX VOCAB ID")
    places = [(0, 2048), (1, 2048), (2047, 2048), (1, 262144), (262143, 262144), (9, 10)]
    for index, vocab in places:
        print(f"permuted {index} {vocab} {permuted_id(index, vocab)}")


if __name__ == "__main__":
    print_vectors()
