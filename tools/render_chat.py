#!/usr/bin/env python3
"""Render conversations with chat templates by Jinja2, set up as Hugging Face's transformers does: what Yoke's own interpreter is held against.

    render_chat.py TEMPLATES.json CONVERSATIONS.json

TEMPLATES.json      {name: {"source": template, "tokens": {"bos_token": "<s>", …}}}
CONVERSATIONS.json  [{"case": name, "messages": […], "tools": […], "add_generation_prompt": true, "variables": {…}}]; all but
                    the messages may be missing

Prints one line for each template and conversation: {"template", "case", "rendered"}, or "error" where Jinja2 raises an
exception. strftime_now() is of 22 November 2026. Needs python3-jinja2.
"""
import datetime
import functools
import json
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = datetime.datetime(2026, 11, 22, 9, 5, 3)


class Generation(jinja2.ext.Extension):
    """{% generation %}: marks what the model writes; what is in it is rendered like a call block's body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def make_environment():
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = NOW.strftime
    return environment


@functools.lru_cache(maxsize=1)
def compiled(environment, source):
    return environment.from_string(source)


def render(environment, source, tokens, conversation):
    """(key, value) of the result."""
    variables = {**tokens, "messages": conversation["messages"], "tools": conversation.get("tools"), "documents": None,
                 "add_generation_prompt": conversation.get("add_generation_prompt", False),
                 **conversation.get("variables", {})}
    try:
        return "rendered", compiled(environment, source).render(variables)
    except Exception as error:  # whatever it is: the template cannot take this conversation
        return "error", f"{type(error).__name__}: {error}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    templates, conversations = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
    environment = make_environment()
    for name, template in templates.items():
        for conversation in conversations:
            key, value = render(environment, template["source"], template["tokens"], conversation)
            print(json.dumps({"template": name, "case": conversation["case"], key: value}))


if __name__ == "__main__":
    main()
