#!/usr/bin/env python3
"""Write the logits of the tiny phimoe model of make_tiny_more.py as Phi-3.5-MoE is published.

    phimoe_reference.py TOKENS.txt OUT.f32 [--as-llama-cpp]       needs python3 and numpy only

llama.cpp, which computed the other golden logits, differs from the published model in two places: it takes RMS norms
where the model has layer norms, and the softmax over two experts where SparseMixer chooses and weighs them. With
--as-llama-cpp this script does so too, and gives llama.cpp's logits: what it shares with it is right. Everything is
computed in double precision, one token after the other.
"""
import sys

import numpy as np

from make_tiny_more import BASE, FAMILIES, build

MODEL = {**BASE, **FAMILIES["phimoe"]}
HEAD, HEADS, KV_HEADS = MODEL["head"], MODEL["heads"], MODEL["kv_heads"]
JITTER = 0.01  # router_jitter_noise of the published model


class Phimoe:
    def __init__(self, as_llama_cpp):
        self.as_llama_cpp = as_llama_cpp
        self.tensors = {name: values.astype(np.float64) for name, values in build("phimoe").tensors}

    def linear(self, name, x):
        return self.tensors[f"{name}.weight"] @ x + self.tensors.get(f"{name}.bias", 0)

    def norm(self, name, x):
        if not self.as_llama_cpp:
            x = x - x.mean()
        x = x / np.sqrt((x * x).mean() + np.float64(np.float32(1e-5)))
        return x * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def rotated(self, heads, position):
        # LongRoPE: the text may be longer than the original context, so the long factors hold.
        pairs = HEAD // 2
        angles = position * 10000.0 ** (-np.arange(pairs) / pairs) / self.tensors["rope_factors_long.weight"]
        magnitude = np.float64(np.float32(MODEL["params"]["rope__scaling__attn_factor"]))
        cos, sin = magnitude * np.cos(angles), magnitude * np.sin(angles)
        first, second = heads[:, :pairs], heads[:, pairs:]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=1)

    def route(self, scores):
        """Experts and their weights."""
        if self.as_llama_cpp:
            chosen = np.argsort(-scores, kind="stable")[:2]
            weights = np.exp(scores[chosen] - scores.max())
            return chosen, weights / weights.sum()
        left = scores.copy()
        chosen, weights = [], []
        for _ in range(2):
            best = int(np.argmax(left))
            behind = (left[best] - scores) / np.maximum(np.abs(scores), left[best])
            gates = np.where(behind > 2 * JITTER, -np.inf, left)
            gates = np.exp(gates - gates.max())
            chosen.append(best)
            weights.append(gates[best] / gates.sum())
            left[best] = -np.inf
        return chosen, weights

    def feed_forward(self, layer, x):
        out = 0
        for expert, weight in zip(*self.route(self.linear(f"{layer}.ffn_gate_inp", x))):
            gate, up, down = (self.tensors[f"{layer}.ffn_{part}_exps.weight"][expert] for part in ("gate", "up", "down"))
            hidden = gate @ x
            out = out + weight * (down @ (hidden / (1 + np.exp(-hidden)) * (up @ x)))
        return out

    def attend(self, layer, x, position, cache):
        q, k, v = (self.linear(f"{layer}.attn_{part}", x).reshape(-1, HEAD) for part in "qkv")
        cache.append((self.rotated(k, position), v))
        out = []
        for head, query in enumerate(self.rotated(q, position)):
            kv_head = head * KV_HEADS // HEADS
            scores = np.array([keys[kv_head] @ query for keys, _ in cache]) / np.sqrt(HEAD)
            weights = np.exp(scores - scores.max())
            out.append(weights @ np.array([values[kv_head] for _, values in cache]) / weights.sum())
        return self.linear(f"{layer}.attn_output", np.concatenate(out))

    def logits(self, tokens):
        caches = [[] for _ in range(MODEL["layers"])]
        for position, token in enumerate(tokens):
            x = self.tensors["token_embd.weight"][token]
            for i, cache in enumerate(caches):
                x = x + self.attend(f"blk.{i}", self.norm(f"blk.{i}.attn_norm", x), position, cache)
                x = x + self.feed_forward(f"blk.{i}", self.norm(f"blk.{i}.ffn_norm", x))
            yield self.linear("output", self.norm("output_norm", x))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    ids = [int(token) for token in open(sys.argv[1]).read().split(",")]
    np.array(list(Phimoe("--as-llama-cpp" in sys.argv).logits(ids)), np.float32).tofile(sys.argv[2])
