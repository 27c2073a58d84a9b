// Measures steps before the first job: computes rows of arbitrary tokens in empty slots, and discards them.
import type { Token } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import type { BatchRow, Passes } from "../passes/passes.ts";

export interface MeasureOptions {
  readonly passes: Pick<Passes, "configure" | "run" | "erase">;
  readonly slots: number;
  readonly batchSize: number;
  /** Maximum number of tokens in a slot. */
  readonly capacity: number;
  readonly vocabularySize: number;
}

const greedy = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };
/** A prime number, so that the tokens of a row differ: a model with experts would compute equal tokens with the same few experts. */
const tokenStride = 7_919;

/** Creates the port's `measure`. */
export function createMeasure(options: MeasureOptions): (rows: number, promptTokens: number) => Promise<number> {
  const { passes, slots, batchSize, capacity, vocabularySize } = options;

  function rowOf(slot: number, count: number): BatchRow {
    const tokens: Token[] = Array.from({ length: count }, (_, i) => ((slot + i + 1) * tokenStride) % vocabularySize);
    const draw = { seed: 1, recent: undefined, topLogprobs: undefined };
    return { slot, from: 0, tokens, outputs: [{ at: count - 1, kind: "draw", draw }] };
  }

  return async (rows, promptTokens) => {
    const planned = Array.from({ length: rows }, (_, slot) => rowOf(slot, 1));
    if (promptTokens > 0) planned.push(rowOf(rows, promptTokens));
    const tokens = rows + promptTokens;
    const fits = planned.length <= slots && planned.every((row) => row.tokens.length <= capacity);
    if (tokens === 0 || tokens > batchSize || !fits) {
      throw new RangeError(`Cannot measure ${rows} rows and ${promptTokens} tokens of a prompt: they are no step`);
    }
    for (const { slot } of planned) passes.configure(slot, greedy);
    const started = performance.now();
    await passes.run(planned, () => {});
    const ms = performance.now() - started;
    for (const row of planned) await passes.erase(row.slot, 0);
    return ms;
  };
}
