import { expect, test } from "vitest";
import { templateVariables } from "./template-variables.ts";

test.each<[string, string, readonly string[]]>([
  [
    "variables in expressions and conditions",
    "{{ a }}{% if b.c and d['e'] %}{{ f(g=h) }}{% endif %}",
    ["a", "b", "d", "f", "h"],
  ],
  [
    "no strings, filters, tests or comments",
    "{{ 'x' | trim ~ \"y}}\" }}{% if a is defined %}{# b #}{% endif %}",
    ["a"],
  ],
  ["no variables that every template gets", "{{ messages[0].content }}{{ bos_token }}{% if tools %}{% endif %}", []],
  [
    "no variables that the template sets before",
    "{% set a = b %}{{ a }}{%- for c, d in e -%}{{ c ~ d ~ loop.index }}{% endfor %}",
    ["b", "e"],
  ],
  ["a variable that is read before it is set", "{% if not a is defined %}{% set a = 1 %}{% endif %}{{ a }}", ["a"]],
  ["a variable that is set to itself", "{% set a = a if a is defined else 'x' %}", ["a"]],
  ["no arguments of macros, and no macros", "{{ m(1) }}{% macro m(a, b=c) %}{{ a ~ b ~ d }}{% endmacro %}", ["d"]],
  ["variables in brackets", "{{ {'a': b, 'c': [d, {'e': f}]} }}{{ g }}", ["b", "d", "f", "g"]],
  ["nothing in raw text", "{% raw %}{{ a }}{% endraw %}{{ b }}", ["b"]],
  ["variables before an unfinished end", "{{ a }}{{ b", ["a", "b"]],
])("finds in a template %s", (_, source, expected) => {
  expect(templateVariables(source)).toEqual(expected);
});

// Quadratic time would take minutes.
test.each([
  ["comments", "{# "],
  ["raw text", "{% raw %}"],
  ["quotes", "{{ '\\'\\'"],
  ["quotes in one block", "\\'"],
  ["blanks", "{%        "],
  ["brackets", "{{ ("],
  ["macros", "{% macro "],
])("takes linear time for %s without an end", { timeout: 60_000 }, (_, piece) => {
  const source = `{{ a }}{{ ' ${piece.repeat(200_000)}`;
  expect(templateVariables(source)).toEqual(["a"]);
  expect(templateVariables(`{{ a }}${piece.repeat(200_000)}`).length).toBeLessThan(3);
});
