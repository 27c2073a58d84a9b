// Owns the files of saved states: where they lie, who may read them, and that only a sound one of this very model is
// ever offered. It knows no slot; the library writes and reads the states themselves.
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
import type { SavedState, Token } from "@waggle/engine";
import { makeFolder, readText } from "@waggle/async";

/** Read at once for a checksum: about half a millisecond, so that streams do not notice. */
const sliceBytes = 1 << 20;
/** Left to others on the folder's file system. */
const reservedBytes = 64 * 2 ** 20;
/** Files without a description that are younger may be another worker's, just being written. */
const orphanAgeMs = 600_000;
/** Of a million tokens, and more. */
const mostDescriptionBytes = 16_777_216;
const version = 1;

export interface StateFolder {
  /** What an earlier process left, least recently used first; each has a description, and its file the right size. */
  readonly found: readonly SavedState[];
  /** Makes the folder anew if it is gone. @throws Error when so many bytes more would fill the file system */
  newFile(expectedBytes: number): { readonly id: string; readonly path: string };
  pathOf(id: string): string;
  /** The file of this id is complete. Its description, without which no later process takes it, follows by itself. */
  seal(id: string, tokens: readonly Token[], cacheScope: string): SavedState;
  /** Whether the file is what was saved: unchanged since this process wrote or checked it, or by its checksum. */
  isSound(state: SavedState): Promise<boolean>;
  remove(state: Pick<SavedState, "id">): void;
  /** All descriptions that were begun are written. */
  settled(): Promise<void>;
}

interface Description {
  readonly version: number;
  readonly tokens: readonly Token[];
  readonly cacheScope: string;
  readonly bytes: number;
  readonly crc32: number;
}

/** @throws Error when the folder cannot be made or written */
export function openStateFolder(folder: string, fingerprint: string): StateFolder {
  const home = join(folder, fingerprint);
  makeHome();
  const pathOf = (id: string): string => join(home, `${id}.kv`);
  const descriptionOf = (id: string): string => join(home, `${id}.json`);
  /** The description while it is being written. */
  const partOf = (id: string): string => `${descriptionOf(id)}.part`;
  /** By id: the file as it was when its contents were last known to be right. */
  const known = new Map<string, string>();
  const checksums = new Map<string, number>();
  const sealing = new Set<Promise<void>>();
  /** One for all checksums: a new one for each was 1 MiB of garbage for each state, and V8 lets a hundred of them lie. */
  const slice = Buffer.alloc(sliceBytes);

  function makeHome(): void {
    makeFolder(home, { mode: 0o700 });
    chmodSync(home, 0o700);
  }

  function remove({ id }: Pick<SavedState, "id">): void {
    known.delete(id);
    checksums.delete(id);
    for (const path of [partOf(id), descriptionOf(id), pathOf(id)]) {
      try {
        rmSync(path, { force: true });
      } catch {
        // The folder may have become a file. A forgotten state is never offered again, and the next process removes its file.
      }
    }
  }

  /** CRC-32 of a file, in slices between which everything else gets its turn. */
  async function checksum(path: string): Promise<number> {
    const fd = openSync(path, "r");
    try {
      let sum = 0;
      for (;;) {
        // Another checksum may use the slice next, so nothing comes between these two.
        const length = readSync(fd, slice, 0, sliceBytes, null);
        sum = crc32(slice.subarray(0, length), sum);
        if (length < sliceBytes) return sum;
        await nextTurn();
      }
    } finally {
      closeSync(fd);
    }
  }

  async function describe({ id, tokens, cacheScope, bytes }: SavedState): Promise<void> {
    try {
      const description: Description = { version, tokens, cacheScope, bytes, crc32: await checksum(pathOf(id)) };
      // It may have been removed meanwhile.
      if (!known.has(id)) return;
      writeFileSync(partOf(id), JSON.stringify(description), { mode: 0o600 });
      renameSync(partOf(id), descriptionOf(id));
    } catch {
      // Without a description the state serves this process alone.
    }
  }

  function readDescription(id: string): SavedState | undefined {
    try {
      const description = JSON.parse(
        readText(descriptionOf(id), { maxBytes: mostDescriptionBytes }),
      ) as Partial<Description>;
      if (!isDescription(description) || statSync(pathOf(id)).size !== description.bytes) return undefined;
      const { tokens, cacheScope, bytes } = description;
      checksums.set(id, description.crc32);
      return { id, tokens, cacheScope, bytes };
    } catch {
      return undefined;
    }
  }

  function scan(): SavedState[] {
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
    newFile(expectedBytes) {
      // Whoever cleans the file system may have taken it.
      if (!existsSync(home)) makeHome();
      const { bavail, bsize } = statfsSync(home);
      if (bavail * bsize < expectedBytes + reservedBytes)
        throw new Error("the file system of the folder is nearly full");
      const id = randomUUID();
      return { id, path: pathOf(id) };
    },
    seal(id, tokens, cacheScope) {
      chmodSync(pathOf(id), 0o600);
      const state = { id, tokens, cacheScope, bytes: statSync(pathOf(id)).size };
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

function isDescription(value: Partial<Description>): value is Description {
  return (
    value.version === version &&
    Array.isArray(value.tokens) &&
    value.tokens.every((token) => Number.isInteger(token)) &&
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

/** The time of its last use orders the states of the next process. */
function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // It is not written yet.
  }
}
