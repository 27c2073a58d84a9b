// Owns that one process at a time downloads a file: a lock file whose time its holder keeps renewing. A process id would say nothing about
// a process in another container, and the time also tells when a holder was killed.
import { randomBytes } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { sleep } from "@waggle/async";

const renewIntervalMs = 1_000;
/** A lock that is older has no holder any more. */
const staleMs = 10_000;
const pollIntervalMs = 250;

export interface FileLock extends AsyncDisposable {
  /** Aborts with a LockLostError: this process stood still for so long that another one took the lock. */
  readonly lost: AbortSignal;
}

export class LockLostError extends Error {
  override readonly name = "LockLostError";

  constructor() {
    super("another process went on with it while this one stood still");
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

/** Undefined when somebody holds it. */
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
    const now = new Date();
    // By the open file and not by its name, which may be another's by now.
    await handle.utimes(now, now);
    if (!(await isOurs())) lost.abort(new LockLostError());
  }

  // A renewal that fails is made up for by the next.
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

/** Of two that find a lock stale, one moves it aside; should the other move a new lock, it is put back. */
async function removeStale(path: string): Promise<void> {
  if (!(await isStale(path))) return;
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
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
  return stats !== undefined && Date.now() - stats.mtimeMs > staleMs;
}

async function statOf(path: string): Promise<{ ino: number; mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
