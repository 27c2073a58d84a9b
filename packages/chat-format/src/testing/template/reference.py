"""Renders chat templates with Jinja2, with the settings of Hugging Face transformers, to compare Waggle's renderer with it.

Reads one JSON object from standard input: {"now": "<ISO date and time>", "templates": [[name, source], ...],
"conversations": [[name, values], ...]}. Writes one JSON object: {name: [{"text": ...} or {"error": ...}, ...]}, in the order of the conversations.
"""

import copy
import datetime
import json
import sys

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """The block `generation`, which marks training data. It renders its content unchanged."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("shown"), [], [], body).set_lineno(line)

    def shown(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def refuse(message):
    raise TemplateError(message)


def environment(now):
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = now.strftime
    return made


def rendered(template, values):
    try:
        return {"text": template.render(**copy.deepcopy(values))}
    except Exception as error:  # transformers refuses a template that raises any exception
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    given = json.load(sys.stdin)
    made = environment(datetime.datetime.fromisoformat(given["now"]))
    results = {}
    for name, source in given["templates"]:
        try:
            template = made.from_string(source)
        except Exception as error:
            results[name] = [{"error": f"{type(error).__name__}: {error}"} for _ in given["conversations"]]
            continue
        results[name] = [rendered(template, values) for _, values in given["conversations"]]
    json.dump(results, sys.stdout)


main()
