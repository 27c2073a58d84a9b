// Renders the report of `waggle fit` for a terminal.
import type { MemoryEstimate } from "./estimate.ts";
import { engineProcessBytes, type Fit } from "./largest-fit.ts";
import type { Machine } from "./machine.ts";
import type { FitReport, FitRow } from "./report.ts";

const headings = ["file", "quant", "size", "needs", "largest context", "slots", "tokens/s", "verdict"] as const;
const alignedRight: ReadonlySet<string> = new Set(["size", "needs", "largest context", "slots", "tokens/s"]);
/** A measurement with a larger error is not reliable. */
const largeError = 0.2;

/** Renders a table of all rows, and for a single row also the parts of its memory. Ends with a line break. */
export function renderFitReport({ machine, rows }: FitReport): string {
  const lines = [...table(rows), ""];
  const [only] = rows;
  if (rows.length === 1 && only?.fit !== undefined) lines.push(...partsOf(only.fit), "");
  lines.push(...footnotes(machine, rows));
  return `${lines.join("\n")}\n`;
}

function table(rows: readonly FitRow[]): string[] {
  const cells = [[...headings], ...rows.map(cellsOf)];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return alignedRight.has(headings[column] ?? "") ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

function cellsOf({ name, quantization = "", fileBytes, fit, problem }: FitRow): string[] {
  if (fit === undefined) return [name, quantization, bytes(fileBytes), "", "", "", "", problem ?? ""];
  const { estimate, largestContext, largestSlots, tokensPerSecond } = fit;
  const speed = tokensPerSecond === undefined ? "" : `~${significant(tokensPerSecond)}`;
  const context = largestContext === 0 ? "-" : String(largestContext);
  const slots = largestSlots === 0 ? "-" : String(largestSlots);
  return [name, quantization, bytes(fileBytes), bytes(neededBytes(estimate)), context, slots, speed, verdictOf(fit)];
}

function verdictOf({ verdict, slots, contextSize, gpu, gpuLayers }: Fit): string {
  if (verdict === "none") return "does not fit";
  const place = gpu === "whole" ? ", all on the GPU" : gpu === "part" ? `, ${gpuLayers} layers on the GPU` : "";
  const size = `${slots} x ${contextSize} tokens`;
  return verdict === "fits" ? `fits: ${size}${place}` : `fits with less: ${size}${place}`;
}

function partsOf({ estimate, slots, contextSize }: Fit): string[] {
  const { weights, cache, state, compute, output, vocabulary, total, resident } = estimate;
  const parts: readonly (readonly [string, number])[] = [
    ["weights", weights],
    [`KV cache of ${slots} x ${contextSize} tokens`, cache],
    ["recurrent state", state],
    ["compute buffer, written part", compute - (total - resident)],
    ["output", output],
    ["vocabulary", vocabulary],
    ["the engine itself", engineProcessBytes],
    ["total", neededBytes(estimate)],
  ];
  const shown = parts.filter(([, size]) => size > 0);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, size]) => `  ${name.padEnd(width)}  ${bytes(size).padStart(9)}`);
}

/** Same sum as in `largestFit`. */
function neededBytes({ resident }: MemoryEstimate): number {
  return resident + engineProcessBytes;
}

function footnotes({ freeBytes, bandwidth, gpu }: Machine, rows: readonly FitRow[]): string[] {
  const lines = [
    `${bytes(freeBytes)} of memory are free${gpu === undefined ? "" : `, ${bytes(gpu.freeBytes)} on ${gpu.name}`}.`,
  ];
  if (bandwidth !== undefined && rows.some(({ fit }) => fit?.tokensPerSecond !== undefined)) {
    const { bytesPerSecond, error, threads } = bandwidth;
    const rate = `${(bytesPerSecond / 1e9).toFixed(1)} GB/s with ${threads} ${threads === 1 ? "thread" : "threads"}`;
    lines.push(`Tokens/s is the upper bound for one stream, by memory bandwidth (${rate}, ± ${percent(error)}).`);
    if (error > largeError)
      lines.push("The machine was busy during this measurement. Repeat it when the machine is idle.");
  }
  return lines;
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
