// Owns what is known of each phase and route of the cancel matrix, and how that looks as a table.
import type { Table } from "./results.ts";

export interface Matrix {
  /** What stands in a cell: the worst that was seen there, or that something did not hold. */
  note(phase: string, route: string, cell: string): void;
  readonly failedMark: string;
  table(phases: readonly string[], routes: readonly string[]): Table;
}

const failedMark = "✗";

/** A cell in which something did not hold stays so, whatever is noted later. */
export function createMatrix(title: string): Matrix {
  const cells = new Map<string, string>();
  const key = (phase: string, route: string): string => `${phase} by ${route}`;
  return {
    note(phase, route, cell) {
      if (cells.get(key(phase, route)) !== failedMark) cells.set(key(phase, route), cell);
    },
    failedMark,
    table: (phases, routes) => ({
      title,
      header: ["phase", ...routes],
      lines: phases.map((phase) => [phase, ...routes.map((route) => cells.get(key(phase, route)) ?? "-")]),
    }),
  };
}
