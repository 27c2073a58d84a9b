// Owns the benchmark of the engine's backend: loads the model and steps it, one slot and then all of them, round after round.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Backend, SlotSampling, BatchEntry } from "@waggle/engine";
import { loadLlamaBackend } from "@waggle/engine-llama";
import { markdownTable, median, repositoryPath } from "@waggle/harness";

/** The wire's defaults, and no end before the last step. */
const sampling: Omit<SlotSampling, "seed"> = {
  temperature: 0.8,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repeat_penalty: 1,
  repeat_last_n: 64,
  presence_penalty: 0,
  frequency_penalty: 0,
  dry_multiplier: 0,
  dry_base: 1.75,
  dry_allowed_length: 2,
  dry_penalty_last_n: -1,
  dry_sequence_breakers: [],
  xtc_probability: 0,
  xtc_threshold: 0.1,
  ignore_eos: false,
};

const { values } = parseArgs({
  options: {
    slots: { type: "string", default: "8" },
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "200" },
    threads: { type: "string", default: "1" },
    model: { type: "string", default: repositoryPath("models/waggle-tiny-stories.gguf") },
    json: { type: "boolean", default: false },
  },
});
const [slots, rounds, steps, threads] = [count("slots"), count("rounds"), count("steps"), count("threads")];
const backend = await loadLlamaBackend({ modelPath: resolve(values.model), slots, threads, device: "cpu" });
const { modelName, build } = backend.info;
const widths = [...new Set([1, slots])].map((width) => ({ width, tokensPerSecond: [] as number[] }));
// The first round warms up, and does not count.
for (let round = 0; round <= rounds; round++) {
  for (const { width, tokensPerSecond } of widths) {
    const measured = await measure(backend, width, steps);
    if (round > 0) tokensPerSecond.push(measured);
  }
}
await backend.dispose();

if (values.json) console.log(JSON.stringify({ modelName, build, slots, rounds, steps, threads, widths }));
else {
  console.log(`${modelName}, ${build} build, ${threads} thread(s), medians of ${rounds} rounds`);
  const rows = widths.map(({ width, tokensPerSecond }) => [
    String(width),
    String(Math.round(median(tokensPerSecond))),
    ((1_000 * width) / median(tokensPerSecond)).toFixed(2),
    `${Math.round(Math.min(...tokensPerSecond))} to ${Math.round(Math.max(...tokensPerSecond))}`,
  ]);
  console.log(markdownTable(["slots", "tokens/s", "ms per step", "lowest and highest round"], rows));
}

/** Tokens per second over so many decoding steps of so many slots. The end of generation is fed like any other token. */
async function measure(target: Backend, width: number, stepCount: number): Promise<number> {
  const prompt = await target.tokenize({ kind: "text", text: "Once upon a time there was" });
  const all = Array.from({ length: width }, (_, slot) => slot);
  for (const slot of all) await target.begin(slot, 0, { ...sampling, seed: slot + 1 });
  await target.step(all.map((slot): BatchEntry => ({ kind: "prefill", slot, tokens: prompt, sample: true })));
  const rows = all.map((slot): BatchEntry => ({ kind: "decode", slot }));
  const started = performance.now();
  for (let step = 0; step < stepCount; step++) await target.step(rows);
  const seconds = (performance.now() - started) / 1_000;
  for (const slot of all) await target.end(slot);
  return (width * stepCount) / seconds;
}

function count(name: "slots" | "rounds" | "steps" | "threads"): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a positive integer`);
  return value;
}
