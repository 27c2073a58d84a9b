// Generates on the bindings that its arguments name while libuv's pool has one thread, as in a worker's engine. Only then does the
// library's decoder request sampling together with the pass. Prints the sampled tokens as JSON, by binding. Run it with UV_THREADPOOL_SIZE=1.
import { entryTokens } from "@waggle/engine";
import type { EntryResult, SlotSampling } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import type { Binding } from "../passes/open-decoder.ts";
import { loadOn } from "./load-on.ts";
import { storyModel } from "./story-model.ts";

const steps = 60;
const slots = [0, 1];
const texts = ["Once upon a time there was a little bee", "A dog and a cat were friends. They liked"];
const wild = { temperature: 1.3, top_k: 60, top_p: 0.98, min_p: 0.01, ignore_eos: true };
const samplings: readonly SlotSampling[] = [
  { ...SamplingSchema.parse({ ...wild, temperature: 0 }), seed: 1 },
  { ...SamplingSchema.parse({ ...wild, xtc_probability: 0.5, xtc_threshold: 0.05 }), seed: 7, topLogprobs: 1 },
  { ...SamplingSchema.parse({ ...wild, repeat_penalty: 1.3, frequency_penalty: 0.3, repeat_last_n: 20 }), seed: 7 },
];

/** @returns for each step, the tokens of all slots */
async function play(backend: DrivenBackend, sampling: SlotSampling): Promise<number[][]> {
  const played: number[][] = [];
  const take = (results: readonly EntryResult[]): void =>
    void played.push(results.map((result) => (result.kind === "token" ? result.token : -1)));
  const prompts = await Promise.all(texts.map(async (text) => await backend.tokenize({ kind: "text", text })));
  for (const slot of slots) await backend.begin(slot, 0, sampling);
  take(
    await backend.step(
      prompts.map(({ entries }, slot) => ({
        kind: "prefill" as const,
        slot,
        tokens: entryTokens(entries),
        sample: true,
      })),
    ),
  );
  while (played.length < steps) take(await backend.step(slots.map((slot) => ({ kind: "decode" as const, slot }))));
  for (const slot of slots) await backend.end(slot);
  return played;
}

// The library does not keep the process alive while it loads a model.
const alive = setInterval(() => {}, 1_000);
const played: Record<string, unknown> = {};
for (const binding of process.argv.slice(2) as Binding[]) {
  for (const onePoolThread of [false, true]) {
    const size = { slots: 2, contextSize: 256, batchSize: 128, threads: 1 };
    const options = { modelPath: storyModel, ...size, device: "cpu", onePoolThread } as const;
    const backend = driveSlots(await loadOn(binding, options));
    const answers: number[][][] = [];
    for (const sampling of samplings) answers.push(await play(backend, sampling));
    played[[binding, ...(onePoolThread ? ["in order"] : [])].join()] = answers;
    await backend.dispose();
  }
}
clearInterval(alive);
process.stdout.write(JSON.stringify(played));
