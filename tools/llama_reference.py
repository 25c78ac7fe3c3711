"""The forward pass of a llama in numpy: what tools/quality_gate.py measures against. Nothing of it is the program's code."""
import pathlib

import numpy as np

import add_outliers

ROUNDED_TOGETHER = 32  # neighbouring activations with one scale


def exact(x):
    return x


def rounded_to_int8(x):
    """Each 32 values as whole numbers from -127 to 127 times their scale, the largest magnitude ÷ 127."""
    blocks = x.reshape(*x.shape[:-1], -1, ROUNDED_TOGETHER)
    scale = np.abs(blocks).max(axis=-1, keepdims=True) / np.float32(127)
    return (np.rint(blocks / np.where(scale == 0, 1, scale)) * scale).reshape(x.shape)


def rms_norm(x, weight, epsilon):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


class Llama:
    """A GGUF model of the family llama in F32, without RoPE scaling. `rounded` is done to the input of every matrix."""

    def __init__(self, path, rounded=exact):
        model = add_outliers.Model(pathlib.Path(path).read_bytes())
        self.tensors, self.rounded, self.shape = model.tensors, rounded, add_outliers.Shape(model)
        self.layers = model.hyper("block_count")
        self.epsilon = np.float32(model.hyper("attention.layer_norm_rms_epsilon"))
        self.base = model.hyper("rope.freq_base", 10000.0)

    def matmul(self, x, name):
        weight = self.tensors[name]
        return (x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], len(weight))

    def heads(self, x, count):
        """(windows, positions, heads × dimensions) → (windows, heads, positions, dimensions)"""
        return x.reshape(*x.shape[:2], count, self.shape.head_dim).transpose(0, 2, 1, 3)

    def rotate(self, x):
        """RoPE (Su et al. 2021) over neighbouring dimensions."""
        pairs = self.shape.rotated // 2
        frequencies = self.base ** (-np.arange(pairs) / pairs)
        turn = np.exp(1j * np.outer(np.arange(x.shape[2]), frequencies))
        rotated = (x[..., 0:2 * pairs:2] + 1j * x[..., 1:2 * pairs:2]) * turn
        out = x.copy()
        out[..., 0:2 * pairs:2], out[..., 1:2 * pairs:2] = rotated.real, rotated.imag
        return out

    def attention(self, x, layer):
        name, shape = f"blk.{layer}.attn_", self.shape
        q = self.rotate(self.heads(self.matmul(x, name + "q.weight"), shape.heads))
        k = self.rotate(self.heads(self.matmul(x, name + "k.weight"), shape.kv_heads))
        v = self.heads(self.matmul(x, name + "v.weight"), shape.kv_heads)
        group = shape.heads // shape.kv_heads
        k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
        scores = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(shape.head_dim))
        positions = scores.shape[-1]
        scores[..., np.triu(np.ones((positions, positions), bool), 1)] = -np.inf
        mixed = (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1)
        return self.matmul(self.rounded(mixed), name + "output.weight")

    def feed_forward(self, x, layer):
        name = f"blk.{layer}.ffn_"
        gate = self.matmul(x, name + "gate.weight")
        hidden = gate / (1 + np.exp(-gate)) * self.matmul(x, name + "up.weight")
        return self.matmul(self.rounded(hidden), name + "down.weight")

    def logits(self, tokens, first):
        """Of windows of tokens (windows, positions): (windows, positions − first, vocabulary)."""
        x = self.tensors["token_embd.weight"][tokens]
        for layer in range(self.layers):
            for norm, branch in (("attn_norm", self.attention), ("ffn_norm", self.feed_forward)):
                x = x + branch(self.rounded(rms_norm(x, self.tensors[f"blk.{layer}.{norm}.weight"], self.epsilon)), layer)
        x = self.rounded(rms_norm(x[:, first:], self.tensors["output_norm.weight"], self.epsilon))
        return self.matmul(x, "output.weight" if "output.weight" in self.tensors else "token_embd.weight")
