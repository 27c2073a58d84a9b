// A lock file, so that only one process downloads a model. The holder keeps writing to the file: an old modification time means that the
// holder was killed. All times are the file system's, because clocks of machines that share it differ. A process id in the file would not work
// across containers.
import { randomBytes } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { sleep } from "@waggle/async";

const renewIntervalMs = 1_000;
/** A lock that was not renewed for this long is free. */
const staleMs = 10_000;
const pollIntervalMs = 250;

export interface FileLock extends AsyncDisposable {
  /** Aborts with a LockLostError if this process was suspended and another process took the lock. */
  readonly lost: AbortSignal;
}

export class LockLostError extends Error {
  override readonly name = "LockLostError";

  constructor() {
    super("another process continued the download while this process was suspended");
  }
}

/** Waits while another process holds the lock. @throws the signal's reason when it aborts */
export async function lockFile(path: string, signal: AbortSignal, onWait: () => Promise<void>): Promise<FileLock> {
  for (;;) {
    signal.throwIfAborted();
    const lock = await tryLock(path);
    if (lock !== undefined) return lock;
    await onWait();
    await sleep(pollIntervalMs, { signal });
  }
}

/** @returns undefined while another process holds the lock */
export async function tryLock(path: string): Promise<FileLock | undefined> {
  const handle = await createNew(path);
  if (handle !== undefined) return hold(handle, path);
  await removeStale(path);
  return undefined;
}

async function createNew(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

function hold(handle: FileHandle, path: string): FileLock {
  const lost = new AbortController();

  async function isOurs(): Promise<boolean> {
    return (await statOf(path))?.ino === (await handle.stat()).ino;
  }

  async function renew(): Promise<void> {
    // Renew through the open file: by now, the path may be that of another process's lock file.
    await handle.write(".", 0);
    await handle.sync();
    if (!(await isOurs())) lost.abort(new LockLostError());
  }

  // A failed renewal is ignored, because the next renewal follows soon.
  const renewal = setInterval(() => void renew().catch(() => {}), renewIntervalMs);
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(renewal);
      const ours = await isOurs();
      await handle.close();
      if (ours) await rm(path, { force: true });
    },
  };
}

/**
 * Moves a stale lock aside, and deletes it there. Between the check and the move, another process may have replaced the stale lock by its new
 * lock: then the moved file is not stale, and is moved back.
 */
async function removeStale(path: string): Promise<void> {
  if (!(await isStale(path))) return;
  const aside = nameBeside(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (await isStale(aside)) await rm(aside, { force: true });
  else await rename(aside, path);
}

async function isStale(path: string): Promise<boolean> {
  const stats = await statOf(path);
  // The time of the file system costs a file, and is asked only where this machine's clock does not see a new lock.
  if (stats === undefined || Math.abs(Date.now() - stats.mtimeMs) <= staleMs) return false;
  return (await nowBeside(path)) - stats.mtimeMs > staleMs;
}

/** The file system's time, as that of a new file next to the lock. */
async function nowBeside(path: string): Promise<number> {
  const probe = nameBeside(path);
  await using handle = await open(probe, "wx");
  await rm(probe);
  return (await handle.stat()).mtimeMs;
}

/** A name that searches for models leave out. */
function nameBeside(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}`;
}

async function statOf(path: string): Promise<{ ino: number; mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
