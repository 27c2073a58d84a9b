// Owns the real thread behind the renderer: how it is started, from source as from the build, and what is heard of it.
import { Worker } from "node:worker_threads";
import { threadReady } from "./template-thread.ts";
import type { ThreadResult, ThreadTask } from "./template-thread.ts";

/** The part of a thread that is used here. */
export interface TemplateThread {
  /** @throws DataCloneError when the values are no data */
  perform(task: ThreadTask): void;
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

export function startTemplateWorker(memory: ThreadMemory, events: TemplateThreadEvents): TemplateThread {
  const worker = createWorker(memory);
  worker.on("message", (message: ThreadResult | typeof threadReady) => {
    if (message === threadReady) events.onReady();
    else events.onResult(message);
  });
  worker.on("error", events.onGone);
  // The process's own work decides how long it lives.
  worker.unref();
  return { perform: (task) => worker.postMessage(task), end: () => worker.terminate() };
}

/** The sibling entry, in whichever form this file itself runs: .ts from source, .js from the build. It needs no secrets. */
function createWorker({ heapMiB, stackMiB }: ThreadMemory): Worker {
  const options = { env: {}, resourceLimits: { maxOldGenerationSizeMb: heapMiB, stackSizeMb: stackMiB } };
  if (!import.meta.url.endsWith(".ts"))
    return new Worker(new URL("./template-thread.js", import.meta.url), { ...options, execArgv: [] });
  // Node 20 runs no `--import` in a thread, so the thread itself has to make TypeScript readable first.
  const [tsx, entry] = [import.meta.resolve("tsx/esm/api"), new URL("./template-thread.ts", import.meta.url).href];
  const code = `import(${JSON.stringify(tsx)}).then(({ register }) => (register(), import(${JSON.stringify(entry)})));`;
  return new Worker(code, { ...options, eval: true, execArgv: ["--conditions=waggle-source"] });
}
