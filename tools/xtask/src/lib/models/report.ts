// Owns how the figures of a soak are shown.
import { markdownTable } from "@waggle/harness";
import type { SoakFigures } from "./soak.ts";
import type { SwapFigures } from "./swap.ts";

export interface Report {
  readonly lines: readonly string[];
  readonly failures: readonly string[];
}

const header = ["model", "whole", "aborted", "lost", "loads", "unloads", "takes, MiB", "alone, MiB"];

export function soakReport({ models, failures, ...figures }: SoakFigures): Report {
  const rows = models.map(({ model, outcomes, loads, unloads, said_mib, alone_mib }) => {
    const { whole, aborted, lost } = outcomes;
    return [model, whole, aborted, lost, loads, unloads, said_mib ?? "unknown", alone_mib].map(String);
  });
  return { lines: [markdownTable(header, rows), ...linesOf(figures)], failures };
}

export function swapReport({ failures, ...figures }: SwapFigures): Report {
  return { lines: linesOf(figures), failures };
}

function linesOf(figures: object): string[] {
  return Object.entries(figures)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(20)}${typeof value === "object" ? JSON.stringify(value) : value}`);
}
