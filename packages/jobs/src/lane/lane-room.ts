// Counts the bytes and things that each client keeps in the folder of batches, and refuses more. Nothing is deleted to make room.
import { statfs } from "node:fs/promises";
import { createHoldings, isDiskFull } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { formatBytes } from "@waggle/protocol/format";

export interface LaneLimits {
  /** Bytes of all files and results. */
  readonly maxBytes: number;
  /** Files and batches. */
  readonly maxThings: number;
  /** The part of both that one client may have, above 0, at most 1. */
  readonly clientShare: number;
  /** Bytes of the disk that stay free. */
  readonly freeBytes: number;
}

export const defaultLaneLimits: LaneLimits = {
  maxBytes: 10 * 2 ** 30,
  maxThings: 10_000,
  clientShare: 0.5,
  freeBytes: 2 ** 30,
};

export interface LaneRoom {
  /** Bytes that are kept. */
  readonly bytes: number;
  /** A file or a batch has this size from now on. */
  set(client: string, id: string, bytes: number): void;
  remove(id: string): void;
  /** Whether the file or batch is kept. */
  has(id: string): boolean;
  /** @param things 1 for a new file or batch @throws WaggleError out_of_space that names the limit */
  require(client: string, bytes: number, things: 0 | 1): Promise<void>;
}

export function createLaneRoom(folder: string, limits: LaneLimits): LaneRoom {
  const { maxBytes, maxThings, clientShare, freeBytes } = limits;
  const held = createHoldings<string>();
  const clientBytes = Math.floor(clientShare * maxBytes);
  const clientThings = Math.floor(clientShare * maxThings);

  return {
    get bytes() {
      return held.size;
    },
    set: held.set,
    remove: (id) => void held.remove(id),
    has: held.has,
    async require(client, bytes, things) {
      const own = held.of(client);
      if (held.size + bytes > maxBytes)
        throw outOfSpace(`all clients' files and batches have ${formatBytes(maxBytes)}`);
      if (own.size + bytes > clientBytes)
        throw outOfSpace(`a client's files and batches have ${formatBytes(clientBytes)}`);
      if (held.count + things > maxThings) throw outOfSpace(`there are ${maxThings} files and batches`);
      if (own.count + things > clientThings) throw outOfSpace(`the client has ${clientThings} files and batches`);
      const disk = await statfs(folder);
      if (disk.bavail * disk.bsize < bytes + freeBytes)
        throw outOfSpace(`${formatBytes(freeBytes)} of the disk must stay free`);
    },
  };
}

/** @param limit the limit that is reached, as a clause */
function outOfSpace(limit: string, cause?: unknown): WaggleError {
  return new WaggleError(
    "out_of_space",
    `No room for more files and batches: ${limit}. Delete files, or wait until some expire.`,
    { cause },
  );
}

/** The error for clients when the folder cannot be used. */
export function folderError(folder: string, error: unknown): WaggleError {
  if (error instanceof WaggleError) return error;
  if (isDiskFull(error)) return outOfSpace("the disk is full", error);
  const why = error instanceof Error ? error.message : String(error);
  return new WaggleError("unavailable", `Cannot use the folder of batches ${folder}: ${why}.`, { cause: error });
}
