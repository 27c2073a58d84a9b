// Owns what a benchmark leaves in the repository: a table between two markers of the README, and a picture beside it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { execa } from "execa";
import { repositoryPath } from "../repository.ts";
import { chartSvg, type ChartPanel } from "./chart.ts";
import type { FigureName } from "./figures.ts";
import type { BenchRow } from "./run-bench.ts";
import { markdownTable } from "./table.ts";

const begin = "<!-- bench:begin -->";
const end = "<!-- bench:end -->";
const readme = "README.md";
const picture = "docs/images/bench.svg";

/** Asked before a long run. @throws Error when the README lacks the markers */
export function checkMarkers(): void {
  between(readFileSync(repositoryPath(readme), "utf8"), "");
}

/** Resolves with what it wrote. @throws Error when the README lacks the markers, or cannot be formatted */
export async function publish(
  rows: readonly BenchRow[],
  method: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const path = repositoryPath(readme);
  const svg = concurrencyChart(rows, names);
  const image = svg === undefined ? "" : `![Throughput and latency against concurrency](${picture})\n\n`;
  writeFileSync(path, between(readFileSync(path, "utf8"), `${image}${markdownTable(rows)}\n\n${method}`));
  // As `check` wants it: columns of equal width.
  await execa("oxfmt", [readme], { cwd: repositoryPath("."), preferLocal: true });
  if (svg === undefined) return [readme];
  mkdirSync(dirname(repositoryPath(picture)), { recursive: true });
  writeFileSync(repositoryPath(picture), svg);
  return [readme, picture];
}

/** The text with everything between the markers replaced. @throws Error when they are not both there, in order */
export function between(text: string, content: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Cannot write the table: ${readme} needs ${begin} and, after it, ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

/** Undefined where the sweep over concurrency was not played. */
export function concurrencyChart(rows: readonly BenchRow[], names: readonly string[]): string | undefined {
  const sweep = rows.filter(({ scenario, skipped }) => scenario === "concurrency" && skipped === undefined);
  if (sweep.length === 0) return undefined;
  const panel = (title: string, unit: string, name: FigureName): ChartPanel => ({
    title,
    unit,
    series: names.map((seriesName, index) => ({
      name: seriesName,
      points: sweep.flatMap(({ label, figures }) => {
        const value = index === 0 ? figures[name]?.ours : figures[name]?.theirs;
        return value === undefined ? [] : [{ streams: Number.parseInt(label, 10), value }];
      }),
    })),
  });
  return chartSvg(
    [
      panel("All streams together", "tokens/s", "tokensPerSecond"),
      panel("Between two tokens of a stream", "ms, p95", "itlP95Ms"),
    ],
    "Throughput and time between tokens against the number of streams",
  );
}
