// Makes the table of the estimates, and judges whether each is within the tolerance.
import { markdownTable } from "@waggle/testing/harness";
import type { Compared } from "./measure.ts";

const mebibyte = 1_048_576;
/** The allowed relative error of an estimate. */
export const tolerance = 0.05;

const headings = ["model", "slots x context", "estimate MiB", "llama.cpp MiB", "ratio", "resident", "RSS MiB", "ratio"];

export interface Judged {
  readonly cells: readonly string[];
  readonly near: boolean;
}

/**
 * @param processBytes resident bytes of the measuring process without a model
 * Embedding models have neither KV cache nor state. Their output buffer is not compared: llama.cpp reports its size before it grows.
 */
export function judge({ row, estimate, taken }: Compared, processBytes: number): Judged {
  const grows = taken.cache === 0 && taken.state === 0;
  const reserved =
    estimate.weights + estimate.cache + estimate.state + estimate.compute + (grows ? 0 : estimate.output);
  const predicted = taken.weights + taken.cache + taken.state + taken.compute + (grows ? 0 : taken.output);
  const resident = estimate.resident + processBytes;
  const ratios = [reserved / predicted, resident / taken.resident] as const;
  return {
    cells: [
      row.shape ?? "embedded",
      `${row.slots} x ${row.contextSize}`,
      mib(reserved),
      mib(predicted),
      ratios[0].toFixed(3),
      mib(resident),
      mib(taken.resident),
      ratios[1].toFixed(3),
    ],
    near:
      Math.abs(reserved - predicted) <= tolerance * predicted &&
      Math.abs(resident - taken.resident) <= tolerance * taken.resident,
  };
}

export function fitTable(rows: readonly Judged[]): string {
  const table = markdownTable(
    headings,
    rows.map(({ cells }) => cells),
  );
  return `${table}\n`;
}

function mib(bytes: number): string {
  return (bytes / mebibyte).toFixed(1);
}
