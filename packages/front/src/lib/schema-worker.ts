// Owns the real thread behind the schema compiler: how it is started, and what is heard of it.
import { startThread } from "@waggle/async";
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
  // It needs no secrets.
  const worker = startThread("schema-thread", import.meta.url, {
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
  });
  worker.on("message", (message: CompiledSchema | typeof threadReady) => {
    if (message === threadReady) events.onReady();
    else events.onCompiled(message);
  });
  worker.on("error", events.onGone);
  // The daemon's own work decides how long the process lives.
  worker.unref();
  return { compile: (text) => worker.postMessage(text), end: () => worker.terminate() };
}
