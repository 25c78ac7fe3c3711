#!/usr/bin/env python3
"""Turn a published tokenizer into a GGUF file that holds a vocabulary and nothing else: what tests of tokenizers need of a model.

    make_vocabulary.py FOLDER PRE OUT.gguf

FOLDER  holds tokenizer.json and tokenizer_config.json of Hugging Face, or OpenAI's encoder.json and vocab.bpe of GPT-2
PRE     for byte-level BPE: the name that GGUF has for the pre-tokenizer (tokenizer.ggml.pre);
        for a SentencePiece-style vocabulary: `sentencepiece`, or `sentencepiece-no-space` where no space is put before a text
"""
import json
import pathlib
import re
import struct
import sys

# GGUF's types of values and of tokens.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

SPECIAL_IDS = {"bos_token": "bos_token_id", "eos_token": "eos_token_id", "pad_token": "padding_token_id"}


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def strings(texts):
    return struct.pack("<IQ", STRING, len(texts)) + b"".join(map(string, texts))


def read_gpt2(folder):
    """The layout that tokenizer.json has, from GPT-2's own files."""
    vocabulary = read_json(folder / "encoder.json")
    lines = (folder / "vocab.bpe").read_text(encoding="utf-8").split("\n")
    end = "<|endoftext|>"
    tokenizer = {"model": {"vocab": vocabulary, "merges": [line for line in lines[1:] if line]},  # the first is a version
                 "added_tokens": [{"id": vocabulary[end], "content": end, "special": True}]}
    return tokenizer, {"bos_token": end, "eos_token": end}


def read_folder(folder):
    """(tokenizer.json, tokenizer_config.json)"""
    if (folder / "encoder.json").exists():
        return read_gpt2(folder)
    return read_json(folder / "tokenizer.json"), read_json(folder / "tokenizer_config.json")


def tokens_and_types(tokenizer, sentencepiece):
    model, added = tokenizer["model"], tokenizer["added_tokens"]
    ids = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
    n = max(ids.values()) + 1
    tokens, types = [f"<unused{i}>" for i in range(n)], [UNUSED] * n  # ids that the vocabulary leaves out
    for text, i in ids.items():
        tokens[i], types[i] = text, NORMAL
        if sentencepiece and re.fullmatch("<0x[0-9A-F]{2}>", text):
            types[i] = BYTE
    for token in added:
        types[token["id"]] = CONTROL if token["special"] else USER_DEFINED
    if model.get("unk_token") is not None:
        types[ids[model["unk_token"]]] = UNKNOWN
    return tokens, types


def special_ids(config, tokens):
    """(key, id) for each token that the configuration gives a part to."""
    for name, key in SPECIAL_IDS.items():
        text = config.get(name)
        text = text["content"] if isinstance(text, dict) else text
        if text is not None:
            yield key, tokens.index(text)


def vocabulary_pairs(tokenizer, config, pre):
    """The pairs of the GGUF: (key, type, value as bytes)."""
    sentencepiece = pre.startswith("sentencepiece")
    tokens, types = tokens_and_types(tokenizer, sentencepiece)
    yield "general.architecture", STRING, string("llama")
    yield "tokenizer.ggml.model", STRING, string("llama" if sentencepiece else "gpt2")
    yield "tokenizer.ggml.pre", STRING, string("default" if sentencepiece else pre)
    yield "tokenizer.ggml.tokens", ARRAY, strings(tokens)
    yield "tokenizer.ggml.token_type", ARRAY, struct.pack(f"<IQ{len(types)}i", INT32, len(types), *types)
    if sentencepiece:
        # The published file no longer has the scores, but its ids are in their order.
        yield "tokenizer.ggml.scores", ARRAY, struct.pack(f"<IQ{len(tokens)}f", FLOAT32, len(tokens),
                                                          *(-i for i in range(len(tokens))))
        yield "tokenizer.ggml.add_space_prefix", BOOL, struct.pack("<?", pre == "sentencepiece")
    else:
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
        yield "tokenizer.ggml.merges", ARRAY, strings(merges)
    for key, token in special_ids(config, tokens):
        yield f"tokenizer.ggml.{key}", UINT32, struct.pack("<I", token)
    if isinstance(config.get("chat_template"), str):
        yield "tokenizer.chat_template", STRING, string(config["chat_template"])


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    folder, pre, out = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    pairs = [string(key) + struct.pack("<I", kind) + value
             for key, kind, value in vocabulary_pairs(*read_folder(folder), pre)]
    out.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs))


if __name__ == "__main__":
    main()
