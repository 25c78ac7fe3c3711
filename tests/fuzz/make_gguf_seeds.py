#!/usr/bin/env python3
"""Write the seeds of gguf_fuzz: small sound GGUF files that between them use every field of the format.

    make_gguf_seeds.py OUT_DIR       needs python3 and numpy (for make_tiny.py)

The headers of the tiny models are written with one row of each tensor, so that the files are whole but small.
"""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import make_tiny  # noqa: E402  (found through the line above)


def text(x):
    return struct.pack("<Q", len(x)) + x.encode()


def pair(key, value_type, value):
    return text(key) + struct.pack("<I", value_type) + value


def array(key, element_type, values):
    return pair(key, 9, struct.pack("<IQ", element_type, len(values)) + b"".join(values))


def tensor(name, dimensions, element_type, offset):
    sizes = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + sizes + struct.pack("<IQ", element_type, offset)


def gguf(pairs, tensors=(), data_bytes=0, version=3, alignment=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    if not tensors:
        return head
    return head + bytes(-len(head) % alignment) + bytes(data_bytes)


SCALARS = ["<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?", None, None, "<Q", "<q", "<d"]


def hand_made():
    numbers = [(code, struct.pack(layout, 1)) for code, layout in enumerate(SCALARS) if layout]
    scalars = [pair(f"k{code}", code, value) for code, value in numbers] + [pair("k8", 8, text("text"))]
    arrays = [array(f"a{code}", code, [value] * 3) for code, value in numbers]
    arrays += [array("a8", 8, [text("a"), text(""), text("ccc")]), array("empty", 8, [])]
    tensors = [tensor("f32", [3, 2], 0, 0), tensor("q8_0", [32, 2], 8, 32), tensor("q6_k", [256, 1, 1, 1], 14, 128)]
    alignment = pair("general.alignment", 4, struct.pack("<I", 64))
    return {
        "scalars": gguf(scalars),
        "arrays": gguf(arrays),
        "tensors": gguf([], tensors, 352),
        "version2": gguf(scalars[:3], tensors, 352, version=2),
        "aligned": gguf([alignment], [tensor("a", [5], 24, 0), tensor("b", [5], 24, 64)], 128, alignment=64),
    }


def tiny(family):
    model = make_tiny.build(family)
    model.tensors = [(name, x.reshape(-1)[:8]) for name, x in model.tensors]
    return model


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, contents in hand_made().items():
        (out / f"{name}.gguf").write_bytes(contents)
    for family in ("llama", "llama-rope3"):
        tiny(family).write(out / f"tiny-{family}.gguf")
