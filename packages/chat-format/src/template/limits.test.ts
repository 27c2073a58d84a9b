// Tests the limits of untrusted templates: each of these templates stops at a named limit.
import { expect, test } from "vitest";
import { compileTemplate } from "./compiled-template.ts";
import { defaultRenderLimits, sourceLimits } from "./limits.ts";
import { TemplateError } from "./template-error.ts";

const limits = { ...defaultRenderLimits, steps: 200_000, textChars: 1 << 20 };
const longText = "x".repeat(100_000);
const now = (): Date => new Date(0);

function render(source: string): string {
  return compileTemplate(source).render({ text: longText }, { now, limits });
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TemplateError) return `${error.reason}: ${error.message}`;
    throw error;
  }
  return "none";
}

/** The turns of the loop alone stay below the limit of steps. */
const loop = (body: string, turns = 10_000): string =>
  `{% set ns = namespace(x='a', l=[1], d={}) %}{% for i in range(${turns}) %}${body}{% endfor %}`;

test.each([
  ["loops in loops", loop("{% for j in range(100000) %}{% endfor %}"), "steps"],
  ["a range of a billion", "{% for i in range(1000000000) %}{% endfor %}", "a range has more than 100000 items"],
  ["a text that doubles", loop("{% set ns.x = ns.x ~ ns.x %}"), "1048576 characters"],
  ["a text that is added to itself", loop("{% set ns.x = ns.x + ns.x %}"), "1048576 characters"],
  ["a list that doubles", loop("{% set ns.l = ns.l + ns.l %}"), "steps"],
  ["a list that grows", loop("{% set _ = ns.l.extend(ns.l) %}"), "steps"],
  ["a text repeated", "{{ 'ab' * 1000000000 }}", "1048576 characters"],
  ["a list repeated", "{{ [1] * 1000000000 }}", "steps"],
  ["a text filled up", "{{ 'a'.ljust(1000000000) }}", "1048576 characters"],
  ["a text centred", "{{ 'a' | center(1000000000) }}", "1048576 characters"],
  ["a wide number", "{{ '%1000000000d' % 1 }}", "1048576 characters"],
  ["a wide field", "{{ '{:1000000000}'.format(1) }}", "1048576 characters"],
  ["a text joined", "{{ range(100000) | join(text) }}", "1048576 characters"],
  ["a text replaced", "{{ text.replace('x', text) }}", "1048576 characters"],
  ["lines moved in", "{{ ('\\n' * 10000) | indent(1000, blank=true) }}", "1048576 characters"],
  ["a large integer", "{{ 2 ** 1000000 }}", "4096 bits"],
  [
    "an integer that grows",
    "{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "4096 bits",
  ],
  ["macros without an end", "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "100 deep"],
  [
    "macros that call in turn",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "100 deep",
  ],
  ["a recursive loop without an end", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "100 deep"],
  ["a huge result", loop("{{ text }}"), "1048576 characters"],
  ["a value in itself, printed", "{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}", "500 levels"],
  ["a value in itself, as JSON", "{% set l = [1] %}{% set _ = l.append(l) %}{{ l | tojson }}", "500 levels"],
  ["values that are twice in each other", loop("{% set ns.l = [ns.l, ns.l] %}{{ ns.l == ns.l[:] }}"), "steps"],
  ["a text searched again and again", loop("{{ text.count('xy') }}{{ 'y' in text }}"), "steps"],
  ["a list sorted again and again", loop("{{ range(1000) | sort }}"), "steps"],
  ["fields that never end", "{{ ('%(' * 200000) % {} }}", "steps"],
  ["braces that never end", "{{ ('{[' * 200000).format(1) }}", "steps"],
  ["a dict that grows", loop("{% set _ = ns.d.update({i: i}) %}", 100_000), "steps"],
  ["a list copied again and again", `{% set l = range(10000) | list %}${loop("{% set _ = l.copy() %}")}`, "steps"],
  ["a list turned round", `{% set l = range(10000) | list %}${loop("{% set _ = l.reverse() %}")}`, "steps"],
  ["items moved in a list", `{% set l = range(10000) | list %}${loop("{% set _ = l.pop(0) %}")}`, "steps"],
  ["items put in a list", `{% set l = range(10000) | list %}${loop("{% set _ = l.insert(0, 1) %}")}`, "steps"],
  ["ranges compared", loop("{{ range(100000) == range(99999) }}", 500), "steps"],
  ["a text's cases swapped", loop("{% set ns.x = text.swapcase() %}", 5), "steps"],
  ["a text turned round", loop("{% set ns.x = text | reverse %}", 5), "steps"],
  ["a text encoded for a URL", "{{ (text ~ text ~ text ~ text) | urlencode }}", "1048576 characters"],
  ["a long key", loop("{% set ns.d = {text: 1} %}"), "steps"],
  ["a long name", loop("{{ ns.d[text] }}"), "steps"],
  [
    "a long path",
    loop(`{% set _ = ns.l.append(ns.l) %}{{ [ns.l] | map(attribute='${"1.".repeat(1_000)}1') | list | length }}`, 300),
    "steps",
  ],
  ["long numbers read", `{% set n = '9' * 1000 %}${loop("{% set ns.x = n | int %}", 300)}`, "steps"],
  ["beginnings compared", `{% set t = (text[1:] ~ 'y',) * 1000 %}${loop("{{ text.startswith(t) }}", 10)}`, "steps"],
  ["a long part searched", "{{ text.rfind(text[:10000] ~ 'y' ~ text[:10000]) }}", "steps"],
  ["a long part found", "{{ (text[:10000] ~ 'y' ~ text[:10000]) in text }}", "steps"],
  ["a long part counted", "{{ text.count(text[:10000] ~ 'y' ~ text[:10000]) }}", "steps"],
  ["a long part replaced", "{{ text.replace(text[:10000] ~ 'y' ~ text[:10000], '') }}", "steps"],
  ["a text split at a long part", "{{ text.split(text[:10000] ~ 'y' ~ text[:10000]) }}", "steps"],
  ["a text divided at a long part", "{{ text.partition(text[:10000] ~ 'y' ~ text[:10000]) }}", "steps"],
  ["a long chain of filters", loop(`{% set ns.x = 1${" | abs".repeat(1_000)} %}`, 300), "steps"],
])("%s", (_, source, limit) => {
  expect(refusal(() => render(source))).toMatch(new RegExp(`^limit: .*${limit}`));
});

test.each([
  ["brackets", `{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}`],
  ["lists", `{{ ${"[".repeat(5_000)}${"]".repeat(5_000)} }}`],
  ["blocks", "{% if a %}".repeat(5_000)],
  ["branches", `{% if a %}${"{% elif a %}".repeat(5_000)}{% endif %}`],
  ["signs", `{{ ${"- ".repeat(50_000)}1 }}`],
  ["nots", `{{ ${"not ".repeat(50_000)}1 }}`],
  ["choices", `{{ ${"1 if 1 else ".repeat(50_000)}1 }}`],
  ["targets", `{% set ${"(".repeat(50_000)}a${")".repeat(50_000)} = 1 %}`],
])("a source that is nested too deep: %s", (_, source) => {
  expect(refusal(() => compileTemplate(source))).toMatch(/^limit: Line 1: nested too deep/);
});

test("a long chain of operators or filters does not count as deep nesting", () => {
  expect(render(`{{ ${"1 + ".repeat(1_000)}1 }}`)).toBe("1001");
  expect(render(`{{ 'a'${" | upper".repeat(500)} }}`)).toBe("A");
});

test("a chain that is too long for the stack stops at a limit", () => {
  expect(refusal(() => render(`{{ ${"1 + ".repeat(150_000)}1 }}`))).toMatch(/^limit: /);
});

test("a source that is too long is rejected", () => {
  expect(refusal(() => compileTemplate(" ".repeat(sourceLimits.chars + 1)))).toMatch(/^limit: it has more than/);
});

// Quadratic time would take minutes.
test.each([
  "a ".repeat(500_000),
  `{#${" ".repeat(1_000_000)}`,
  `{{ '${"\\a".repeat(500_000)}`,
  `${" ".repeat(1_000_000)}x{%- if a %}`,
  "{{ 1 }}".repeat(140_000),
])("long sources are parsed in linear time: %#", { timeout: 60_000 }, (source) => {
  expect(refusal(() => compileTemplate(source))).toMatch(/^none|^syntax/);
});

test("values that are too deep are rejected", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 1_000; i += 1) deep = [deep];
  expect(refusal(() => compileTemplate("{{ deep }}").render({ deep }, { now }))).toMatch(
    /^limit: the values have more than 500/,
  );
});

test("a template cannot reach JavaScript's objects", () => {
  const source =
    "{{ [text.constructor, [].constructor, {}.__proto__, {}.constructor, range.constructor, ''.__class__] }}{{ toString }}{{ __proto__ }}";
  expect(render(source)).toBe("[Undefined, Undefined, Undefined, Undefined, Undefined, Undefined]");
  const values = { text: "", bad: JSON.parse('{"__proto__": 1, "constructor": 2}') as unknown };
  expect(compileTemplate("{{ bad.constructor }}{{ bad['__proto__'] }}{{ bad.toString }}").render(values, { now })).toBe(
    "21",
  );
});
