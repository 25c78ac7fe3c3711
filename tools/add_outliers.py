#!/usr/bin/env python3
"""Copy an F32 GGUF model so that it computes the same but its activations have outliers, as large models' have.

    add_outliers.py IN.gguf OUT.gguf [--factor 50] [--channels 3] [--seed 1]       needs python3 and numpy

Models that were trained for long have a few channels and a few dimensions of their keys that are tens of times larger
than the rest. A block of activations that is rounded to 8 bits with one scale loses its small values beside them. A small
model has none, so that what a rounding costs there says too little. This copy has them and is the same function:

* Of each K head one pair of dimensions that RoPE rotates together is multiplied by the factor, and in the query heads that
  read it divided. A rotation commutes with that, so all products of queries and keys stay. Where a model normalises its
  heads (attn_k_norm), it is those norms' weights that change, and so one pair for all heads of a layer.
* Some channels of attn_norm and of ffn_norm are multiplied, and the columns of the matrices that read them divided.

Which pairs and channels: drawn from the seed. Families: llama, qwen2, qwen3. `yoke quantize --type F32` makes an F32 model
of any other.
"""
import argparse
import struct
import sys

import numpy as np

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY, F32 = 8, 9, 0
# Which dimensions of a head RoPE rotates together: neighbours, or one of each half.
PAIRED_WITH_NEIGHBOUR = {"llama": True, "qwen2": False, "qwen3": False}


class Model:
    """A GGUF file in memory. `metadata` holds all but long arrays' elements; `tensors` are views that can be changed."""

    def __init__(self, data):
        self.data, self.at = bytearray(data), 0
        if self.take("<4s") != b"GGUF":
            raise ValueError("is no GGUF file")
        version, n_tensors, n_pairs = self.take("<I"), self.take("<Q"), self.take("<Q")
        if version not in (2, 3):
            raise ValueError(f"is of GGUF version {version}, expected 2 or 3")
        self.metadata = {}
        for _ in range(n_pairs):
            key = self.text()
            self.metadata[key] = self.value(self.take("<I"))
        infos = [self.info() for _ in range(n_tensors)]
        alignment = self.metadata.get("general.alignment", 32)
        begin = -(-self.at // alignment) * alignment
        self.tensors = {name: self.view(name, shape, kind, begin + offset) for name, shape, kind, offset in infos}

    def take(self, layout):
        (value,) = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return value

    def text(self):
        length = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at].decode(errors="replace")

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            element, count = self.take("<I"), self.take("<Q")
            return [self.value(element) for _ in range(count)]
        return self.take(SCALARS[kind])

    def info(self):
        name = self.text()
        dimensions = [self.take("<Q") for _ in range(self.take("<I"))]
        return name, dimensions[::-1], self.take("<I"), self.take("<Q")

    def view(self, name, shape, kind, offset):
        if kind != F32:
            raise ValueError(f"tensor {name} is not in F32; yoke quantize --type F32 makes a model that is")
        return np.frombuffer(self.data, np.float32, int(np.prod(shape)), offset).reshape(shape)

    def hyper(self, key, default=None):
        value = self.metadata.get(f"{self.metadata['general.architecture']}.{key}", default)
        if value is None:
            raise ValueError(f"has no {key}")
        return value


class Shape:
    """The sizes that attention has."""

    def __init__(self, model):
        self.heads = model.hyper("attention.head_count")
        self.kv_heads = model.hyper("attention.head_count_kv", self.heads)
        self.head_dim = model.hyper("attention.key_length", model.hyper("embedding_length") // self.heads)
        self.rotated = model.hyper("rope.dimension_count", self.head_dim)
        self.neighbours = PAIRED_WITH_NEIGHBOUR[model.metadata["general.architecture"]]

    def pair(self, index):
        """The dimensions of a head that are rotated together; `index` is below rotated / 2."""
        return [2 * index, 2 * index + 1] if self.neighbours else [index, index + self.rotated // 2]


def scale_keys(model, layer, shape, factor, random):
    name = f"blk.{layer}.attn_"
    if f"{name}k_norm.weight" in model.tensors:
        pair = shape.pair(random.integers(shape.rotated // 2))
        model.tensors[f"{name}k_norm.weight"][pair] *= factor
        model.tensors[f"{name}q_norm.weight"][pair] /= factor
        return
    group = shape.heads // shape.kv_heads
    for head in range(shape.kv_heads):
        pair = np.array(shape.pair(random.integers(shape.rotated // 2)))
        readers = [q * shape.head_dim + pair for q in range(head * group, (head + 1) * group)]
        for kind in ("weight", "bias"):
            if f"{name}k.{kind}" in model.tensors:
                model.tensors[f"{name}k.{kind}"][head * shape.head_dim + pair] *= factor
                model.tensors[f"{name}q.{kind}"][np.concatenate(readers)] /= factor


def scale_channels(model, layer, norm, readers, channels, factor, random):
    weight = model.tensors[f"blk.{layer}.{norm}.weight"]
    chosen = random.choice(weight.size, channels, replace=False)
    weight[chosen] *= factor
    for reader in readers:
        model.tensors[f"blk.{layer}.{reader}.weight"][:, chosen] /= factor


def add_outliers(model, factor, channels, seed):
    architecture = model.metadata.get("general.architecture")
    if architecture not in PAIRED_WITH_NEIGHBOUR:
        raise ValueError(f"is a {architecture}, expected one of {', '.join(PAIRED_WITH_NEIGHBOUR)}")
    random, shape, factor = np.random.default_rng(seed), Shape(model), np.float32(factor)
    for layer in range(model.hyper("block_count")):
        scale_keys(model, layer, shape, factor, random)
        scale_channels(model, layer, "attn_norm", ("attn_q", "attn_k", "attn_v"), channels, factor, random)
        scale_channels(model, layer, "ffn_norm", ("ffn_gate", "ffn_up"), channels, factor, random)


def main():
    parser = argparse.ArgumentParser(description="Copy an F32 model; the copy computes the same but has outliers.")
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--factor", type=float, default=50, help="by which outliers exceed the rest (default: 50)")
    parser.add_argument("--channels", type=int, default=3, help="of each norm that become outliers (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="which they are (default: 1)")
    arguments = parser.parse_args()
    try:
        with open(arguments.model, "rb") as file:
            model = Model(file.read())
        add_outliers(model, arguments.factor, arguments.channels, arguments.seed)
        with open(arguments.out, "wb") as file:
            file.write(model.data)
    except OSError as error:
        sys.exit(f"add_outliers.py: {error.filename}: {error.strerror}")
    except (ValueError, KeyError, struct.error) as error:
        sys.exit(f"add_outliers.py: {arguments.model}: {error}")


if __name__ == "__main__":
    main()
