// Tests faults that need real forward passes, on the embedded model: jobs that end in prefill, a resumed stream, an engine that is killed under
// streams. All other faults are tested on the fake backend.
import type { Worker } from "@waggle/testing/harness";
import { openBystander, type Bystander } from "../support/bystander.ts";
import { phaseCells } from "./cancel-matrix.ts";
import { prefill, type Phase } from "./cancel-sides.ts";
import { checkDeath, slotsUnderLoad } from "./engine-faults.ts";
import { checkWatched } from "./resume.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId } from "../support/ways.ts";

/** A prompt of some 460 tokens, of 512 in the embedded model's context: at 16 tokens per step, prefill takes 29 steps. */
const sentence = "Once upon a time there was a dog named Tim who liked to play in the park with his friend. ";
const longPrompt = sentence.repeat(21);
const cutAt = 20;

const phase: Phase = { ...prefill, request: () => ({ prompt: `${freshId("No")}. ${longPrompt}` }) };

export function realModel(stage: Stage): void {
  const flags = `--slots ${slotsUnderLoad} --prefill-budget 16 --reconnect-grace 0s --retry-grace 0s`;
  const worker = shared(() => stage.startWorker(flags, { realModel: true }));
  let former: Bystander | undefined;
  const bystander = async (): Promise<Bystander> => {
    // A refused attempt leaves its bystander running. Several of them would fill the slots.
    await former?.leave();
    return (former = await decodeBeside(worker()));
  };
  phaseCells(stage, { worker, phase, bystander });
  stage.cell(`one of two readers is cut after token ${cutAt}`, (facts) => {
    const body = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 300, job_id: freshId("resume") };
    return checkWatched(worker(), body, cutAt, facts);
  });
  stage.cell(`kill -9 of the engine under ${slotsUnderLoad} streams`, (facts) =>
    checkDeath(worker(), { reason: "signal", signal: "SIGKILL" }, facts),
  );
}

/** Starts a stream that ends when the context is full. The context is small, so each check starts a new stream. */
async function decodeBeside(worker: Worker): Promise<Bystander> {
  const { stream, leave } = await openBystander(worker, { prompt: "Once upon a time", ignore_eos: true });
  return { leave, checkUndisturbed: (facts) => facts.ended("the bystander's stream", stream, "length") };
}
