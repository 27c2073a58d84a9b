// Renders the report of `waggle fit` for a terminal.
import { isSlow, rowToTake } from "./choose-row.ts";
import { engineProcessBytes, type Fit } from "./largest-fit.ts";
import { busyWords, wasBusy, type Machine } from "./machine.ts";
import type { FitReport, FitRow } from "./report.ts";

/** A terminal of this width does not break a row. */
const mostColumns = 100;
const mark = "* ";

interface Column {
  readonly title: string;
  readonly isText?: true;
  readonly cell: (row: FitRow, fit: Fit | undefined) => string;
}

/** Renders a table of all rows, and for a single row also the parts of its memory. Marks the row to take. Ends with a line break. */
export function renderFitReport({ machine, rows }: FitReport): string {
  const taken = rows.length > 1 && !wasBusy(machine) ? rowToTake(rows, machine) : undefined;
  const lines = [...table(rows, taken, machine), ""];
  for (const { name, problem } of rows) if (problem !== undefined) lines.push(`${name}: ${problem}.`, "");
  const [only] = rows;
  if (rows.length === 1 && only?.fit !== undefined)
    lines.push(...memoryPartTexts(only.fit), "", ...limitsOf(only.fit), "");
  if (taken !== undefined) lines.push(`${mark}is the one to take on this machine.`);
  lines.push(...footnotes(machine, rows));
  return `${lines.join("\n")}\n`;
}

function table(rows: readonly FitRow[], taken: FitRow | undefined, { gpu }: Machine): string[] {
  const slots = Math.max(1, ...rows.map(({ fit }) => fit?.slots ?? 1));
  const columns: readonly Column[] = [
    { title: "quant", isText: true, cell: ({ quantization = "" }) => quantization },
    { title: "size", cell: ({ fileBytes }) => bytes(fileBytes) },
    { title: "1 answer", cell: (_, fit) => (fit === undefined ? "" : bytes(fit.oneAnswerBytes)) },
    ...(slots === 1
      ? []
      : [
          {
            title: `${slots} answers`,
            cell: (_: FitRow, fit: Fit | undefined) =>
              fit === undefined || fit.slots === 1 ? "" : bytes(neededBytes(fit)),
          },
        ]),
    { title: "context", cell: (_, fit) => (fit === undefined ? "" : String(fit.contextSize)) },
    { title: "tokens/s", cell: (_, fit) => speedOf(fit) },
    ...(gpu === undefined
      ? []
      : [{ title: "GPU", isText: true, cell: (_: FitRow, fit: Fit | undefined) => gpuLayersText(fit) } as const]),
    { title: "verdict", isText: true, cell: (_, fit) => verdictOf(fit) },
  ];
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cell(row, row.fit))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const others = widths.reduce((sum, width) => sum + width + 2, 0);
  const prefix = taken === undefined ? "" : " ".repeat(mark.length);
  const names = ["file", ...rows.map(({ name }) => name.replace(/\.gguf$/i, ""))];
  const width = Math.min(mostColumns - others - prefix.length, Math.max(...names.map(({ length }) => length)));
  return cells.map((row, index) => {
    const name = names[index] ?? "";
    const shown = name.length > width ? `${name.slice(0, width - 1)}…` : name;
    const start = taken !== undefined && rows[index - 1] === taken ? mark : prefix;
    const rest = row.map((cell, i) =>
      columns[i]?.isText ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
    return `${start}${[shown.padEnd(width), ...rest].join("  ")}`.trimEnd();
  });
}

function speedOf(fit: Fit | undefined): string {
  return fit?.tokensPerSecond === undefined ? "" : `~${significant(fit.tokensPerSecond)}`;
}

function gpuLayersText(fit: Fit | undefined): string {
  if (fit === undefined || fit.verdict === "none" || fit.gpu === "none") return "";
  return fit.gpu === "whole" ? "all" : `${fit.gpuLayers} ${fit.gpuLayers === 1 ? "layer" : "layers"}`;
}

/** Whether the model fits, in two or three words. */
function verdictOf(fit: Fit | undefined): string {
  if (fit === undefined) return "unusable";
  if (fit.verdict === "none") return "does not fit";
  if (isSlow(fit)) return "slow";
  return fit.verdict === "fits" ? "fits" : "shorter context";
}

function limitsOf({ largestContext, largestSlots }: Fit): string[] {
  if (largestContext === 0) return [];
  const answers =
    largestSlots === 0 ? "" : ` ${largestSlots} ${largestSlots === 1 ? "answer" : "answers"} at a time fit at most.`;
  return [`The longest context that fits has ${largestContext} tokens.${answers}`];
}

function memoryPartTexts(fit: Fit): string[] {
  const { estimate, contextPool, pictures } = fit;
  const { weights, cache, state, compute, output, vocabulary, total, resident } = estimate;
  const parts: readonly (readonly [string, number])[] = [
    ["weights", weights],
    [`KV cache of ${contextPool} tokens`, cache],
    ["recurrent state", state],
    ["buffers for computing", compute - (total - resident)],
    ["output", output],
    ["vocabulary", vocabulary],
    ["projector, with buffers and embeddings", pictures],
    ["program without a model", engineProcessBytes],
    ["total", neededBytes(fit)],
  ];
  const shown = parts.filter(([, size]) => size > 0);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, size]) => `  ${name.padEnd(width)}  ${bytes(size).padStart(9)}`);
}

/** Same sum as in `largestFit`. */
export function neededBytes({ estimate, pictures }: Fit): number {
  return estimate.resident + engineProcessBytes + pictures;
}

function footnotes({ freeBytes, bandwidth, gpu }: Machine, rows: readonly FitRow[]): string[] {
  const onGpu = gpu === undefined ? "" : `, ${bytes(gpu.freeBytes)} on ${gpu.name}`;
  const lines = [...contextNotes(rows), `${bytes(freeBytes)} of memory are free${onGpu}.`];
  if (bandwidth !== undefined && rows.some(({ fit }) => fit?.tokensPerSecond !== undefined)) {
    const { bytesPerSecond, error, threads } = bandwidth;
    const rate = `${(bytesPerSecond / 1e9).toFixed(1)} GB/s with ${threads} ${threads === 1 ? "thread" : "threads"}`;
    lines.push(`Tokens/s is the upper bound by memory bandwidth (${rate}, ± ${percent(error)}).`);
    if (wasBusy({ bandwidth })) lines.push(busyWords);
  }
  return lines;
}

function contextNotes(rows: readonly FitRow[]): string[] {
  const fits = rows.flatMap(({ fit }) => fit ?? []);
  const [first] = fits;
  if (first === undefined) return [];
  const { slots } = fits.find((fit) => fit.slots > 1) ?? first;
  const several = slots === 1 ? "" : ` ${slots} answers: with all slots; --slots 1 reserves less.`;
  const shared = fits.some(({ isShared, slots: count }) => isShared && count > 1);
  return [
    `1 answer: memory for one answer at a time.${several}`,
    `Context is the most tokens of one answer${shared ? "; one answer may use the context of all" : ""}.`,
  ];
}

function percent(part: number): string {
  return `${Math.max(1, Math.round(part * 100))} %`;
}

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2);
}

/** Decimal units, as in the other commands: 1.2 GB, 45.6 MB. */
function bytes(value: number): string {
  const [size, unit] = value >= 999.5e6 ? [value / 1e9, "GB"] : [value / 1e6, "MB"];
  return `${size.toFixed(size >= 99.95 ? 0 : 1)} ${unit}`;
}
