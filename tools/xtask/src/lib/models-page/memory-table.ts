// Generates the table of models against memory in docs/models.md with the code of `waggle fit`, so that table and command agree.
import { createEstimator, engineProcessBytes } from "@waggle/models/memory";
import { alignedTable } from "../docs/table.ts";
import { headerOfShape, knownShapes, type KnownShape } from "@waggle/models/recommended";

const gib = 2 ** 30;
const usualContext = 8_192;
const contextStep = 1_024;
/** Memory of the machines in the table, in GiB. */
const machines = [8, 16, 32, 64] as const;
/** Share of the memory for the model; the system and other programs use the rest. */
const freePart = 0.75;

export function memoryTable(): string {
  const headings = [...["model", "file", "1 answer", "8 answers"], ...machines.map((size) => `${size} GiB`)];
  return alignedTable([headings, ...knownShapes.map(rowOf)], true);
}

function rowOf(shape: KnownShape): string[] {
  const header = headerOfShape(shape);
  // A fixed processor, so that every machine generates the same table.
  const estimate = createEstimator(header, { processor: "x64" });
  const needed = (slots: number, contextSize: number): number =>
    estimate({ slots, contextSize }).resident + engineProcessBytes;
  const context = Math.min(usualContext, shape.context);
  return [
    shape.name,
    `${gibibytes(header.fileBytes)} ${shape.quantization}`,
    gibibytes(needed(1, context)),
    gibibytes(needed(8, context)),
    ...machines.map((size) => longest(shape.context, (length) => needed(1, length) <= size * gib * freePart)),
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

function gibibytes(bytes: number): string {
  return (bytes / gib).toFixed(1);
}
