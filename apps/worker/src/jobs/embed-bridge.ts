// Owns embed jobs for the one route that still asks for vectors as a question: it submits one, and gathers what comes of it.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { EngineCommand, JobEvent } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

export interface Embedded {
  readonly vectors: readonly (readonly number[])[];
  readonly tokens: number;
}

export interface EmbedBridge {
  /** @throws WaggleError the engine's own; unavailable when there is none or it dies */
  embed(texts: readonly string[]): Promise<Embedded>;
  /** False when the event is of another's job. */
  take(event: JobEvent): boolean;
  abandon(): void;
}

export function createEmbedBridge(options: {
  readonly send: (command: EngineCommand) => void;
  readonly ready: () => boolean;
}): EmbedBridge {
  const waiting = new Map<string, { readonly vectors: (readonly number[])[]; readonly done: Deferred<Embedded> }>();
  let serial = 0;

  return {
    async embed(texts) {
      if (!options.ready()) throw new WaggleError("unavailable", "Cannot embed: the model is not loaded.");
      const jobId = `e${(serial += 1)}`;
      const done = deferred<Embedded>();
      waiting.set(jobId, { vectors: [], done });
      options.send({ type: "submit", job: { kind: "embed", jobId, texts, cacheScope: "" } });
      try {
        return await done.promise;
      } finally {
        waiting.delete(jobId);
      }
    },
    take(event) {
      const entry = waiting.get(event.jobId);
      if (entry === undefined) return false;
      const { vectors, done } = entry;
      if (event.type === "embedding") vectors[event.index] = event.vector;
      if (event.type === "finished") done.resolve({ vectors, tokens: event.promptTokens });
      if (event.type === "failed") done.reject(new WaggleError(event.code, event.message, event));
      return true;
    },
    abandon() {
      for (const { done } of waiting.values()) done.reject(new WaggleError("unavailable", "The engine died."));
    },
  };
}
