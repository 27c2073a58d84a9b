// Owns the real thread behind the renderer: how it is started, and what is heard of it.
import { startThread } from "@waggle/async";
import { cpuTimeMs } from "./cpu-time.ts";
import type { ThreadReady, ThreadResult, ThreadTask } from "./render-task.ts";

/** The part of a thread that is used here. */
export interface TemplateThread {
  /** @throws DataCloneError when the values are no data */
  perform(task: ThreadTask): void;
  /** How long it has computed so far; undefined where nothing tells it. */
  cpuMs(): number | undefined;
  /** Once it has gone, nothing is heard of it any more. */
  end(): Promise<unknown>;
}

export interface TemplateThreadEvents {
  readonly onReady: () => void;
  readonly onResult: (result: ThreadResult) => void;
  /** It went by itself. */
  readonly onGone: (error: Error) => void;
}

export interface ThreadMemory {
  readonly heapMiB: number;
  readonly stackMiB: number;
}

export function startTemplateWorker({ heapMiB, stackMiB }: ThreadMemory, events: TemplateThreadEvents): TemplateThread {
  const resourceLimits = { maxOldGenerationSizeMb: heapMiB, stackSizeMb: stackMiB };
  // It needs no secrets.
  const worker = startThread("template-thread", import.meta.url, { env: {}, resourceLimits });
  let times: string | undefined;
  worker.on("message", (message: ThreadResult | ThreadReady) => {
    if (message.kind === "ready") {
      times = message.times;
      events.onReady();
    } else events.onResult(message);
  });
  worker.on("error", events.onGone);
  // The process's own work decides how long it lives.
  worker.unref();
  return {
    perform: (task) => worker.postMessage(task),
    cpuMs: () => cpuTimeMs(times),
    end: () => worker.terminate(),
  };
}
