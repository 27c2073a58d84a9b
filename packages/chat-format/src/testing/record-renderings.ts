// Records the renderings of Hugging Face's transformers, with the reference in template/: python3 with jinja2 3.1.
// To run it in this package: node --import tsx src/testing/record-renderings.ts
import { writeFileSync } from "node:fs";
import { hashOf, renderWithJinja } from "./template/reference.ts";
import { llamaTemplates } from "./template/llama-templates.ts";
import { conversations } from "./template/conversations.ts";
import { type Given, bosText, eosText, reductionsOf, rowsAsText, variantsOf } from "./hf-variants.ts";

const variants = conversations.flatMap((conversation, row) => [
  ...variantsOf(conversation).map((variant) => ({ row, name: conversation.name, part: undefined, ...variant })),
  ...reductionsOf(conversation).map(({ part, variant }) => ({ row, name: conversation.name, part, ...variant })),
]);
const values = variants.map(({ name, values: all }) => ({
  name,
  values: { bos_token: bosText, eos_token: eosText, ...all },
}));
const rendered = renderWithJinja([...llamaTemplates()], values);

const records: Record<string, string> = {};
for (const [template, results] of rendered) {
  const rows = conversations.map(() => new Map<Given | "drops", string[]>());
  for (const [index, { row, given, part }] of variants.entries()) {
    const text = results[index];
    const known = rows[row];
    if (text === undefined || known === undefined) continue;
    const hash = hashOf(text);
    const isPlain = known.get("")?.includes(hash) === true;
    if (part === undefined ? !isPlain : isPlain) add(known, part === undefined ? given : "drops", part ?? hash);
  }
  records[template] = rowsAsText(rows);
}
writeFileSync(new URL("hf-renderings.json", import.meta.url), `${JSON.stringify(records, undefined, 2)}\n`);
console.log(`${variants.length} variants of ${conversations.length} conversations, ${rendered.size} templates`);

function add(row: Map<Given | "drops", string[]>, key: Given | "drops", value: string): void {
  const all = row.get(key) ?? [];
  row.set(key, all.includes(value) ? all : [...all, value]);
}
