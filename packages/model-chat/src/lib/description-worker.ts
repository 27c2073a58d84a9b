// Owns the real thread that describes a file: how it is started, and what is heard of it.
import { startThread } from "@waggle/async";
import type { DescriptionResult, DescriptionTask } from "./description-thread.ts";

/** The part of a thread that is used here. */
export interface DescriptionThread {
  /** Rejects when it went by itself. */
  readonly result: Promise<DescriptionResult>;
  /** Resolves once it has gone. */
  end(): Promise<unknown>;
}

/** As a template's own thread has them. */
const heapMiB = 512;
const stackMiB = 4;

export function startDescriptionWorker(task: DescriptionTask): DescriptionThread {
  const resourceLimits = { maxOldGenerationSizeMb: heapMiB, stackSizeMb: stackMiB };
  // It needs no secrets.
  const worker = startThread("description-thread", import.meta.url, { env: {}, resourceLimits, workerData: task });
  // The process's own work decides how long it lives.
  worker.unref();
  return {
    result: new Promise((resolve, reject) => {
      worker.on("message", resolve);
      worker.on("error", reject);
      worker.on("exit", () => reject(new Error("its thread has gone")));
    }),
    end: () => worker.terminate(),
  };
}
