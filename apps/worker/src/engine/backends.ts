// Chooses and loads a backend. The real backend is imported only when it is used, so that the fake backend runs without native code.
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createFakeBackend } from "@waggle/engine";
import type { Backend, EngineEvent } from "@waggle/engine";
import { usualSizes } from "@waggle/models/memory";
import type { EngineStart } from "./engine-start.ts";

/** Progress is reported in steps of a hundredth, because a message for every byte would flood the channel. */
const progressSteps = 100;
const fakeTrainedContext = 8_192;

/** @throws WaggleError unavailable, with a message that names the model and the reason */
export async function loadBackend(start: EngineStart, emit: (event: EngineEvent) => void): Promise<Backend> {
  return start.backend === "fake" ? await loadFake(start) : await loadLlama(start, emit);
}

async function loadFake(start: EngineStart): Promise<Backend> {
  const { fake, settings, projector } = start;
  await passGate(fake.gate, "load");
  if (fake.loadDelayMs > 0) await delay(fake.loadDelayMs);
  if (fake.failLoad !== undefined) throw new Error(fake.failLoad);
  const { slots, contextSize, contextPool } = settings;
  return createFakeBackend({
    slots,
    ...usualSizes({ trained: fakeTrainedContext, slots, contextSize, contextPool, isShared: true }),
    stepDelayMs: fake.stepDelayMs,
    readsPictures: projector !== undefined,
    // Ends the process without a message, like a fault in native code.
    die: () => process.kill(process.pid, "SIGKILL"),
    failAtStep: fake.crashAtStep,
    gate: () => passGate(fake.gate, "step"),
  });
}

/** Waits until a test's server at this path closes the connection. */
async function passGate(path: string | undefined, what: "load" | "step"): Promise<void> {
  if (path === undefined) return;
  const socket = connect(path).on("error", () => {});
  socket.resume().write(what);
  await new Promise((resolve) => socket.once("close", resolve));
}

async function loadLlama(start: EngineStart, emit: (event: EngineEvent) => void): Promise<Backend> {
  const { loadLlamaBackend } = await import("@waggle/engine-llama");
  return await loadLlamaBackend({
    ...start.settings,
    modelPath: start.model,
    projector: start.projector,
    gpuPackages: start.gpuFolder,
    // The worker starts this process with one thread in libuv's pool.
    onePoolThread: true,
    statesFolder: start.prefixStore?.folder,
    onProgress: createReport(emit),
    onOpening: (file) => emit({ type: "opening", file }),
    log: (level, message) => emit({ type: "log", level, message }),
  });
}

function createReport(emit: (event: EngineEvent) => void): (progress: number) => void {
  let step = -1;
  return (progress) => {
    const now = Math.floor(progress * progressSteps);
    if (now === step) return;
    step = now;
    emit({ type: "loading", progress: Math.min(1, Math.max(0, step) / progressSteps) });
  };
}
