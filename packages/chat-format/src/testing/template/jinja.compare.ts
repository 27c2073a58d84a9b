// Compares with Jinja, which needs Python: `vitest run --project templates`, add `-u` to record Jinja's results again.
import { llamaTemplates } from "./llama-templates.ts";
import { expect, test } from "vitest";
import { isKnown, recordedConversations, rendered, verdictOn, type Verdict } from "./comparison.ts";
import { conversations } from "./conversations.ts";
import { hashOf, refusal, renderWithJinja, snippetRecords, templateRecords, type Expected } from "./reference.ts";
import { snippetConversation, snippets } from "./snippets.ts";

const templates = [...llamaTemplates()];
const verdicts = ["equal", "both refuse", "lenient", "differs", "errs"] as const;

interface Row extends Record<Verdict, number> {
  readonly template: string;
}

function compare(expected: ReadonlyMap<string, readonly Expected[]>, count: number): readonly Row[] {
  return templates.map(([template, source]) => {
    const row: Row = { template, equal: 0, "both refuse": 0, lenient: 0, differs: 0, errs: 0 };
    for (const [i, { values }] of recordedConversations.slice(0, count).entries()) {
      row[verdictOn(rendered(source, values), expected.get(template)?.[i])] += 1;
    }
    return row;
  });
}

function told(rows: readonly Row[]): string {
  const sum = (verdict: Verdict): number => rows.reduce((total, row) => total + row[verdict], 0);
  const lines = rows.map(
    (row) => `${row.template.padEnd(50)} ${verdicts.map((name) => String(row[name]).padStart(12)).join("")}`,
  );
  const totals = verdicts.map((name) => String(sum(name)).padStart(12)).join("");
  return [
    `${" ".repeat(51)}${verdicts.map((name) => name.padStart(12)).join("")}`,
    ...lines,
    `${"all".padEnd(51)}${totals}`,
  ].join("\n");
}

test("real templates render like Jinja, except for the known differences", async () => {
  const expected = renderWithJinja(templates, recordedConversations);
  const rows = compare(expected, conversations.length);
  console.log(told(rows));
  const unknown = rows.flatMap((row) =>
    (["lenient", "differs", "errs"] as const)
      .filter((name) => row[name] > 0 && !isKnown(row.template, name))
      .map((name) => `${row.template} ${name}`),
  );
  expect(unknown).toEqual([]);
  const records = templates.map(([name, source]) => {
    const hashes = (expected.get(name) ?? []).map((text) => (text === undefined ? refusal : hashOf(text)));
    return [name, [hashOf(source), ...hashes].join(" ")] as const;
  });
  await expect(`${JSON.stringify(Object.fromEntries(records), null, 2)}\n`).toMatchFileSnapshot(
    templateRecords.pathname,
  );
});

test("small templates render like Jinja", async () => {
  const sources = Object.values(snippets).flat();
  const expected = renderWithJinja(
    sources.map((source) => [source, source] as const),
    [snippetConversation],
  );
  const records = sources.map((source) => [source, expected.get(source)?.[0] ?? null] as const);
  for (const [source, text] of records) expect(rendered(source, snippetConversation.values) ?? null, source).toBe(text);
  await expect(`${JSON.stringify(Object.fromEntries(records), null, 2)}\n`).toMatchFileSnapshot(
    snippetRecords.pathname,
  );
});
