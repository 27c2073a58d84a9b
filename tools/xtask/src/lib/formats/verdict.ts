// Owns what the checks of all templates come to: a line for each, what failed, and whether that is within the bars.
import type { CaseVerdict } from "./check-template.ts";

interface Score {
  readonly total: number;
  readonly whole: number;
  readonly byCharacters: number;
}

/** Of all cases, and of each template's. */
const leastOfAll = 0.97;
const leastOfTemplate = 0.8;
/** A template with fewer cases may fail one. */
const fewCases = 5;
const cellWidth = 15;

export function formatsReport(verdicts: readonly CaseVerdict[]): { readonly ok: boolean; readonly text: string } {
  const templates = [...new Set(verdicts.map(({ template }) => template))].toSorted();
  const scores = templates.map((name) => ({ name, ...scoreOf(verdicts.filter(({ template }) => template === name)) }));
  const all = { name: "all", ...scoreOf(verdicts) };
  const low = scores.filter((score) => leastRead(score) < leastIn(score)).map(({ name }) => name);
  if (leastRead(all) < leastOfAll * all.total) low.unshift(all.name);
  const width = Math.max(...templates.map(({ length }) => length), "template".length);
  const line = (name: string, ...cells: readonly (string | number)[]): string =>
    [name.padEnd(width), ...cells.map((cell) => String(cell).padStart(cellWidth))].join("").trimEnd();
  const rows = [...scores, all].map(({ name, whole, byCharacters, total }) => line(name, whole, byCharacters, total));
  const failed = verdicts.filter(({ reason }) => reason !== undefined);
  const lines = [
    line("template", "whole", "by characters", "cases"),
    ...rows,
    "",
    ...failed.map(({ name, reason }) => `✗ ${name}: ${reason}`),
    ...low.map((name) => `✗ ${name}: too few are read rightly`),
    low.length === 0 ? "PASSED" : "FAILED",
    "",
  ];
  return { ok: low.length === 0, text: lines.join("\n") };
}

function scoreOf(verdicts: readonly CaseVerdict[]): Score {
  return {
    total: verdicts.length,
    whole: verdicts.filter(({ whole }) => whole).length,
    byCharacters: verdicts.filter(({ byCharacters }) => byCharacters).length,
  };
}

function leastRead({ whole, byCharacters }: Score): number {
  return Math.min(whole, byCharacters);
}

function leastIn({ total }: Score): number {
  return total < fewCases ? total - 1 : leastOfTemplate * total;
}
