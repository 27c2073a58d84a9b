// The measured half of the engine benchmark: loads the model and steps it, one slot and then all of them, round after round.
import type { Backend, SlotSampling, BatchEntry } from "@waggle/engine";
import { loadLlamaBackend } from "@waggle/engine-llama";

export interface StepsSetup {
  readonly modelPath: string;
  readonly slots: number;
  readonly rounds: number;
  /** Decoding steps in a round. */
  readonly steps: number;
  readonly threads: number;
}

export interface BenchedWidth {
  readonly width: number;
  /** The median round's. */
  readonly tokensPerSecond: number;
  readonly stepMs: number;
  /** Tokens per second of each round. */
  readonly rounds: readonly number[];
}

export interface StepsReport {
  readonly modelName: string;
  readonly build: string;
  readonly widths: readonly BenchedWidth[];
}

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

process.once("message", (setup: StepsSetup) => void run(setup));

async function run({ modelPath, slots, rounds, steps, threads }: StepsSetup): Promise<void> {
  const backend = await loadLlamaBackend({ modelPath, slots, threads, device: "cpu" });
  const { modelName, build } = backend.info;
  const widths = [...new Set([1, slots])];
  const measured = new Map(widths.map((width) => [width, [] as number[]]));
  // The first round warms up, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const width of widths) {
      const tokensPerSecond = await measure(backend, width, steps);
      if (round > 0) measured.get(width)?.push(tokensPerSecond);
    }
  }
  await backend.dispose();
  process.send?.({ modelName, build, widths: [...measured].map(([width, each]) => summarize(width, each)) });
}

/** Tokens per second over so many decoding steps of so many slots. The end of generation is fed like any other token. */
async function measure(backend: Backend, width: number, steps: number): Promise<number> {
  const prompt = await backend.tokenize({ kind: "text", text: "Once upon a time there was" });
  const slots = Array.from({ length: width }, (_, slot) => slot);
  for (const slot of slots) await backend.begin(slot, 0, { ...sampling, seed: slot + 1 });
  await backend.step(slots.map((slot): BatchEntry => ({ kind: "prefill", slot, tokens: prompt, sample: true })));
  const rows = slots.map((slot): BatchEntry => ({ kind: "decode", slot }));
  const started = performance.now();
  for (let step = 0; step < steps; step++) await backend.step(rows);
  const seconds = (performance.now() - started) / 1_000;
  for (const slot of slots) await backend.end(slot);
  return (width * steps) / seconds;
}

function summarize(width: number, rounds: readonly number[]): BenchedWidth {
  const tokensPerSecond = rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0;
  return { width, tokensPerSecond, stepMs: (1_000 * width) / tokensPerSecond, rounds };
}
