// Compares renderings with Jinja's, which `vitest run --project templates` recorded: this test needs no Python.
import { llamaTemplates } from "../testing/template/llama-templates.ts";
import { describe, expect, test } from "vitest";
import {
  isKnown,
  knownDifferences,
  recordedConversations,
  rendered,
  verdictOn,
} from "../testing/template/comparison.ts";
import {
  hashOf,
  readRecords,
  refusal,
  snippetRecords,
  templateRecords,
  type SnippetRecords,
  type TemplateRecords,
} from "../testing/template/reference.ts";
import { snippetConversation, snippets } from "../testing/template/snippets.ts";

const templates = llamaTemplates();
const expectedTexts = readRecords<TemplateRecords>(templateRecords);

describe("real templates", () => {
  test("are the templates for which results are recorded", () => {
    const sources = [...templates].map(([name, source]) => [name, hashOf(source)]);
    expect(Object.entries(expectedTexts).map(([name, record]) => [name, record.split(" ")[0]])).toEqual(sources);
  });

  test("render each conversation like Jinja, except for the known differences", () => {
    const found = new Map<string, string[]>();
    for (const [template, source] of templates) {
      const hashes = expectedTexts[template]?.split(" ").slice(1) ?? [];
      expect(hashes).toHaveLength(recordedConversations.length);
      for (const [i, { name, values }] of recordedConversations.entries()) {
        const text = rendered(source, values);
        const expected = hashes[i] === refusal ? undefined : hashes[i];
        const verdict = verdictOn(text === undefined ? undefined : hashOf(text), expected);
        if (verdict === "equal" || verdict === "both refuse") continue;
        const key = isKnown(template, verdict) ? `${verdict} ${template}` : "unknown";
        found.set(key, [...(found.get(key) ?? []), `${template}, ${name}: ${verdict}`]);
      }
    }
    expect(found.get("unknown")).toBeUndefined();
    // Fails also if a known difference does not occur any more.
    const known = knownDifferences.flatMap((one) => one.templates.map((template) => `${one.verdict} ${template}`));
    expect([...found.keys()].toSorted()).toEqual(known.toSorted());
  });
});

describe("small templates", () => {
  const expected = readRecords<SnippetRecords>(snippetRecords);
  for (const [what, sources] of Object.entries(snippets)) {
    test.each(sources)(`${what}: %j`, (source) => {
      expect(Object.hasOwn(expected, source)).toBe(true);
      expect(rendered(source, snippetConversation.values) ?? null).toBe(expected[source]);
    });
  }
});
