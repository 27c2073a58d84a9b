// Writes the endpoints file: replaces the whole file when the endpoints have changed, with one write at a time.
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import type { HiveWorker } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { endpointsFileBytes, endpointsOf, formatEndpoints } from "./endpoints.ts";

/** Readable to all, because routers run as another user. */
const fileMode = 0o644;

export interface EndpointsFileOptions {
  readonly path: string;
  readonly workers: () => readonly HiveWorker[];
  readonly log: Logger;
}

export interface EndpointsFile {
  /** Writes the file if the endpoints have changed, or if the last write failed. */
  update(): void;
  /** Resolves when no write is running. The file is kept, because the workers continue without the hive. */
  close(): Promise<void>;
}

export function createEndpointsFile({ path, workers, log }: EndpointsFileOptions): EndpointsFile {
  const temporary = `${path}.${process.pid}.tmp`;
  let written: string | undefined;
  let wanted = "";
  let writing: Promise<void> | undefined;
  let closed = false;
  /** The last failure that was logged; the same failure is not logged again. */
  let failure: string | undefined;
  let unlisted = new Set<string>();

  function current(): string {
    const found = endpointsOf(workers());
    for (const { workerId, reason } of found.unlisted) {
      if (!unlisted.has(workerId)) log.warn({ worker: workerId }, `Cannot list the worker as an endpoint: ${reason}`);
    }
    unlisted = new Set(found.unlisted.map(({ workerId }) => workerId));
    return formatEndpoints(found.listed);
  }

  async function write(text: string): Promise<void> {
    const bytes = Buffer.byteLength(text);
    if (bytes > endpointsFileBytes)
      throw new Error(`it has ${bytes} bytes, and routers read ${endpointsFileBytes} at most`);
    await writeFile(temporary, text, { mode: fileMode });
    // The umask of the process reduces the mode of a new file.
    await chmod(temporary, fileMode);
    await rename(temporary, path);
  }

  /** Writes again if the endpoints changed during the write. A failed write is repeated only at the next update. */
  async function writeAll(): Promise<void> {
    let tried: string | undefined;
    while (tried !== wanted) {
      tried = wanted;
      await tryToWrite(tried);
    }
    writing = undefined;
  }

  async function tryToWrite(text: string): Promise<void> {
    try {
      await write(text);
      written = text;
      failure = undefined;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      report(error instanceof Error ? error.message : String(error));
    }
  }

  function report(reason: string): void {
    if (reason !== failure) log.error(`Cannot write the endpoints file ${path}: ${reason}`);
    failure = reason;
  }

  return {
    update() {
      if (closed) return;
      wanted = current();
      if (wanted !== written) writing ??= writeAll();
    },
    async close() {
      closed = true;
      await writing;
    },
  };
}
