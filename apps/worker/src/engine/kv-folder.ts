// Owns the folder of KV snapshots: in memory if the system has a file system in memory. The worker removes a temporary folder at its end; the next
// worker removes the folder of a killed worker. The engine owns the contents, and makes the folder again if it vanishes.
import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder, lockStateOf } from "@waggle/daemon";

/** Linux's file system in memory. */
const memoryFolder = "/dev/shm";
/** Least free space of a usable parent. In a container the memory file system is often smaller and meant for other things. */
const leastMemoryFolderBytes = 256 * 2 ** 20;
/** Largest part of the free space at the worker's start that the folder may take. */
const largestShare = { ofFileSystem: 1 / 2, ofMemory: 1 / 4 } as const;
const prefix = "waggle-prefixes-";
/** A younger folder without a lock may belong to a worker that is about to lock it. */
const unlockedAgeMs = 600_000;

export interface KvFolder {
  readonly path: string;
  readonly maxBytes: number;
  /** The share of one model when the worker has this many models. */
  shareOf(key: string, models: number): KvFolderShare;
  /** Removes the folder unless it is kept for the next worker. */
  close(): void;
}

export interface KvFolderShare {
  readonly folder: string;
  readonly maxBytes: number;
  /** Called when the model's engine has exited: removes the share unless it is kept. */
  release(): void;
}

export interface KvFolderOptions {
  /** A folder that is kept from one worker to the next; undefined: a new folder for this worker only. */
  readonly folder: string | undefined;
  /** Maximum number of bytes of snapshots; 0: no folder. */
  readonly maxBytes: number;
  /** Parent folders to try for this worker's folder, the best first. */
  readonly parents?: readonly string[];
}

/** Returns undefined when no parent is usable or no snapshots are kept. */
export async function chooseKvFolder(options: KvFolderOptions): Promise<KvFolder | undefined> {
  const { folder, maxBytes, parents = [memoryFolder, tmpdir()] } = options;
  if (maxBytes === 0) return undefined;
  if (folder !== undefined) {
    // Each model already has a subfolder, named by its fingerprint.
    const shareOf = (_key: string, models: number): KvFolderShare => ({
      folder,
      maxBytes: Math.floor(maxBytes / models),
      release: () => {},
    });
    return { path: folder, maxBytes, shareOf, close: () => {} };
  }
  const name = `${prefix}${process.pid}-${randomBytes(6).toString("hex")}`;
  const parent = parents.find((one) => makesFolder(one, name));
  if (parent === undefined) return undefined;
  await removeLeftovers(parent);
  const path = join(parent, name);
  const bounds = [maxBytes, freeBytes(parent) * largestShare.ofFileSystem];
  // Files in memory reduce the memory for everything else.
  if (parent === memoryFolder) bounds.push(process.availableMemory() * largestShare.ofMemory);
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
      lock?.release();
      removeFolder(path);
    },
  };
}

function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // A parent may have become a file. That must not keep the worker from exiting; the next start removes the folder.
  }
}

/** @returns whether the parent can be used, and has the folder now */
function makesFolder(parent: string, name: string): boolean {
  try {
    accessSync(parent, constants.R_OK | constants.W_OK);
    if (freeBytes(parent) < leastMemoryFolderBytes) return false;
    mkdirSync(join(parent, name), { mode: 0o700 });
    return true;
  } catch {
    return false;
  }
}

function freeBytes(parent: string): number {
  const { bavail, bsize } = statfsSync(parent);
  return bavail * bsize;
}

/** Removes folders of killed workers, which would take memory until the machine restarts. */
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
      // Another process is removing the folder.
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
