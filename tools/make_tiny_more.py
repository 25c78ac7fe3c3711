#!/usr/bin/env python3
"""Write tiny random-weight F32 GGUF models of the families that make_tiny.py does not know.

    make_tiny_more.py OUT_DIR [FAMILY...]       needs python3 and numpy only

As there, weights are scaled like trained ones, so that every part of a forward pass moves the logits: there are
enough layers for one without rotation or without a window, and scales are not 1.
"""
import sys

import numpy as np

from make_tiny import Gguf, byte_vocab

VOCABULARY = 320
EXPERTS = 8

BASE = dict(
    dim=128, layers=3, heads=8, kv_heads=4, head=16, ffn=256, context=512,
    norm="rms",           # or "layer", with a bias where `norm_bias`
    norm_bias=False,
    tied=False,
    pre_norms=("attn_norm", "ffn_norm"),
    post_norms=(),
    qkv_bias=False, output_bias=False, ffn_bias=False,
    fused_qkv=False,
    qk_norm=None,         # "head", "width" or "own" (layer norms with a weight for each head)
    up="gated",           # "fused" or "plain"
    expert_ffn=0,         # 0: no experts
    dense_layers=0,       # in front of those with experts
    expert_step=1,        # each so many-th of the others has some
    shared_ffn=0, shared_score=False, selection_bias=False,
    positions=False,      # learned ones
    rope_factors=(),      # names of tensors
    logit_bias=False,
    output_gate=False,    # behind each head's query, what attention's output is gated with
    delta=None,           # of layers with the gated delta rule: all but every fourth
    params={},
)

POST = ("post_attention_norm", "post_ffw_norm")
LONG = dict(layers=5)     # every fourth layer is another
SCALES = dict(embedding_scale=6.0, residual_scale=0.4, attention__scale=0.11, logit_scale=3.0)
ROUTED = dict(expert_count=EXPERTS, expert_used_count=3)
BY_SIGMOID = dict(expert_gating_func=2, expert_weights_norm=True, expert_weights_scale=1.5)
YARN = dict(rope__scaling__type="yarn", rope__scaling__factor=4.0, rope__scaling__original_context_length=128)
LONG_ROPE = ("rope_factors_short", "rope_factors_long")
LONG_TEXT = dict(rope__scaling__original_context_length=32, rope__scaling__attn_factor=1.19)
DELTA = dict(k_heads=4, v_heads=8, head=16, taps=4, joined=False)  # joined: as older files have it
DELTA_PARAMS = dict(ssm__conv_kernel=4, ssm__state_size=16, ssm__group_count=4, ssm__time_step_rank=8,
                    ssm__inner_size=128, full_attention_interval=4)
QWEN3NEXT = dict(**LONG, head=32, pre_norms=("attn_norm", "post_attention_norm"), qk_norm="head",
                 output_gate=True, expert_ffn=128, shared_ffn=128, shared_score=True,
                 params={**ROUTED, **DELTA_PARAMS, "expert_feed_forward_length": 128,
                         "expert_shared_feed_forward_length": 128, "rope__dimension_count": 16})
PLAIN = dict(norm="layer", norm_bias=True, qkv_bias=True, output_bias=True, ffn_bias=True, up="plain")

FAMILIES = {
    "granite": dict(tied=True, params=SCALES),
    "granite-unrotated": dict(params={**SCALES, "rope__scaling__finetuned": False}),
    "granitemoe": dict(expert_ffn=256, shared_ffn=128,
                       params={**SCALES, **ROUTED, "expert_shared_feed_forward_length": 128}),
    "internlm2": dict(),
    "qwen2moe": dict(qkv_bias=True, expert_ffn=128, shared_ffn=256, shared_score=True,
                     params={**ROUTED, "expert_feed_forward_length": 128, "expert_shared_feed_forward_length": 256}),
    "olmo2": dict(**LONG, pre_norms=(), post_norms=POST, qk_norm="width",
                  params={**YARN, "attention__sliding_window": 8}),
    "olmoe": dict(kv_heads=8, qk_norm="width", expert_ffn=256, params=ROUTED),
    "seed_oss": dict(head=32, qkv_bias=True, pre_norms=("attn_norm", "post_attention_norm")),
    "smollm3": dict(**LONG, tied=True),
    "ernie4_5": dict(head=32, tied=True),
    "ernie4_5-moe": dict(layers=4, expert_ffn=128, dense_layers=1, shared_ffn=256, selection_bias=True,
                         params={**ROUTED, "expert_feed_forward_length": 128,
                                 "expert_shared_feed_forward_length": 256, "leading_dense_block_count": 1,
                                 "interleave_moe_layer_step": 1}),
    "dots1": dict(head=32, kv_heads=8, qk_norm="head", expert_ffn=128, dense_layers=1, shared_ffn=256,
                  selection_bias=True,
                  params={**ROUTED, **BY_SIGMOID, "expert_feed_forward_length": 128, "expert_shared_count": 2,
                          "leading_dense_block_count": 1}),
    "starcoder2": dict(**PLAIN, tied=True),
    "command-r": dict(norm="layer", tied=True, pre_norms=("attn_norm",), params=dict(logit_scale=0.3)),
    "command-r-normed": dict(dim=64, layers=64, heads=4, kv_heads=2, ffn=64, norm="layer", tied=True, qk_norm="own",
                             pre_norms=("attn_norm",), params=dict(logit_scale=0.3)),
    "cohere2": dict(**LONG, norm="layer", tied=True, pre_norms=("attn_norm",),
                    params=dict(logit_scale=0.3, attention__sliding_window=8)),
    "stablelm": dict(norm="layer", norm_bias=True, qkv_bias=True, params=dict(rope__dimension_count=8)),
    "stablelm-parallel": dict(norm="layer", norm_bias=True, pre_norms=("attn_norm",), qk_norm="own",
                              params=dict(rope__dimension_count=8)),
    "glm4": dict(head=32, qkv_bias=True, post_norms=POST, up="fused", params=dict(rope__dimension_count=16)),
    "gemma2": dict(**LONG, tied=True, post_norms=POST,
                   params=dict(attention__sliding_window=8, attn_logit_softcapping=2.0,
                               final_logit_softcapping=3.0)),
    "exaone4": dict(pre_norms=(), post_norms=POST, qk_norm="head"),
    "exaone4-windowed": dict(dim=64, layers=64, heads=4, kv_heads=2, ffn=64, pre_norms=(), post_norms=POST,
                             qk_norm="head", params=dict(attention__sliding_window=8)),
    "gpt2": dict(**PLAIN, kv_heads=8, fused_qkv=True, tied=True, positions=True),
    "hunyuan-dense": dict(head=32, tied=True, qk_norm="head"),
    "hunyuan-moe": dict(head=32, qk_norm="head", expert_ffn=256, shared_ffn=256,
                        params={**ROUTED, "expert_feed_forward_length": 256,
                                "expert_shared_feed_forward_length": 256}),
    "bailingmoe2": dict(fused_qkv=True, qk_norm="head", expert_ffn=128, dense_layers=1, shared_ffn=128,
                        selection_bias=True,
                        params={**ROUTED, **BY_SIGMOID, "expert_feed_forward_length": 128, "expert_shared_count": 1,
                                "expert_shared_feed_forward_length": 128, "leading_dense_block_count": 1,
                                "expert_group_count": 4, "expert_group_used_count": 2,
                                "rope__dimension_count": 8}),
    "minimax-m2": dict(head=32, qk_norm="width", expert_ffn=256, selection_bias=True,
                       params={**ROUTED, "expert_gating_func": 2, "expert_feed_forward_length": 256,
                               "rope__dimension_count": 16}),
    "phi3-long": dict(kv_heads=8, fused_qkv=True, up="fused", rope_factors=LONG_ROPE, params=LONG_TEXT),
    "phimoe": dict(norm="layer", norm_bias=True, qkv_bias=True, output_bias=True, logit_bias=True, expert_ffn=256,
                   rope_factors=LONG_ROPE, params={**ROUTED, **LONG_TEXT, "expert_used_count": 2,
                                                   "attention__layer_norm_rms_epsilon": 1e-5}),
    "mistral3": dict(head=32, params=dict(rope__scaling__type="yarn", rope__scaling__factor=4.0,
                                          rope__scaling__original_context_length=16,
                                          rope__scaling__yarn_log_multiplier=0.5,
                                          attention__temperature_scale=0.3)),
    "llama4": dict(**LONG, head=32, expert_ffn=128, expert_step=2, shared_ffn=128, rope_factors=("rope_freqs",),
                   params={"expert_count": EXPERTS, "expert_used_count": 1, "interleave_moe_layer_step": 2,
                           "expert_feed_forward_length": 128, "attention__sliding_window": 12,
                           "attention__temperature_scale": 0.3, "attention__temperature_length": 16}),
    "qwen3next": dict(**QWEN3NEXT, delta=DELTA),
    "qwen3next-joined": dict(**QWEN3NEXT, delta={**DELTA, "joined": True}),
}
ARCHITECTURES = {"stablelm-parallel": "stablelm", "exaone4-windowed": "exaone4", "granite-unrotated": "granite",
                 "command-r-normed": "command-r", "phi3-long": "phi3", "qwen3next-joined": "qwen3next"}


class Weights:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def normal(self, *shape):
        return self.random.standard_normal(shape).astype(np.float32)

    def matrix(self, *shape):
        return self.normal(*shape) / np.float32(np.sqrt(shape[-1]))

    def norm(self, *shape):
        return np.float32(1) + np.float32(0.1) * self.normal(*shape)

    def bias(self, *shape):
        return np.float32(0.1) * self.normal(*shape)


def put_metadata(g, family, m):
    g.put("general.architecture", g.arch)
    g.put("general.name", f"tiny-{family}")
    g.put("general.file_type", 0)
    params = dict(vocab_size=VOCABULARY, context_length=m["context"], embedding_length=m["dim"],
                  block_count=m["layers"], feed_forward_length=m["ffn"], attention__head_count=m["heads"],
                  attention__head_count_kv=m["kv_heads"], attention__key_length=m["head"],
                  attention__value_length=m["head"], rope__dimension_count=m["head"], rope__freq_base=10000.0)
    params["attention__layer_norm_rms_epsilon" if m["norm"] == "rms" else "attention__layer_norm_epsilon"] = 1e-5
    g.hp(**{**params, **m["params"]})
    tokens, types, merges, n_plain = byte_vocab()
    g.put("tokenizer.ggml.model", "gpt2")
    g.put("tokenizer.ggml.pre", "gpt-2")
    g.put("tokenizer.ggml.tokens", tokens)
    g.put("tokenizer.ggml.token_type", types)
    g.put("tokenizer.ggml.merges", merges)
    g.put("tokenizer.ggml.bos_token_id", n_plain)
    g.put("tokenizer.ggml.eos_token_id", n_plain + 1)
    g.put("tokenizer.ggml.add_bos_token", True)


def add_norm(add, w, m, name):
    add(f"{name}.weight", w.norm(m["dim"]))
    if m["norm_bias"]:
        add(f"{name}.bias", w.bias(m["dim"]))


def add_attention(add, w, m):
    dim, heads = m["dim"], dict(q=m["heads"], k=m["kv_heads"], v=m["kv_heads"])
    rows = {name: n * m["head"] for name, n in heads.items()}
    matrices = {name: w.matrix(n, dim) * np.float32(1 if name == "v" else 2) for name, n in rows.items()}
    biases = {name: w.bias(n) for name, n in rows.items()}
    if m["output_gate"]:
        gate = w.matrix(rows["q"], dim) * np.float32(2)
        heads_of = [each.reshape(m["heads"], m["head"], dim) for each in (matrices["q"], gate)]
        matrices["q"] = np.concatenate(heads_of, axis=1).reshape(2 * rows["q"], dim)
    if m["fused_qkv"]:
        add("attn_qkv.weight", np.concatenate([matrices[name] for name in "qkv"]))
        if m["qkv_bias"]:
            add("attn_qkv.bias", np.concatenate([biases[name] for name in "qkv"]))
    else:
        for name in "qkv":
            add(f"attn_{name}.weight", matrices[name])
            if m["qkv_bias"]:
                add(f"attn_{name}.bias", biases[name])
    for name in "qk" if m["qk_norm"] else "":
        shape = dict(head=(m["head"],), width=(rows[name],), own=(heads[name], m["head"]))[m["qk_norm"]]
        add(f"attn_{name}_norm.weight", w.norm(*shape))
    add("attn_output.weight", w.matrix(dim, rows["q"]))
    if m["output_bias"]:
        add("attn_output.bias", w.bias(dim))


def add_delta(add, w, m):
    dim, delta = m["dim"], m["delta"]
    k_heads, v_heads, head = delta["k_heads"], delta["v_heads"], delta["head"]
    rows = dict(q=k_heads * head, k=k_heads * head, v=v_heads * head, z=v_heads * head)
    matrices = {name: w.matrix(n, dim) * np.float32(2) for name, n in rows.items()}
    if delta["joined"]:
        heads = [each.reshape(k_heads, -1, dim) for each in matrices.values()]
        add("ssm_in.weight", np.concatenate(heads, axis=1).reshape(-1, dim))
    else:
        add("attn_qkv.weight", np.concatenate([matrices[name] for name in "qkv"]))
        add("attn_gate.weight", matrices["z"])
    add("ssm_conv1d.weight", w.matrix(rows["q"] + rows["k"] + rows["v"], delta["taps"]))
    add("ssm_dt.bias", w.normal(v_heads))
    add("ssm_a", -np.exp(w.normal(v_heads)))
    add("ssm_ba.weight", w.matrix(2 * v_heads, dim) * np.float32(2))
    add("ssm_norm.weight", w.norm(head))
    add("ssm_out.weight", w.matrix(dim, rows["v"]))


def add_feed_forward(add, w, m):
    dim, ffn = m["dim"], m["ffn"]
    if m["up"] == "gated":
        add("ffn_gate.weight", w.matrix(ffn, dim))
    add("ffn_up.weight", w.matrix(2 * ffn if m["up"] == "fused" else ffn, dim))
    add("ffn_down.weight", w.matrix(dim, ffn))
    if m["ffn_bias"]:
        add("ffn_up.bias", w.bias(ffn))
        add("ffn_down.bias", w.bias(dim))


def add_experts(add, w, m):
    dim, ffn, shared = m["dim"], m["expert_ffn"], m["shared_ffn"]
    add("ffn_gate_inp.weight", w.matrix(EXPERTS, dim) * np.float32(2))
    if m["selection_bias"]:
        add("exp_probs_b.bias", w.bias(EXPERTS))
    add("ffn_gate_exps.weight", w.matrix(EXPERTS, ffn, dim))
    add("ffn_up_exps.weight", w.matrix(EXPERTS, ffn, dim))
    add("ffn_down_exps.weight", w.matrix(EXPERTS, dim, ffn))
    if shared:
        if m["shared_score"]:
            add("ffn_gate_inp_shexp.weight", w.matrix(dim) * np.float32(2))
        add("ffn_gate_shexp.weight", w.matrix(shared, dim))
        add("ffn_up_shexp.weight", w.matrix(shared, dim))
        add("ffn_down_shexp.weight", w.matrix(dim, shared))


def build(family, seed=7):
    m = {**BASE, **FAMILIES[family]}
    w = Weights(seed)
    g = Gguf(ARCHITECTURES.get(family, family))
    put_metadata(g, family, m)
    g.add("token_embd.weight", w.normal(VOCABULARY, m["dim"]) * np.float32(0.1))
    if m["positions"]:
        g.add("position_embd.weight", w.normal(m["context"], m["dim"]) * np.float32(0.1))
    for name in m["rope_factors"]:
        g.add(f"{name}.weight", np.float32(1) + np.float32(3) * w.random.random(m["head"] // 2, np.float32))
    for layer in range(m["layers"]):
        def add(name, values):
            g.add(f"blk.{layer}.{name}", values)
        for name in m["pre_norms"]:
            add_norm(add, w, m, name)
        if m["delta"] and (layer + 1) % 4 != 0:
            add_delta(add, w, m)
        else:
            add_attention(add, w, m)
        if m["expert_ffn"] and layer >= m["dense_layers"] and (layer + 1) % m["expert_step"] == 0:
            add_experts(add, w, m)
        else:
            add_feed_forward(add, w, m)
        for name in m["post_norms"]:
            add_norm(add, w, m, name)
    add_norm(g.add, w, m, "output_norm")
    if not m["tied"]:
        g.add("output.weight", w.matrix(VOCABULARY, m["dim"]) * np.float32(2))
    if m["logit_bias"]:
        g.add("output.bias", w.bias(VOCABULARY))
    return g


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out = sys.argv[1]
    for f in sys.argv[2:] or FAMILIES:
        build(f).write(f"{out}/{f}.gguf")
        print(f)
