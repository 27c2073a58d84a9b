// Owns the file of endpoints on disk: whole at any moment, written again when what it says has changed, and never twice at a time.
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import type { HiveWorker } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { endpointsFileBytes, endpointsOf, formatEndpoints } from "./endpoints.ts";

/** Routers run as somebody else. */
const fileMode = 0o644;

export interface EndpointsFileOptions {
  readonly path: string;
  readonly workers: () => readonly HiveWorker[];
  readonly log: Logger;
}

export interface EndpointsFile {
  /** Something happened: the file is brought up to date, unless it is. A write that failed is tried again. */
  update(): void;
  /** Resolves when nothing is being written any more. The file stays as it is: the workers go on without the hive. */
  close(): Promise<void>;
}

export function createEndpointsFile({ path, workers, log }: EndpointsFileOptions): EndpointsFile {
  const temporary = `${path}.${process.pid}.tmp`;
  let written: string | undefined;
  let wanted = "";
  let writing: Promise<void> | undefined;
  let closed = false;
  /** What the log was told last, so that it is told once. */
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
    // The mode of a new file is less what the process' mask takes away.
    await chmod(temporary, fileMode);
    await rename(temporary, path);
  }

  /** Writes until nothing has changed meanwhile. What could not be written is not tried again by itself. */
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
