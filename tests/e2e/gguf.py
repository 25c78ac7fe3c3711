"""Writes llama models whose weights are a hole in the file: real headers, any size, all weights zero."""
import os
import struct


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def string_pair(key, value):
    return text(key) + struct.pack("<I", 8) + text(value)


def uint_pair(key, value):
    return text(key) + struct.pack("<II", 4, value)


def strings_pair(key, values):
    return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))


def byte_tokens():
    """GPT-2's printable stand-ins for the 256 bytes, in the order of the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte if byte in printable else 256 + others.index(byte)) for byte in range(256)]


def tokenizer_pairs(model="gpt2", first=None, without=None):
    """A tokenizer with one token for each byte but that of the character `without`, if given; token 0 is that of the
    character `first`, if given."""
    tokens = [token for token in byte_tokens() if token != without]
    if first is not None:
        tokens.sort(key=lambda token: token != first)
    return [string_pair("tokenizer.ggml.model", model), string_pair("tokenizer.ggml.pre", "gpt-2"),
            strings_pair("tokenizer.ggml.tokens", tokens), strings_pair("tokenizer.ggml.merges", [])]


def write_llama(path, *, layers=2, dim=64, ffn=128, heads=4, kv_heads=1, context=512, vocabulary=256, tokenizer=None):
    """A GGUF v3 llama in F32 to which all tokens are alike: greedily it writes token 0 for ever. `tokenizer` holds the
    metadata pairs of one; by default tokenizer_pairs()."""
    tokenizer = tokenizer_pairs() if tokenizer is None else tokenizer
    numbers = {"context_length": context, "embedding_length": dim, "block_count": layers, "feed_forward_length": ffn,
               "attention.head_count": heads, "attention.head_count_kv": kv_heads, "vocab_size": vocabulary}
    pairs = [string_pair("general.architecture", "llama"),
             *(uint_pair(f"llama.{key}", value) for key, value in numbers.items()),
             text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5), *tokenizer]
    kv = dim // heads * kv_heads
    tensors = [("token_embd", (dim, vocabulary)), ("output_norm", (dim,)), ("output", (dim, vocabulary))]
    for layer in range(layers):
        tensors += [(f"blk.{layer}.{name}", shape) for name, shape in (
            ("attn_norm", (dim,)), ("attn_q", (dim, dim)), ("attn_k", (dim, kv)), ("attn_v", (dim, kv)),
            ("attn_output", (dim, dim)), ("ffn_norm", (dim,)), ("ffn_gate", (dim, ffn)), ("ffn_up", (dim, ffn)),
            ("ffn_down", (ffn, dim)))]
    infos, offset = b"", 0
    for name, shape in tensors:
        infos += text(f"{name}.weight") + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos += struct.pack("<IQ", 0, offset)
        offset += 4 * shape[0] * (shape[1] if len(shape) == 2 else 1)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + infos
    path.write_bytes(head)
    os.truncate(path, (len(head) + 31) // 32 * 32 + offset)
    return path
