// Owns the hash of the model's file. For a large file it is computed while no job runs. It is computed again for each engine, because the file may have changed.
import { onAbort } from "@waggle/async";
import { hashModel } from "@waggle/models/download";
import type { Logger } from "@waggle/telemetry";

export interface ModelHashOptions {
  /** Folder that keeps hashes for the next start. */
  readonly folder: string;
  /** Resolves when no job is live. */
  readonly idle: () => Promise<void>;
  readonly log: Logger;
}

export interface ModelHash {
  /** 64 hexadecimal digits; undefined until it is known. */
  readonly sha256: string | undefined;
  /** Call when an engine begins to load this file; undefined: the model has no file. */
  follow(path: string | undefined): void;
  /** Stops hashing; resolves when nothing is read any more. */
  stop(): Promise<void>;
}

export function createModelHash({ folder, idle, log }: ModelHashOptions): ModelHash {
  let sha256: string | undefined;
  let leaving = new AbortController();
  let hashing: Promise<void> = Promise.resolve();

  async function hash(path: string, signal: AbortSignal): Promise<void> {
    try {
      const found = await hashModel(path, { folder, idle: async () => await unless(signal, idle()), signal });
      if (signal.aborted) return;
      sha256 = found;
      log.debug({ sha256 }, "model_hashed");
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "model_not_hashed");
    }
  }

  return {
    get sha256() {
      return sha256;
    },
    follow(path) {
      leaving.abort();
      leaving = new AbortController();
      sha256 = undefined;
      if (path !== undefined) hashing = hash(path, leaving.signal);
    },
    async stop() {
      leaving.abort();
      await hashing;
    },
  };
}

/** Resolves when the work resolves or the signal aborts. */
async function unless(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let forget = (): void => {};
  const aborted = new Promise<void>((resolve) => (forget = onAbort(signal, resolve)));
  await Promise.race([work, aborted]);
  forget();
}
