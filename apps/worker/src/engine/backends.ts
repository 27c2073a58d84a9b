// Owns the choice of a backend. The real one is imported only when it is wanted: the fake one runs without any native code.
import { setTimeout as delay } from "node:timers/promises";
import { createFakeBackend } from "@waggle/engine";
import type { Backend, EngineEvent } from "@waggle/engine";
import { resolveModel } from "@waggle/models";
import type { EngineStart } from "./engine-start.ts";

/** Progress is told in steps of a hundredth: a message for every byte would drown the channel. */
const progressSteps = 100;
/**
 * While a model is downloaded it is told by time as well: a hundredth of a large model takes longer than silence may. A download that
 * brings nothing ends by itself.
 */
const downloadIntervalMs = 1_000;

/** @throws WaggleError unavailable, with a message that names the model and the reason */
export async function loadBackend(start: EngineStart, emit: (event: EngineEvent) => void): Promise<Backend> {
  return start.backend === "fake" ? await loadFake(start) : await loadLlama(start, emit);
}

async function loadFake(start: EngineStart): Promise<Backend> {
  const { fake, settings } = start;
  if (fake.loadDelayMs > 0) await delay(fake.loadDelayMs);
  if (fake.failLoad !== undefined) throw new Error(fake.failLoad);
  return createFakeBackend({
    slots: settings.slots,
    contextSize: settings.contextSize ?? 8_192,
    stepDelayMs: fake.stepDelayMs,
    ...(fake.crashAtStep === undefined ? {} : { failAtStep: fake.crashAtStep }),
    ...(fake.hangAtStep === undefined ? {} : { hangAtStep: fake.hangAtStep }),
  });
}

async function loadLlama(start: EngineStart, emit: (event: EngineEvent) => void): Promise<Backend> {
  const { loadLlamaBackend } = await import("@waggle/engine-llama");
  const { contextSize, batchSize, chatTemplate, ...settings } = start.settings;
  return await loadLlamaBackend({
    modelPath: await findModel(start, emit),
    ...settings,
    ...(contextSize === undefined ? {} : { contextSize }),
    ...(batchSize === undefined ? {} : { batchSize }),
    gpuPackages: start.gpuFolder,
    // The worker starts this process so.
    onePoolThread: true,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    ...(start.prefixStore === undefined ? {} : { statesFolder: start.prefixStore.folder }),
    onProgress: createReport("loading", emit).show,
    log: (level, message) => emit({ type: "log", level, message }),
  });
}

async function findModel(start: EngineStart, emit: (event: EngineEvent) => void): Promise<string> {
  const report = createReport("downloading", emit);
  const repeat = setInterval(report.repeat, downloadIntervalMs);
  try {
    return await resolveModel(start.model, {
      folder: start.modelsFolder,
      offline: start.offline,
      ...(start.huggingFaceToken === undefined ? {} : { token: start.huggingFaceToken }),
      onProgress: ({ doneBytes, totalBytes }) => report.show(totalBytes ? doneBytes / totalBytes : 0, doneBytes),
    });
  } finally {
    clearInterval(repeat);
  }
}

interface Report {
  readonly show: (progress: number, doneBytes?: number) => void;
  /** Says the same again, with the bytes of now. */
  readonly repeat: () => void;
}

function createReport(stage: "downloading" | "loading", emit: (event: EngineEvent) => void): Report {
  let step = -1;
  let bytes: number | undefined;
  const send = (): void => {
    const progress = Math.min(1, Math.max(0, step) / progressSteps);
    emit({ type: "loading", stage, progress, ...(bytes === undefined ? {} : { doneBytes: bytes }) });
  };
  return {
    show(progress, doneBytes) {
      bytes = doneBytes;
      const now = Math.floor(progress * progressSteps);
      if (now === step) return;
      step = now;
      send();
    },
    repeat: send,
  };
}
