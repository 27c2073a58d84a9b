// Keeps files and batches in a folder. A file or a batch exists when the JSON with its facts is on disk; what a killed process has left without it is
// removed at the next opening. Ids of requests are looked up in maps, and are never part of a path. Decision 133.
//
//   files/<id>, <id>.json          bytes and facts of a file
//   batches/<id>/record.json       StoredBatch
//   batches/<id>/input             the lines; a hard link to the file, so that its deletion changes nothing
//   batches/<id>/output, errors    results, until the batch ends; those of OpenAI's batches become files then
//   parts/<id>                     an upload that is arriving
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, open as openFile, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeFolder, syncFolder, writeWhole } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { formatBytes } from "@waggle/protocol/format";
import type { BatchRecord } from "./batch.ts";
import type { KeptFile, Receiving, ResultLine } from "./lane-port.ts";
import { createLaneRoom, folderError } from "./lane-room.ts";
import type { LaneLimits, LaneRoom } from "./lane-room.ts";
import { resultFiles } from "./results.ts";
import type { KeptSums } from "./results.ts";

export interface StoredBatch {
  readonly record: BatchRecord;
  readonly idempotencyKey?: string | undefined;
  /** So that a list reads no results. */
  readonly sums?: KeptSums | undefined;
}

export type BatchFile = "input" | ResultLine["file"];

/** All functions throw WaggleError out_of_space, or Error of node:fs. */
export interface LaneFolder {
  readonly room: LaneRoom;
  /** Oldest first. */
  readonly files: ReadonlyMap<string, KeptFile>;
  /** The batches at the opening, oldest first. */
  readonly found: readonly StoredBatch[];
  pathOf(file: string): string;
  pathIn(batch: string, file: BatchFile): string;
  receive(client: string, maxBytes: number): Promise<Receiving>;
  removeFile(id: string): Promise<void>;
  /** @param input what `receive` has returned, or the id of a file */
  addBatch(stored: StoredBatch, input: Receiving | string): Promise<void>;
  saveBatch(stored: StoredBatch): Promise<void>;
  /** Makes a file of results; a second call changes nothing. @returns the id of the file */
  publish(record: BatchRecord, file: ResultLine["file"], facts: Pick<KeptFile, "bytes" | "expiresAt">): Promise<string>;
  /** Counts what the batch itself keeps: its results, and its input if that is no file any more. */
  measure(record: BatchRecord): Promise<void>;
  /** Removes files of a batch, if they are there. */
  dropFiles(batch: string, files: readonly BatchFile[]): Promise<void>;
  removeBatch(id: string): Promise<void>;
}

export interface LaneFolderOptions {
  readonly path: string;
  readonly limits: LaneLimits;
  /** The time of day in milliseconds. */
  readonly now: () => number;
  /** Called at the opening for a file or a batch that cannot be read: it is left alone. */
  readonly onUnreadable: (name: string, error: unknown) => void;
  /** `open` of node:fs. */
  readonly open?: typeof openFile | undefined;
}

/** @param kind the beginning of the id */
export function newId(kind: string): string {
  return `${kind}${randomBytes(16).toString("hex")}`;
}

/** Makes the folder if it does not exist. @throws Error of node:fs */
export async function openLaneFolder(options: LaneFolderOptions): Promise<LaneFolder> {
  const { path, limits, now, onUnreadable, open = openFile } = options;
  const [filesFolder, batchesFolder, partsFolder] = [join(path, "files"), join(path, "batches"), join(path, "parts")];
  for (const folder of [filesFolder, batchesFolder, partsFolder]) makeFolder(folder, { mode: 0o700 });
  const room = createLaneRoom(path, limits);
  const files = new Map<string, KeptFile>();
  /** Moves an upload that has arrived. */
  const moves = new WeakMap<Receiving, (to: string) => Promise<void>>();
  const pathOf = (id: string): string => join(filesFolder, id);
  const factsOf = (id: string): string => `${pathOf(id)}.json`;
  const pathIn = (batch: string, file: BatchFile | "record.json"): string => join(batchesFolder, batch, file);

  await readEach(partsFolder, async (name) => await rm(join(partsFolder, name), { force: true }));
  const readFiles: KeptFile[] = [];
  await readEach(filesFolder, async (name) => {
    if (!name.endsWith(".json")) return existsSync(factsOf(name)) ? undefined : await rm(pathOf(name), { force: true });
    const file = await readFacts<KeptFile>(join(filesFolder, name), basename(name, ".json"), ({ id }) => id);
    // JSON has no Infinity.
    if (file !== undefined) readFiles.push({ ...file, expiresAt: file.expiresAt ?? Infinity });
  });
  for (const file of readFiles.toSorted((a, b) => a.createdAt - b.createdAt)) keep(file);
  const found: StoredBatch[] = [];
  await readEach(batchesFolder, async (name) => {
    const batch = await readFacts<StoredBatch>(pathIn(name, "record.json"), name, ({ record }) => record.id);
    if (batch === undefined) await rm(join(batchesFolder, name), { recursive: true, force: true });
    else found.push(batch);
  });
  found.sort((a, b) => a.record.createdAt - b.record.createdAt);

  async function readEach(folder: string, read: (name: string) => Promise<unknown>): Promise<void> {
    for (const name of await readdir(folder))
      await read(name).catch((error: unknown) => onUnreadable(join(folder, name), error));
  }

  function keep(file: KeptFile): void {
    files.set(file.id, file);
    room.set(file.client, file.id, file.bytes);
  }

  /** The bytes have their name already. */
  async function addFile(file: KeptFile): Promise<void> {
    await writeWhole(factsOf(file.id), JSON.stringify(file), open);
    keep(file);
  }

  return {
    room,
    files,
    found,
    pathOf,
    pathIn,
    async receive(client, maxBytes) {
      await room.require(client, 0, 1);
      const id = newId("file-");
      const part = join(partsFolder, id);
      const file = await open(part, "wx", 0o600);
      room.set(client, id, 0);
      let bytes = 0;
      let hasEnded = false;

      async function abort(): Promise<void> {
        if (hasEnded) return;
        hasEnded = true;
        room.remove(id);
        await file.close().catch(() => {});
        for (const left of [part, factsOf(id), pathOf(id)]) await rm(left, { force: true });
      }

      async function orAbort<T>(work: () => Promise<T>): Promise<T> {
        if (hasEnded) throw new WaggleError("conflict", "The upload has ended.");
        try {
          return await work();
        } catch (error) {
          await abort();
          throw folderError(path, error);
        }
      }

      async function moveTo(to: string): Promise<void> {
        await file.sync();
        await file.close();
        await rename(part, to);
      }

      const receiving: Receiving = {
        write: async (piece) =>
          await orAbort(async () => {
            if (bytes + piece.length > maxBytes)
              throw new WaggleError("payload_too_large", `The file has more than ${formatBytes(maxBytes)}.`);
            await room.require(client, piece.length, 0);
            await file.appendFile(piece);
            bytes += piece.length;
            // The client may have left meanwhile.
            if (!hasEnded) room.set(client, id, bytes);
          }),
        finish: async (facts) =>
          await orAbort(async () => {
            await moveTo(pathOf(id));
            const kept = { id, client, ...facts, bytes, createdAt: now() };
            await addFile(kept);
            hasEnded = true;
            return kept;
          }),
        abort,
      };
      moves.set(
        receiving,
        async (to) =>
          await orAbort(async () => {
            await moveTo(to);
            hasEnded = true;
            room.remove(id);
          }),
      );
      return receiving;
    },
    async removeFile(id) {
      await rm(factsOf(id), { force: true });
      files.delete(id);
      room.remove(id);
      await rm(pathOf(id), { force: true });
      await syncFolder(filesFolder);
    },
    async addBatch(stored, input) {
      const { id } = stored.record;
      await mkdir(join(batchesFolder, id), { mode: 0o700 });
      try {
        if (typeof input === "string") await link(pathOf(input), pathIn(id, "input"));
        else await moves.get(input)?.(pathIn(id, "input"));
        await writeWhole(pathIn(id, "record.json"), JSON.stringify(stored), open);
        await syncFolder(batchesFolder);
      } catch (error) {
        await rm(join(batchesFolder, id), { recursive: true, force: true });
        throw error;
      }
    },
    saveBatch: async (stored) =>
      await writeWhole(pathIn(stored.record.id, "record.json"), JSON.stringify(stored), open),
    async publish({ id: batch, client }, file, facts) {
      // The same id at each call, so that a restart makes no second file.
      const id = `file-${createHash("sha256").update(`${batch} ${file}`).digest("hex").slice(0, 32)}`;
      if (files.has(id)) return id;
      await link(pathIn(batch, file), pathOf(id)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      const filename = `${batch}_${file === "output" ? "output" : "error"}.jsonl`;
      await addFile({ id, client, filename, purpose: "batch_output", createdAt: now(), ...facts });
      return id;
    },
    async measure({ id, client, inputFile = "" }) {
      const names = files.has(inputFile) ? resultFiles : (["input", ...resultFiles] as const);
      let bytes = 0;
      for (const name of names) bytes += (await stat(pathIn(id, name)).catch(() => undefined))?.size ?? 0;
      if (room.has(id)) room.set(client, id, bytes);
    },
    async dropFiles(batch, names) {
      for (const name of names) await rm(pathIn(batch, name), { force: true });
    },
    async removeBatch(id) {
      // Without its record the rest is removed at the next opening.
      await rm(pathIn(id, "record.json"), { force: true });
      await rm(join(batchesFolder, id), { recursive: true, force: true });
      await syncFolder(batchesFolder);
      room.remove(id);
    },
  };
}

/** Undefined if there is no such file. @param idIn the id in the facts, which the name of the file has, too @throws Error */
async function readFacts<T>(path: string, id: string, idIn: (facts: T) => string): Promise<T | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (text === undefined) return undefined;
  const facts = JSON.parse(text) as T;
  if (idIn(facts) !== id) throw new Error("its facts are those of something else");
  return facts;
}
