// Tests faults that need real forward passes, on the embedded model: jobs that end in prefill, a resumed stream, an engine that is killed under
// streams. All other faults are tested on the fake backend.
import { isToken, type Worker } from "@waggle/testing/harness";
import type { Bystander } from "./bystander.ts";
import { runCells } from "./cancel-matrix.ts";
import { prefill, type Phase } from "./cancel-sides.ts";
import { checkDeath, slotsUnderLoad } from "./engine-faults.ts";
import { checkWatched } from "./resume.ts";
import type { Stage } from "./stage.ts";
import { freshId, inference } from "./ways.ts";

/** A prompt of some 460 tokens, of 512 in the embedded model's context: at 16 tokens per step, prefill takes 29 steps. */
const sentence = "Once upon a time there was a dog named Tim who liked to play in the park with his friend. ";
const longPrompt = sentence.repeat(21);
/** On a fast machine, prefill may be over before the cancel arrives. */
const attempts = 10;
const deadlinesMs = [10, 20, 40, 80, 160, 320, 640];
const cutAt = 20;

const phase: Phase = { ...prefill, request: () => ({ prompt: `${freshId("No")}. ${longPrompt}` }) };

export async function runRealModel(stage: Stage): Promise<void> {
  const flags = `--slots ${slotsUnderLoad} --prefill-budget 16 --reconnect-grace 0s --retry-grace 0s`;
  await using worker = await stage.startWorker(flags, { realModel: true });
  const bystander = (): Promise<Undisturbed> => decodeBeside(worker);
  await runCells(stage, { worker, phase, attempts, deadlinesMs, bystander });
  await stage.check(`cut after token ${cutAt}, with a second reader`, (facts) => {
    const body = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 300, job_id: freshId("resume") };
    return checkWatched(worker, body, cutAt, facts);
  });
  await stage.check(`kill -9 of the engine under ${slotsUnderLoad} streams`, (facts) =>
    checkDeath(worker, { reason: "signal", signal: "SIGKILL" }, facts),
  );
}

type Undisturbed = Pick<Bystander, "checkUndisturbed">;

/** Starts a stream that ends when the context is full. The context is small, so each check starts a new stream. */
async function decodeBeside(worker: Worker): Promise<Undisturbed> {
  const request = { prompt: "Once upon a time", ignore_eos: true, job_id: freshId("beside") };
  const stream = await inference.open(worker, request);
  await stream.event("the bystander's first token", isToken);
  return { checkUndisturbed: (facts) => facts.ended("the bystander's stream", stream, "length") };
}
