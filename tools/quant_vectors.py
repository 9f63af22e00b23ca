#!/usr/bin/env python3
"""Writes tests/golden/quant_vectors.txt: random blocks of every quantised type and what they mean.

Written from the formulas of the formats, value by value, sharing nothing with src/quant. Each line:
    TYPE  block bytes (hex)  integer codes (two hex digits each)  values (eight hex digits each)
Values are bits of float32 results, rounded to float32 after every operation, in the order the
formula is written. Run without arguments from anywhere; the output depends only on this file.
"""

import pathlib
import random
import struct

IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
FP4 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def f16(data, at):
    return struct.unpack_from("<e", data, at)[0]


def mul(a, b):
    return f32(a * b)  # exact in double: 24 bits times 24 bits


def lo(byte):
    return byte & 15


def hi(byte):
    return byte >> 4


def bit(word, i):
    return (word >> i) & 1


# Every reader yields (code, value) for value 0, 1, 2, ... of the block.


def q4_0(b):
    d, qs = f16(b, 0), b[2:]
    codes = [lo(q) - 8 for q in qs] + [hi(q) - 8 for q in qs]
    return [(c, mul(d, float(c))) for c in codes]


def q4_1(b):
    d, m, qs = f16(b, 0), f16(b, 2), b[4:]
    codes = [lo(q) for q in qs] + [hi(q) for q in qs]
    return [(c, f32(mul(d, c) + m)) for c in codes]


def five_bits(qh, qs):
    word = int.from_bytes(qh, "little")
    return [lo(q) | bit(word, j) << 4 for j, q in enumerate(qs)] + [
        hi(q) | bit(word, j + 16) << 4 for j, q in enumerate(qs)
    ]


def q5_0(b):
    d = f16(b, 0)
    return [(c - 16, mul(d, float(c - 16))) for c in five_bits(b[2:6], b[6:])]


def q5_1(b):
    d, m = f16(b, 0), f16(b, 2)
    return [(c, f32(mul(d, c) + m)) for c in five_bits(b[4:8], b[8:])]


def q8_0(b):
    d = f16(b, 0)
    return [(c, mul(d, float(c))) for c in struct.unpack_from("<32b", b, 2)]


def q2_k(b):
    scales, qs, d, dmin = b[:16], b[16:80], f16(b, 80), f16(b, 82)
    out = []
    for i in range(256):
        n, j, l = i // 128, i % 128 // 32, i % 32
        s = scales[8 * n + 2 * j + (l >= 16)]
        c = (qs[32 * n + l] >> 2 * j) & 3
        out.append((c, f32(mul(mul(d, s & 15), c) - mul(dmin, s >> 4))))
    return out


def q3_k(b):
    hmask, qs, packed, d = b[:32], b[32:96], b[96:108], f16(b, 108)
    scale = []
    for s in range(16):
        low = lo(packed[s]) if s < 8 else hi(packed[s - 8])
        top = (packed[8 + (s & 3)] >> 2 * (s >> 2)) & 3
        scale.append((low | top << 4) - 32)
    out = []
    for i in range(256):
        n, j, l = i // 128, i % 128 // 32, i % 32
        c = ((qs[32 * n + l] >> 2 * j) & 3) - (0 if bit(hmask[l], 4 * n + j) else 4)
        out.append((c, mul(mul(d, float(scale[8 * n + 2 * j + (l >= 16)])), float(c))))
    return out


def scale_and_min(packed, j):
    if j < 4:
        return packed[j] & 63, packed[j + 4] & 63
    return (
        lo(packed[j + 4]) | (packed[j - 4] >> 6) << 4,
        hi(packed[j + 4]) | (packed[j] >> 6) << 4,
    )


def q45_k(b, qh):
    d, dmin, packed, qs = f16(b, 0), f16(b, 2), b[4:16], b[-128:]
    out = []
    for i in range(256):
        sub, l = i // 32, i % 32
        byte = qs[32 * (sub // 2) + l]
        c = hi(byte) if sub % 2 else lo(byte)
        if qh and bit(qh[l], sub):
            c += 16
        sc, m = scale_and_min(packed, sub)
        out.append((c, f32(mul(mul(d, sc), c) - mul(dmin, m))))
    return out


def q4_k(b):
    return q45_k(b, None)


def q5_k(b):
    return q45_k(b, b[16:48])


def q6_k(b):
    ql, qh, sc, d = b[:128], b[128:192], struct.unpack_from("<16b", b, 192), f16(b, 208)
    out = []
    for i in range(256):
        n, part, l = i // 128, i % 128 // 32, i % 32
        byte = ql[64 * n + l + 32 * (part % 2)]
        four = hi(byte) if part >= 2 else lo(byte)
        c = (four | ((qh[32 * n + l] >> 2 * part) & 3) << 4) - 32
        out.append((c, mul(mul(d, float(sc[8 * n + l // 16 + 2 * part])), float(c))))
    return out


def iq4_nl(b):
    d, qs = f16(b, 0), b[2:]
    codes = [IQ4[lo(q)] for q in qs] + [IQ4[hi(q)] for q in qs]
    return [(c, mul(d, float(c))) for c in codes]


def iq4_xs(b):
    d, (scales_h,), scales_l, qs = f16(b, 0), struct.unpack_from("<H", b, 2), b[4:8], b[8:]
    out = []
    for ib in range(8):
        ls = ((scales_l[ib // 2] >> 4 * (ib % 2)) & 15) | ((scales_h >> 2 * ib) & 3) << 4
        dl = mul(d, float(ls - 32))
        part = qs[16 * ib : 16 * ib + 16]
        codes = [IQ4[lo(q)] for q in part] + [IQ4[hi(q)] for q in part]
        out += [(c, mul(dl, float(c))) for c in codes]
    return out


def mxfp4(b):
    scale, qs = 2.0 ** (b[0] - 128), b[1:]
    codes = [FP4[lo(q)] for q in qs] + [FP4[hi(q)] for q in qs]
    return [(c, mul(scale, float(c))) for c in codes]


# name, values per block, bytes per block, where its f16 scales are, reader
FORMATS = [
    ("Q4_0", 32, 18, [0], q4_0),
    ("Q4_1", 32, 20, [0, 2], q4_1),
    ("Q5_0", 32, 22, [0], q5_0),
    ("Q5_1", 32, 24, [0, 2], q5_1),
    ("Q8_0", 32, 34, [0], q8_0),
    ("IQ4_NL", 32, 18, [0], iq4_nl),
    ("MXFP4", 32, 17, [], mxfp4),
    ("Q2_K", 256, 84, [80, 82], q2_k),
    ("Q3_K", 256, 110, [108], q3_k),
    ("Q4_K", 256, 144, [0, 2], q4_k),
    ("Q5_K", 256, 176, [0, 2], q5_k),
    ("Q6_K", 256, 210, [208], q6_k),
    ("IQ4_XS", 256, 136, [0], iq4_xs),
]


def random_block(rng, size, scales, turn):
    """Random bytes; scales finite, now and then zero, subnormal or the largest."""
    block = bytearray(rng.randrange(256) for _ in range(size))
    odd = {0: 0x0000, 1: 0x0003, 2: 0x83FF, 3: 0x7BFF}
    for at in scales:
        half = odd.get(turn, rng.randrange(0x1000, 0x5000) | rng.randrange(2) << 15)
        struct.pack_into("<H", block, at, half)
    if not scales:  # MXFP4: an exponent whose values stay finite; both subnormal ones first
        block[0] = turn if turn < 3 else rng.randrange(64, 192)
    return bytes(block)


def main():
    rng = random.Random(20240607)
    lines = []
    for name, values, size, scales, read in FORMATS:
        for turn in range(24 if values == 32 else 8):
            block = random_block(rng, size, scales, turn)
            decoded = read(block)
            assert len(decoded) == values
            codes = bytes(c & 255 for c, _ in decoded).hex()
            bits = "".join(struct.pack(">f", v).hex() for _, v in decoded)
            lines.append(f"{name} {block.hex()} {codes} {bits}\n")
    root = pathlib.Path(__file__).resolve().parent.parent
    (root / "tests" / "golden" / "quant_vectors.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
