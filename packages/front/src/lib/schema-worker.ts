// Owns the real thread behind the schema compiler: how it is started, from source as from the build, and what is heard of it.
import { Worker } from "node:worker_threads";
import { threadReady } from "./schema-thread.ts";
import type { CompiledSchema } from "./schema-thread.ts";

/** The part of a thread that is used here. */
export interface SchemaThread {
  compile(text: string): void;
  /** Once it has gone, nothing is heard of it any more. */
  end(): Promise<unknown>;
}

export interface SchemaThreadEvents {
  readonly onReady: () => void;
  readonly onCompiled: (result: CompiledSchema) => void;
  /** It went by itself. */
  readonly onGone: (error: Error) => void;
}

export function startSchemaWorker(memoryMiB: number, events: SchemaThreadEvents): SchemaThread {
  const worker = createWorker(memoryMiB);
  worker.on("message", (message: CompiledSchema | typeof threadReady) => {
    if (message === threadReady) events.onReady();
    else events.onCompiled(message);
  });
  worker.on("error", events.onGone);
  // The daemon's own work decides how long the process lives.
  worker.unref();
  return { compile: (text) => worker.postMessage(text), end: () => worker.terminate() };
}

/** The sibling entry, in whichever form this file itself runs: .ts from source, .js from the build. It needs no secrets. */
function createWorker(memoryMiB: number): Worker {
  const options = { env: {}, resourceLimits: { maxOldGenerationSizeMb: memoryMiB } };
  if (!import.meta.url.endsWith(".ts"))
    return new Worker(new URL("./schema-thread.js", import.meta.url), { ...options, execArgv: [] });
  // Node 20 runs no `--import` in a thread, so the thread itself has to make TypeScript readable first.
  const [tsx, entry] = [import.meta.resolve("tsx/esm/api"), new URL("./schema-thread.ts", import.meta.url).href];
  const code = `import(${JSON.stringify(tsx)}).then(({ register }) => (register(), import(${JSON.stringify(entry)})));`;
  return new Worker(code, { ...options, eval: true, execArgv: ["--conditions=waggle-source"] });
}
