"""Parts as training leaves them, of the right names and sizes, with weights that mean nothing.

They try the way from training's results to the pair that ships where there is no training.
"""

import argparse
import json
import pathlib
import random
import string

import config as c
import tensor_file
from vocabulary import SPACE, vocabulary


def layer_shapes(kind, width, ffn, owns_kv):
    head, keys = c.HEAD_DIM[kind], c.KV_HEADS[kind] * c.HEAD_DIM[kind]
    attention = {
        "q_proj": (c.HEADS * head, width),
        "q_norm": (head,),
        "o_proj": (width, c.HEADS * head),
    }
    if owns_kv:
        attention |= {"k_proj": (keys, width), "k_norm": (head,)}
        if kind == c.SLIDING:  # a full layer's values are its raw keys
            attention["v_proj"] = (keys, width)
    shapes = {f"self_attn.{name}": shape for name, shape in attention.items()}
    shapes |= {"mlp.gate_proj": (ffn, width), "mlp.up_proj": (ffn, width)}
    shapes["mlp.down_proj"] = (width, ffn)
    for name in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
        shapes[f"{name}_layernorm"] = (width,)
    return shapes


def shapes_of(part):
    """{name: shape} of all that training saves of the target or the assistant."""
    is_target = part == "target"
    layers = c.LAYERS if is_target else c.ASSISTANT_LAYERS
    width = c.HIDDEN if is_target else c.ASSISTANT_HIDDEN
    ffn = c.FFN if is_target else c.ASSISTANT_FFN
    shapes = {"model.embed_tokens": (c.VOCAB, width), "model.norm": (width,)}
    for index, kind in enumerate(layers):
        for name, shape in layer_shapes(kind, width, ffn, is_target).items():
            shapes[f"model.layers.{index}.{name}"] = shape
    if not is_target:
        shapes["pre_projection"] = (width, 2 * c.HIDDEN)
        shapes["post_projection"] = (c.HIDDEN, width)
    return {f"{name}.weight": shape for name, shape in sorted(shapes.items())}


def bfloat16s(draw, name, shape):
    """Random values of one binade: rows whose sum is near one, gains near one.

    Attention's scores are not divided by the root of the head size, so the gains of queries and
    keys are smaller, as in training: or else rounding would be all that is seen.
    """
    is_matrix = len(shape) > 1
    count = shape[0] * (shape[1] if is_matrix else 1)
    exponent = 127 - (shape[1].bit_length() // 2 if is_matrix else 0)
    if "q_norm" in name or "k_norm" in name:
        exponent -= 2
    signs = bytes((exponent >> 1) | (byte & 0x80 if is_matrix else 0) for byte in range(256))
    mantissas = bytes(((exponent & 1) << 7) | (byte & 0x7F) for byte in range(256))
    values = bytearray(2 * count)
    values[0::2] = draw.randbytes(count).translate(mantissas)
    values[1::2] = draw.randbytes(count).translate(signs)
    return "BF16", shape, bytes(values)


def write_part(folder, part, draw):
    """Files of at most PART_BYTES, like training's."""
    files, used = [{}], 0
    for name, shape in shapes_of(part).items():
        tensor = bfloat16s(draw, name, shape)
        size = len(tensor[2]) + 1000  # some for the header
        if files[-1] and used + size > c.PART_BYTES:
            files.append({})
            used = 0
        files[-1][name] = tensor
        used += size
    for index, tensors in enumerate(files, 1):
        name = f"{part}-part-{index:05}-of-{len(files):05}.safetensors"
        tensor_file.write(folder / name, tensors)


def write_vocabulary(folder):
    characters = sorted({*string.printable.strip(), "\n", "\t", SPACE})
    words = [(SPACE, letter) for letter in string.ascii_lowercase]
    document = vocabulary(characters, words)
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")


def write(folder, seed=c.SEED):
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    for part in ("target", "assistant"):
        write_part(folder, part, draw)
    write_vocabulary(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
