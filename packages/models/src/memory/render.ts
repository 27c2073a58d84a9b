// Renders the report of `waggle fit` for a terminal.
import { engineProcessBytes, type Fit } from "./largest-fit.ts";
import type { Machine } from "./machine.ts";
import type { FitReport, FitRow } from "./report.ts";

const headings = [
  ...["file", "quant", "size", "context", "pool", "needs"],
  ...["largest context", "most slots", "tokens/s", "verdict"],
];
const alignedLeft: ReadonlySet<string> = new Set(["file", "quant", "verdict"]);
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
        return alignedLeft.has(headings[column] ?? "") ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

function cellsOf({ name, quantization = "", fileBytes, fit, problem }: FitRow): string[] {
  const file = [name, quantization, bytes(fileBytes)];
  if (fit === undefined) return [...file, "", "", "", "", "", "", problem ?? ""];
  const { contextSize, contextPool, largestContext, largestSlots, tokensPerSecond } = fit;
  const speed = tokensPerSecond === undefined ? "" : `~${significant(tokensPerSecond)}`;
  const most = [largestContext, largestSlots].map((count) => (count === 0 ? "-" : String(count)));
  const needs = bytes(neededBytes(fit));
  return [...file, String(contextSize), String(contextPool), needs, ...most, speed, verdictOf(fit)];
}

/** Whether the model fits, and where its layers are, in a few words. */
export function verdictOf({ verdict, gpu, gpuLayers }: Fit): string {
  if (verdict === "none") return "does not fit";
  const place =
    gpu === "whole"
      ? ", all on the GPU"
      : gpu === "part"
        ? `, ${gpuLayers} ${gpuLayers === 1 ? "layer" : "layers"} on the GPU`
        : "";
  return verdict === "fits" ? `fits${place}` : `fits with this smaller context${place}`;
}

function partsOf(fit: Fit): string[] {
  const { estimate, contextPool, vision } = fit;
  const { weights, cache, state, compute, output, vocabulary, total, resident } = estimate;
  const parts: readonly (readonly [string, number])[] = [
    ["weights", weights],
    [`KV cache of ${contextPool} tokens`, cache],
    ["recurrent state", state],
    ["compute buffer, written part", compute - (total - resident)],
    ["output", output],
    ["vocabulary", vocabulary],
    ["projector, with buffers and embeddings", vision],
    ["the engine itself", engineProcessBytes],
    ["total", neededBytes(fit)],
  ];
  const shown = parts.filter(([, size]) => size > 0);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, size]) => `  ${name.padEnd(width)}  ${bytes(size).padStart(9)}`);
}

/** Same sum as in `largestFit`. */
export function neededBytes({ estimate, vision }: Fit): number {
  return estimate.resident + engineProcessBytes + vision;
}

function footnotes({ freeBytes, bandwidth, gpu }: Machine, rows: readonly FitRow[]): string[] {
  const onGpu = gpu === undefined ? "" : `, ${bytes(gpu.freeBytes)} on ${gpu.name}`;
  const lines = [...contextNotes(rows), `${bytes(freeBytes)} of memory are free${onGpu}.`];
  if (bandwidth !== undefined && rows.some(({ fit }) => fit?.tokensPerSecond !== undefined)) {
    const { bytesPerSecond, error, threads } = bandwidth;
    const rate = `${(bytesPerSecond / 1e9).toFixed(1)} GB/s with ${threads} ${threads === 1 ? "thread" : "threads"}`;
    lines.push(`Tokens/s is the upper bound for one stream, by memory bandwidth (${rate}, ± ${percent(error)}).`);
    if (error > largeError)
      lines.push("The machine was busy during this measurement. Repeat it when the machine is idle.");
  }
  return lines;
}

function contextNotes(rows: readonly FitRow[]): string[] {
  const fits = rows.flatMap(({ fit }) => fit ?? []);
  const [first] = fits;
  if (first === undefined) return [];
  const slots = `${first.slots} ${first.slots === 1 ? "slot" : "slots"}`;
  const shared = fits.some(({ isShared }) => isShared) ? "; one job may use all of a shared pool" : "";
  return [`Context is the most tokens of one job, pool of all running jobs together (${slots})${shared}.`];
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
