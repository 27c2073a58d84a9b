// Manages the files of KV snapshots: their folder, permissions and descriptions, and the check that a file is undamaged and belongs to this model.
// The library writes and reads the files' contents.
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { makeFolder, readText } from "@waggle/async";
import type { Entries, HeldEntry, KvSnapshot, PictureChunk, Token } from "@waggle/engine";
import type { EntryOfChunk } from "./chunk-entries.ts";

/** Bytes of a file that are hashed at once. This takes half a millisecond, so that streams are not delayed. */
const sliceBytes = 1 << 20;
/** Space that must stay free on the folder's file system. */
const reservedBytes = 64 * 2 ** 20;
/** Linux's number of a file system in memory (tmpfs): its files take memory that others need. */
const memoryFileSystem = 0x01021994;
/** Most bytes of a token in a file, without its keys and values: its number, and its cell's position and sequences. */
const tokenBytes = 16;
/** Files without a description are removed at this age. Another worker may still be writing younger files. */
const orphanAgeMs = 600_000;
/** Limit for a description: enough for more than a million tokens. */
const mostDescriptionBytes = 16_777_216;
const version = 1;

export interface KvFiles {
  /** Snapshots of earlier processes, least recently used first. Each has a description and a file of the right size. */
  readonly found: readonly KvSnapshot[];
  /** The expected size of a file with this many tokens. */
  bytesOf(tokens: number): number;
  /** Makes the name of a new file, and the folder if it is missing. @throws Error if so many tokens would fill the file system, or the memory that it is in */
  newFile(tokens: number): { readonly id: string; readonly path: string };
  pathOf(id: string): string;
  /** Call it when the file is complete. Writes its description in the background: later processes ignore files without a description. */
  seal(id: string, entries: Entries, cacheScope: string): KvSnapshot;
  /** Whether the file is undamaged: it is unchanged since this process wrote or checked it, or its checksum is right. */
  isSound(state: KvSnapshot): Promise<boolean>;
  remove(state: Pick<KvSnapshot, "id">): void;
  /** Resolves when all descriptions are written. */
  settled(): Promise<void>;
}

interface Description {
  readonly version: number;
  readonly tokens: readonly Token[];
  /** The pictures: the place of the first cell, the number of the cells that are there, and the chunk. */
  readonly pictures?: readonly (Omit<PictureChunk, "entry"> & { readonly at: number; readonly held: number })[];
  readonly cacheScope: string;
  readonly bytes: number;
  readonly crc32: number;
}

/** @param cellBytes bytes of a token in the KV cache @throws Error if the folder cannot be made or written */
export function openKvFiles(folder: string, fingerprint: string, entryOf: EntryOfChunk, cellBytes: number): KvFiles {
  const home = join(folder, fingerprint);
  makeHome();
  const pathOf = (id: string): string => join(home, `${id}.kv`);
  const descriptionOf = (id: string): string => join(home, `${id}.json`);
  /** Path of an unfinished description. */
  const partOf = (id: string): string => `${descriptionOf(id)}.part`;
  /** Identity of each file when this process last wrote or checked it, by id. */
  const known = new Map<string, string>();
  const checksums = new Map<string, number>();
  const sealing = new Set<Promise<void>>();
  /** Buffer for all checksums: with a new buffer for each, V8 kept a hundred buffers of 1 MiB as garbage. */
  const slice = Buffer.alloc(sliceBytes);

  let largest = cellBytes + tokenBytes;
  const bytesOf = (tokens: number): number => tokens * largest;

  function makeHome(): void {
    makeFolder(home, { mode: 0o700 });
    chmodSync(home, 0o700);
  }

  function remove({ id }: Pick<KvSnapshot, "id">): void {
    known.delete(id);
    checksums.delete(id);
    for (const path of [partOf(id), descriptionOf(id), pathOf(id)]) {
      try {
        rmSync(path, { force: true });
      } catch {
        // For example, the snapshot's folder has become a file. This process forgets the snapshot, and the next process removes its file.
      }
    }
  }

  /** CRC-32 of a file, in several turns of the event loop. */
  async function checksum(path: string): Promise<number> {
    const fd = openSync(path, "r");
    try {
      let sum = 0;
      for (;;) {
        // Do not await between these two lines, because other checksums use the same buffer.
        const length = readSync(fd, slice, 0, sliceBytes, null);
        sum = crc32(slice.subarray(0, length), sum);
        if (length < sliceBytes) return sum;
        await nextTurn();
      }
    } finally {
      closeSync(fd);
    }
  }

  async function describe({ id, cacheScope, bytes, ...entries }: KvSnapshot): Promise<void> {
    try {
      const crc32 = await checksum(pathOf(id));
      const description: Description = { version, ...describeEntries(entries), cacheScope, bytes, crc32 };
      // The snapshot may have been removed during the checksum.
      if (!known.has(id)) return;
      writeFileSync(partOf(id), JSON.stringify(description), { mode: 0o600 });
      renameSync(partOf(id), descriptionOf(id));
    } catch {
      // This process can still use the snapshot; only later processes cannot.
    }
  }

  function readDescription(id: string): KvSnapshot | undefined {
    try {
      const description = JSON.parse(
        readText(descriptionOf(id), { maxBytes: mostDescriptionBytes }),
      ) as Partial<Description>;
      if (!isDescription(description) || statSync(pathOf(id)).size !== description.bytes) return undefined;
      const { cacheScope, bytes } = description;
      checksums.set(id, description.crc32);
      return { id, ...readEntries(description, entryOf), cacheScope, bytes };
    } catch {
      return undefined;
    }
  }

  function scan(): KvSnapshot[] {
    const names = readdirSync(home);
    const ids = [...new Set(names.map((name) => name.replace(/\..*$/, "")))];
    const found = ids.flatMap((id) => {
      const state = readDescription(id);
      if (state === undefined && ageMs(pathOf(id)) > orphanAgeMs) remove({ id });
      return state === undefined ? [] : [{ state, usedMs: statSync(descriptionOf(id)).mtimeMs }];
    });
    return found.toSorted((a, b) => a.usedMs - b.usedMs).map(({ state }) => state);
  }

  return {
    found: scan(),
    pathOf,
    remove,
    bytesOf,
    newFile(tokens) {
      // A user or a clean-up program may have removed the folder.
      if (!existsSync(home)) makeHome();
      const { bavail, bsize, type } = statfsSync(home);
      const freeBytes = Math.min(bavail * bsize, type === memoryFileSystem ? process.availableMemory() : Infinity);
      if (freeBytes < bytesOf(tokens) + reservedBytes)
        throw new Error(`the file system of ${home} is nearly full. Free space, or choose another --prefix-store-dir`);
      const id = randomUUID();
      return { id, path: pathOf(id) };
    },
    seal(id, entries, cacheScope) {
      chmodSync(pathOf(id), 0o600);
      const state = { id, ...entries, cacheScope, bytes: statSync(pathOf(id)).size };
      largest = Math.max(largest, state.bytes / Math.max(1, entries.entries.length));
      known.set(id, identityOf(pathOf(id)));
      const described = describe(state).finally(() => sealing.delete(described));
      sealing.add(described);
      return state;
    },
    async isSound({ id }) {
      try {
        const identity = identityOf(pathOf(id));
        if (known.has(id)) {
          if (known.get(id) !== identity) return false;
        } else {
          if ((await checksum(pathOf(id))) !== checksums.get(id)) return false;
          known.set(id, identity);
        }
        touch(descriptionOf(id));
        return true;
      } catch {
        return false;
      }
    },
    async settled() {
      await Promise.all(sealing);
    },
  };
}

function describeEntries({ entries, chunks }: Entries): Pick<Description, "tokens" | "pictures"> {
  const tokens = tokensInFile(entries);
  if (chunks.length === 0) return { tokens };
  // Another process numbers the chunk anew.
  const pictures = chunks.map(({ at, chunk: { entry: _, ...chunk } }) => ({
    ...chunk,
    at,
    held: Math.min(chunk.cells, entries.length - at),
  }));
  return { tokens, pictures };
}

function readEntries({ tokens, pictures = [] }: Description, entryOf: EntryOfChunk): Entries {
  const entries = [...tokens];
  const chunks = pictures.map(({ at, held, ...chunk }) => {
    const entry = entryOf(chunk.id);
    entries.fill(entry, at, at + held);
    return { at, chunk: { ...chunk, entry } };
  });
  return { entries, chunks };
}

/** A file has tokens only, with 0 in the place of a picture's cell. */
export function tokensInFile(entries: readonly HeldEntry[]): Token[] {
  return entries.map((entry) => Math.max(0, entry));
}

function isPicture(value: Partial<NonNullable<Description["pictures"]>[number]>): boolean {
  const { at, held, id, picture, cells, positions, causal } = value;
  const numbers = [at, held, picture, cells, positions].every((number) => Number.isInteger(number));
  return numbers && typeof id === "string" && typeof causal === "boolean";
}

function isDescription(value: Partial<Description>): value is Description {
  return (
    value.version === version &&
    Array.isArray(value.tokens) &&
    value.tokens.every((token) => Number.isInteger(token)) &&
    (value.pictures === undefined || (Array.isArray(value.pictures) && value.pictures.every(isPicture))) &&
    typeof value.cacheScope === "string" &&
    Number.isInteger(value.bytes) &&
    Number.isInteger(value.crc32)
  );
}

function identityOf(path: string): string {
  const { size, mtimeNs, ino } = statSync(path, { bigint: true });
  return [size, mtimeNs, ino].join(" ");
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return Infinity;
  }
}

/** Records the use of a snapshot: the next process orders snapshots by their last use. */
function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The description is not written yet.
  }
}
