// Owns the choice of a backend. The real one is imported only when it is wanted: the fake one runs without any native code.
import { setTimeout as delay } from "node:timers/promises";
import { createFakeBackend } from "@waggle/engine";
import type { Backend, EngineEvent } from "@waggle/engine";
import type { EngineStart } from "./engine-start.ts";

/** Progress is told in steps of a hundredth: a message for every byte would drown the channel. */
const progressSteps = 100;

/** @throws WaggleError unavailable, with a message that names the model and the reason */
export async function loadBackend(start: EngineStart, emit: (event: EngineEvent) => void): Promise<Backend> {
  return start.backend === "fake" ? await loadFake(start) : await loadLlama(start, emit);
}

async function loadFake(start: EngineStart): Promise<Backend> {
  const { fake } = start;
  if (fake.loadDelayMs > 0) await delay(fake.loadDelayMs);
  if (fake.failLoad !== undefined) throw new Error(fake.failLoad);
  return createFakeBackend({
    slots: start.slots,
    contextSize: start.contextSize ?? 8_192,
    stepDelayMs: fake.stepDelayMs,
    ...(fake.crashAtStep === undefined ? {} : { failAtStep: fake.crashAtStep }),
    ...(fake.hangAtStep === undefined ? {} : { hangAtStep: fake.hangAtStep }),
  });
}

async function loadLlama(start: EngineStart, emit: (event: EngineEvent) => void): Promise<Backend> {
  const { loadLlamaBackend, resolveModel } = await import("@waggle/engine-llama");
  const report = (stage: "downloading" | "loading") => {
    let last = -1;
    return (progress: number): void => {
      const step = Math.floor(progress * progressSteps);
      if (step === last) return;
      last = step;
      emit({ type: "loading", stage, progress: Math.min(1, step / progressSteps) });
    };
  };
  const downloading = report("downloading");
  const token = start.huggingFaceToken;
  const modelPath = await resolveModel(start.model, {
    folder: start.modelsFolder,
    offline: start.offline,
    ...(token === undefined ? {} : { token }),
    onProgress: ({ doneBytes, totalBytes }) => downloading(totalBytes > 0 ? doneBytes / totalBytes : 0),
  });
  return await loadLlamaBackend({
    modelPath,
    slots: start.slots,
    ...(start.contextSize === undefined ? {} : { contextSize: start.contextSize }),
    threads: start.threads,
    device: start.device,
    ...(start.prefixStore === undefined ? {} : { statesFolder: start.prefixStore.folder }),
    onProgress: report("loading"),
    log: (level, message) => emit({ type: "log", level, message }),
  });
}
