// Generates the table of recommended models in docs/models.md. Its memory comes from the code of `waggle fit`, so that table and command agree.
import { createEstimator, engineProcessBytes } from "@waggle/models/memory";
import { headerOfShape, listWords, purposeNames, recommendedModels } from "@waggle/models/recommended";
import { alignedTable } from "./table.ts";

const gigabyte = 1e9;
const usualContext = 8_192;
const contextStep = 1_024;
/** Memory of the machines in the table, in GB. */
const machines = [8, 16, 32, 64] as const;
/** Share of the memory for the model; the system and other programs use the rest. */
const freePart = 0.75;

export function modelsTable(): string {
  const columns = ["model", "purpose", "languages", "file", "1 answer", "8 answers"];
  const headings = [...columns, ...machines.map((size) => `${size} GB`), "reference"];
  return `${listWords()}\n\n${alignedTable([headings, ...recommendedModels.map(rowOf)])}`;
}

function rowOf({ name, purposes, languages, bytes, shape, reference }: (typeof recommendedModels)[number]): string[] {
  // A fixed processor, so that every machine generates the same table.
  const estimate = createEstimator(headerOfShape(shape), { processor: "x64" });
  const needed = (slots: number, contextSize: number): number =>
    estimate({ slots, contextSize }).resident + engineProcessBytes;
  const context = Math.min(usualContext, shape.context);
  return [
    name,
    purposes.map((purpose) => purposeNames[purpose]).join(", "),
    languages,
    ...[bytes, needed(1, context), needed(8, context)].map((size) => (size / gigabyte).toFixed(1)),
    ...machines.map((size) => longest(shape.context, (length) => needed(1, length) <= size * gigabyte * freePart)),
    `\`${reference}\``,
  ];
}

/** Formats the longest context that fits for one slot, at most the trained context. */
function longest(trained: number, fits: (contextSize: number) => boolean): string {
  if (!fits(contextStep)) return "–";
  let [low, high] = [1, trained / contextStep];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle * contextStep)) low = middle;
    else high = middle - 1;
  }
  return `${low}k`;
}
