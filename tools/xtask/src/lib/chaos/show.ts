// Owns how a run of worker:chaos looks on a terminal. It decides nothing.
import { painter, type Terminal } from "../report.ts";
import type { ChaosReport } from "./run.ts";
import type { Row } from "./stage.ts";

const nameWidth = 56;

export function createChaosReport(out: Terminal): ChaosReport {
  const paint = painter(out);
  const line = (text: string): void => void out.write(`${text}\n`);

  return {
    group: (title) => line(`\n${paint("bold", title)}`),
    row(row) {
      const mark = row.ok ? paint("green", "✓") : paint("red", "✗");
      const said = [row.details, figures(row)].filter((text) => text !== "").join("  ");
      line(`  ${mark} ${row.name.padEnd(nameWidth)} ${row.ok ? paint("gray", said) : said}`);
    },
    result(result) {
      for (const failure of result.failures) line(`  ${paint("red", "✗")} ${failure}`);
      const rows = result.groups.flatMap((group) => group.rows).length;
      const verdict = result.ok ? paint("green", "PASSED") : paint("red", "FAILED");
      const seconds = (result.duration_ms / 1_000).toFixed(1);
      line(`\n  ${verdict}: ${rows} checks in ${seconds} s, seed ${result.seed}`);
    },
  };
}

function figures({ numbers }: Row): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name}=${Math.round(value * 10) / 10}`)
    .join(" ");
}
