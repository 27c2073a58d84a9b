// Owns where slot states lie: in memory where the system has a file system for it, in a folder that goes with its worker,
// or with the next start if the worker was killed. What is in it is the engine's, which also makes it anew should it vanish.
import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder, lockStateOf } from "./folder-lock.ts";

/** Memory as a file system, where Linux has it. */
const memoryFolder = "/dev/shm";
/** A container's may be this small, and then it is for something else. */
const leastMemoryFolderBytes = 256 * 2 ** 20;
/** Of what is free when the worker starts. */
const largestShare = { ofFileSystem: 1 / 2, ofMemory: 1 / 4 } as const;
const prefix = "waggle-prefixes-";
/** A folder without a lock that is younger may be one that its worker is about to lock. */
const unlockedAgeMs = 600_000;

export interface PrefixFolder {
  readonly path: string;
  readonly maxBytes: number;
  /** What one of so many models may have of it. */
  shareOf(key: string, models: number): PrefixShare;
  /** Removes what is not to outlive the worker. */
  close(): void;
}

export interface PrefixShare {
  readonly folder: string;
  readonly maxBytes: number;
  /** Its engine has left: removes what is not to outlive it. */
  release(): void;
}

export interface PrefixFolderOptions {
  /** Kept from one worker to the next; undefined: a folder for this worker alone. */
  readonly folder: string | undefined;
  /** 0: no folder. */
  readonly maxBytes: number;
  /** Where a folder of our own may lie, the best first. */
  readonly parents?: readonly string[];
}

/** Undefined when there is nowhere to keep anything, or nothing is to be kept. */
export async function choosePrefixFolder(options: PrefixFolderOptions): Promise<PrefixFolder | undefined> {
  const { folder, maxBytes, parents = [memoryFolder, tmpdir()] } = options;
  if (maxBytes === 0) return undefined;
  if (folder !== undefined) {
    // Each model has a folder of its own in it already, by which it finds its states again.
    const shareOf = (_key: string, models: number): PrefixShare => ({
      folder,
      maxBytes: Math.floor(maxBytes / models),
      release: () => {},
    });
    return { path: folder, maxBytes, shareOf, close: () => {} };
  }
  const parent = parents.find(isUsable);
  if (parent === undefined) return undefined;
  await removeLeftovers(parent);
  const path = join(parent, `${prefix}${process.pid}-${randomBytes(6).toString("hex")}`);
  const bounds = [maxBytes, freeBytes(parent) * largestShare.ofFileSystem];
  // What lies in a memory folder is memory that nothing else has.
  if (parent === memoryFolder) bounds.push(process.availableMemory() * largestShare.ofMemory);
  mkdirSync(path, { mode: 0o700 });
  const lock = await lockFolder(path);
  const ownBytes = Math.floor(Math.min(...bounds));
  return {
    path,
    maxBytes: ownBytes,
    shareOf(key, models) {
      const own = join(path, key);
      const release = (): void => removeFolder(own);
      return { folder: own, maxBytes: Math.floor(ownBytes / models), release };
    },
    close() {
      lock.release();
      removeFolder(path);
    },
  };
}

function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It may lie below what has become a file. That must not keep the worker from leaving, and the next start removes it.
  }
}

function isUsable(parent: string): boolean {
  try {
    accessSync(parent, constants.W_OK);
    return freeBytes(parent) >= leastMemoryFolderBytes;
  } catch {
    return false;
  }
}

function freeBytes(parent: string): number {
  const { bavail, bsize } = statfsSync(parent);
  return bavail * bsize;
}

/** Of workers that were killed: their folders would take memory until the machine starts anew. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of readdirSync(parent)) {
    const pid = /^waggle-prefixes-(\d+)-[0-9a-f]{12}$/.exec(name)?.[1];
    if (pid === undefined) continue;
    const path = join(parent, name);
    try {
      const { uid, mtimeMs } = statSync(path);
      if (uid !== process.getuid?.()) continue;
      const lock = await lockStateOf(path);
      const left =
        lock === "unlocked" ? Date.now() - mtimeMs > unlockedAgeMs && isGone(Number(pid)) : lock === "dropped";
      if (left) rmSync(path, { recursive: true, force: true });
    } catch {
      // Somebody else is removing it.
    }
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
