#!/usr/bin/env python3
"""Write the golden data of SmolLM2-135M-Instruct: what transformers computes in float32 with the weights of the GGUF file.

    smollm2_reference.py MODEL.gguf TESTS_DATA

    tools/fetch_smollm2.sh
    apt install python3-torch libopenblas0 && python3 -m venv --system-site-packages build/reference
    build/reference/bin/pip install transformers==4.46.3 tokenizers==0.20.3 gguf==0.17.1 numpy==1.26.4
    build/reference/bin/python tools/smollm2_reference.py build/models/SmolLM2-135M-Instruct.Q4_1.gguf tests/data

python3-torch is Debian 12's, 1.13.1. The package gguf decodes the tensors, transformers' Llama computes, and tokenizers makes the
tokens, as SmolLM2's tokenizer.json has it: digits one by one, then GPT-2's byte-level BPE. Into TESTS_DATA go

tokenizers/smollm2.json   texts and their tokens; the texts are those of tokenizers/qwen3.json
smollm2/logits.json       512 tokens; of every 8th position the sum of all exponentials (its logarithm) and the largest logits; and how
                          far off the logits are where the inputs of all matrices are rounded to bytes
smollm2/logits.f32        of those positions the logits of every 64th token
smollm2/greedy.json       a greedy answer of 200 tokens, and how far behind the largest logit the second was
smollm2/conversation.json three turns through the chat template, greedily
"""
import json
import pathlib
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers

TOKENS, EVERY_POSITION, EVERY_TOKEN, LARGEST = 512, 8, 64, 8
ROUNDED_TOGETHER = 32  # activations that the program rounds to bytes with one scale
STORY, GREEDY = "Write a short story about two oxen and a farmer who pull a heavy log out of the forest.", 200
MESSAGES = "What is the capital of France?", "And of Italy?", "Write a poem about both cities."
ANSWER = 48  # tokens at most

NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


class File:
    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)

    def __getitem__(self, key):
        field = self.reader.fields[key]
        if field.types[0] == gguf.GGUFValueType.STRING:
            return bytes(field.parts[field.data[0]]).decode("utf-8")
        if field.types[0] != gguf.GGUFValueType.ARRAY:
            return field.parts[field.data[0]].tolist()[0]
        if field.types[1] == gguf.GGUFValueType.STRING:
            return [bytes(field.parts[i]).decode("utf-8") for i in field.data]
        return [field.parts[i].tolist()[0] for i in field.data]

    def weights(self):
        """By transformers' name."""
        heads = {"attn_q": self["llama.attention.head_count"], "attn_k": self["llama.attention.head_count_kv"]}
        for tensor in self.reader.tensors:
            values = torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
            *layer, name, kind = tensor.name.split(".")
            if name in heads:  # a GGUF's rotation turns neighbouring rows, transformers' one of each half of a head
                pairs = values.reshape(heads[name], -1, 2, values.shape[-1])
                values = pairs.swapaxes(1, 2).reshape(values.shape)
            yield ".".join([f"model.layers.{layer[1]}" if layer else "", NAMES[name], kind]).lstrip("."), values


def load_model(file):
    config = transformers.LlamaConfig(
        vocab_size=file["llama.vocab_size"], hidden_size=file["llama.embedding_length"],
        intermediate_size=file["llama.feed_forward_length"], num_hidden_layers=file["llama.block_count"],
        num_attention_heads=file["llama.attention.head_count"],
        num_key_value_heads=file["llama.attention.head_count_kv"], max_position_embeddings=file["llama.context_length"],
        rms_norm_eps=file["llama.attention.layer_norm_rms_epsilon"], rope_theta=file["llama.rope.freq_base"],
        tie_word_embeddings=True, attn_implementation="eager")
    model = transformers.LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(dict(file.weights()), strict=False)
    assert (missing, unexpected) == (["lm_head.weight"], []), (missing, unexpected)  # it is tied to the embedding
    return model.eval()


def load_tokenizer(file):
    texts = file["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in file["tokenizer.ggml.merges"]]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({text: id for id, text in enumerate(texts)}, merges))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    special = [text for text, kind in zip(texts, file["tokenizer.ggml.token_type"]) if kind == gguf.TokenType.CONTROL]
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=special,
                                                clean_up_tokenization_spaces=False)
    fast.chat_template = file["tokenizer.chat_template"]
    assert len(fast) == len(texts)
    return fast


def encode_text(tokenizer, text):
    """Special tokens that somebody writes out are text."""
    return tokenizer.encode(text, split_special_tokens=True)


@torch.no_grad()
def logits(model, tokens):
    return model(torch.tensor([tokens])).logits[0]


@torch.no_grad()
def write_greedily(model, tokens, limit, ends=()):
    """(tokens, how far behind the largest logit the second was)."""
    written, gaps, cache, seen = [], [], transformers.DynamicCache(), tokens
    while len(written) < limit and not (written and written[-1] in ends):
        out = model(torch.tensor([seen]), past_key_values=cache, use_cache=True)
        best = torch.topk(out.logits[0, -1], 2)
        written.append(int(best.indices[0]))
        gaps.append(float(best.values[0] - best.values[1]))
        seen = written[-1:]
    return written, gaps


def golden_tokens(tokenizer, folder):
    texts = [example["text"] for example in json.loads((folder / "qwen3.json").read_text(encoding="utf-8"))]
    return [{"text": text, "ids": encode_text(tokenizer, text)} for text in texts]


def rounded_to_bytes(module, arguments):
    """Each 32 inputs of a matrix as whole numbers from -127 to 127 times their scale."""
    blocks = arguments[0].unflatten(-1, (-1, ROUNDED_TOGETHER))
    scale = blocks.abs().amax(-1, keepdim=True) / 127
    return (torch.round(blocks / scale.clamp(min=1e-30)) * scale).flatten(-2)


def error(found, expected):
    """The normalised mean square one."""
    return float(((found - expected)**2).sum() / (expected**2).sum())


def golden_logits(model, tokens):
    chosen = slice(EVERY_POSITION - 1, None, EVERY_POSITION)
    rows = logits(model, tokens)[chosen]
    exact = logits(model.double(), tokens)[chosen]
    print("float32 against float64: error", error(rows, exact), "largest difference", float((rows - exact).abs().max()))
    hooks = [module.register_forward_pre_hook(rounded_to_bytes)
             for module in model.float().modules() if isinstance(module, torch.nn.Linear)]
    in_bytes = logits(model, tokens)[chosen]
    for hook in hooks:
        hook.remove()
    largest = torch.topk(rows, LARGEST)
    return rows[:, ::EVERY_TOKEN], {
        "tokens": tokens, "every_position": EVERY_POSITION, "every_token": EVERY_TOKEN, "vocabulary": rows.shape[1],
        "log_sums": torch.logsumexp(rows.double(), -1).tolist(), "largest_tokens": largest.indices.tolist(),
        "largest_logits": largest.values.tolist(), "error_of_bytes": error(in_bytes, rows),
        "difference_of_bytes": float((in_bytes.gather(1, largest.indices) - largest.values).abs().max())}


def golden_greedy(model, tokenizer):
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": STORY}], add_generation_prompt=True)
    written, gaps = write_greedily(model, prompt, GREEDY)
    return {"message": STORY, "prompt_tokens": prompt, "tokens": written, "gaps": gaps,
            "pieces": [tokenizer.decode([token]) for token in written]}


def golden_conversation(model, tokenizer, end):
    messages, turns = [], []
    for said in MESSAGES:
        messages.append({"role": "user", "content": said})
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        written, gaps = write_greedily(model, prompt, ANSWER, ends=[end])
        tokens = [token for token in written if token != end]
        answer = tokenizer.decode(tokens)
        messages.append({"role": "assistant", "content": answer})
        turns.append({"message": said, "prompt_tokens": prompt, "tokens": tokens, "answer": answer, "least_gap": min(gaps)})
    return turns


def rounded(value):
    """Numbers as float32 has them, in few digits."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, list):
        return [rounded(element) for element in value]
    return {key: rounded(element) for key, element in value.items()} if isinstance(value, dict) else value


def write_json(path, value):
    path.write_text(json.dumps(rounded(value), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main(path, folder):
    file = File(path)
    model, tokenizer = load_model(file), load_tokenizer(file)
    out = folder / "smollm2"
    out.mkdir(exist_ok=True)
    write_json(folder / "tokenizers" / "smollm2.json", golden_tokens(tokenizer, folder / "tokenizers"))
    text = (pathlib.Path(__file__).parents[1] / "models" / "heldout.txt").read_text(encoding="utf-8")
    sampled, described = golden_logits(model, encode_text(tokenizer, text[:4 * TOKENS])[:TOKENS])
    assert len(described["tokens"]) == TOKENS
    sampled.numpy().astype("<f4").tofile(out / "logits.f32")
    write_json(out / "logits.json", described)
    write_json(out / "greedy.json", golden_greedy(model, tokenizer))
    write_json(out / "conversation.json", golden_conversation(model, tokenizer, file["tokenizer.ggml.eos_token_id"]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
