// Compares estimates of a model's memory with the memory that it uses without mmap. The command fails when an estimate is off by more than the
// tolerance.
import { showProgress } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { fitTable, judge, tolerance, type Judged } from "./fit/fit-table.ts";
import { compare, type FitCase } from "./fit/measure.ts";

const cases: readonly FitCase[] = [
  { shape: "135m", slots: 2, contextSize: 1_024, batchSize: 512 },
  { shape: "135m", slots: 4, contextSize: 8_192, batchSize: 512 },
  { shape: "qwen", slots: 1, contextSize: 1_024, batchSize: 512 },
  { shape: "qwen", slots: 4, contextSize: 4_096, batchSize: 256 },
  { shape: "gemma", slots: 1, contextSize: 2_048, batchSize: 512 },
  { shape: "gemma", slots: 4, contextSize: 8_192, batchSize: 512 },
  { shape: "mamba", slots: 1, contextSize: 1_024, batchSize: 256 },
  { shape: "mamba", slots: 8, contextSize: 8_192, batchSize: 256 },
  { shape: "embed", slots: 1, contextSize: 512, batchSize: 512 },
  { shape: "embed", slots: 1, contextSize: 128, batchSize: 128 },
];
/** The embedded model. It is so small that this case measures the memory of the process itself. */
const empty: FitCase = { shape: undefined, slots: 1, contextSize: 512, batchSize: 512 };

export function addFit(command: Program): void {
  command.action(async () => {
    showProgress("the process without a model");
    const { estimate, taken } = await compare(empty);
    const processBytes = taken.resident - estimate.resident;
    const rows: Judged[] = [];
    for (const row of cases) {
      showProgress(`${row.shape}, ${row.slots} x ${row.contextSize}`);
      rows.push(judge(await compare(row), processBytes));
    }
    process.stdout.write(fitTable(rows));
    process.stdout.write(`The process takes ${(processBytes / 1_048_576).toFixed(0)} MiB without a model.\n`);
    const far = rows.filter(({ near }) => !near);
    if (far.length > 0)
      throw new Error(`${far.length} of ${rows.length} estimates are off by more than ${tolerance * 100} %`);
  });
}
