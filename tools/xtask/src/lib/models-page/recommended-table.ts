// Generates the table of recommended models in docs/models.md from the list in packages/models.
import { createEstimator, engineProcessBytes } from "@waggle/models/memory";
import { headerOfShape, listWords, purposeNames, recommendedModels } from "@waggle/models/recommended";
import { alignedTable } from "../docs/table.ts";

/** Tokens of the slot in the column of memory, as in the table of models against memory. */
const usualContext = 8_192;

export function recommendedTable(): string {
  const headings = ["purpose", "model", "languages", "file, GB", "1 answer, GiB", "reference"];
  const rows = recommendedModels.map(({ purposes, name, languages, bytes, shape, reference }) => [
    purposes.map((purpose) => purposeNames[purpose]).join(", "),
    name,
    languages,
    (bytes / 1e9).toFixed(1),
    neededGib(shape),
    `\`${reference}\``,
  ]);
  return `${listWords()}\n\n${alignedTable([headings, ...rows])}`;
}

function neededGib(shape: (typeof recommendedModels)[number]["shape"]): string {
  // A fixed processor, so that every machine generates the same table.
  const estimate = createEstimator(headerOfShape(shape), { processor: "x64" });
  const { resident } = estimate({ slots: 1, contextSize: Math.min(usualContext, shape.context) });
  return ((resident + engineProcessBytes) / 2 ** 30).toFixed(1);
}
