"""Safetensors files in plain Python: tensors are (type, shape, bytes), and stay as they are stored.

Written from the format's description: eight bytes with the header's length, a JSON header, data.
"""

import json
import pathlib
import struct

TYPE_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "I64": 8}


def _size(kind, shape):
    size = TYPE_BYTES[kind]
    for extent in shape:
        size *= extent
    return size


def read(path):
    """{name: (type, shape, bytes)}; exits with a sentence if the file is cut or is none."""
    data = pathlib.Path(path).read_bytes()
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        tensors, body = {}, memoryview(data)[8 + length :]
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            kind, shape = entry["dtype"], tuple(entry["shape"])
            if not 0 <= begin <= end <= len(body) or end - begin != _size(kind, shape):
                raise ValueError(f"{name} is not all there")
            tensors[name] = kind, shape, body[begin:end]
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SystemExit(f"{path} is no whole safetensors file: {error}") from None
    return tensors


def write(path, tensors):
    """Writes {name: (type, shape, bytes)} in the order given."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (kind, shape, data) in tensors.items():
        if len(data) != _size(kind, shape):
            raise ValueError(f"{name} has {len(data)} bytes, {kind} {shape} takes others")
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)
