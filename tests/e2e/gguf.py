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


def write_llama(path, *, layers, dim, ffn, heads, kv_heads, context):
    """A GGUF v3 llama in F32 with one token for each byte. Greedily it writes token 0 for ever."""
    tokens = byte_tokens()
    numbers = {"context_length": context, "embedding_length": dim, "block_count": layers, "feed_forward_length": ffn,
               "attention.head_count": heads, "attention.head_count_kv": kv_heads, "vocab_size": len(tokens)}
    pairs = [string_pair("general.architecture", "llama"),
             *(uint_pair(f"llama.{key}", value) for key, value in numbers.items()),
             text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5),
             string_pair("tokenizer.ggml.model", "gpt2"), string_pair("tokenizer.ggml.pre", "gpt-2"),
             strings_pair("tokenizer.ggml.tokens", tokens), strings_pair("tokenizer.ggml.merges", [])]
    kv = dim // heads * kv_heads
    tensors = [("token_embd", (dim, len(tokens))), ("output_norm", (dim,)), ("output", (dim, len(tokens)))]
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
