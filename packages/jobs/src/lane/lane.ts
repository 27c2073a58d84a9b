// The lane of batches of a daemon: opens its folder at the first use, checks whose the files and batches are, and turns errors of the disk into those
// of the API. A folder that cannot be used costs the files and batches alone.
import { existsSync } from "node:fs";
import { open as openFile, rm } from "node:fs/promises";
import { makeFolder } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { batchHasEnded } from "./batch.ts";
import { createKeptBatches, unknownId } from "./kept-batches.ts";
import type { KeptBatch, KeptBatches, KeptBatchesOptions } from "./kept-batches.ts";
import { openLaneFolder } from "./lane-folder.ts";
import type { LaneFolder } from "./lane-folder.ts";
import type { KeptFile, Lane, LaneFront, Owner } from "./lane-port.ts";
import { defaultLaneLimits, folderError } from "./lane-room.ts";
import type { LaneLimits } from "./lane-room.ts";

export interface LaneOptions {
  /** The daemon's folder; made at the first upload. */
  readonly folder: string;
  /** Whether a later process may open the folder again; true by default. If not, `close` removes it. */
  readonly isKept?: boolean;
  /** The longest window of a batch. Milliseconds. */
  readonly maxWindowMs: number;
  /** Limit of a line of the input. */
  readonly maxLineBytes: number;
  /** Time after the start in which names of models may be unknown that are served; 0 by default. */
  readonly modelsKnownAfterMs?: number;
  readonly clock: Clock;
  /** The time of day in milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
  readonly metrics: KeptBatchesOptions["metrics"];
  /** Locks the folder for this process. Undefined if another process has it. */
  readonly lock: (folder: string) => Promise<{ release(): void } | undefined>;
  readonly limits?: Partial<LaneLimits>;
  /** `open` of node:fs. */
  readonly open?: typeof openFile | undefined;
}

export interface DaemonLane extends Lane {
  /** Continues the batches of an earlier process. A daemon calls it when it has its port: until then another daemon may have its name. */
  start(): void;
}

interface Opened {
  readonly folder: LaneFolder;
  readonly batches: KeptBatches;
  close(): Promise<void>;
}

/** Time between two looks at what has expired. */
const tickMs = 10_000;

export function createLane(options: LaneOptions): DaemonLane {
  const { folder: path, isKept = true, clock, now, log, lock } = options;
  const limits = { ...defaultLaneLimits, ...options.limits };
  let front: LaneFront | undefined;
  let opening: Promise<Opened> | undefined;
  let closing: Promise<void> | undefined;

  async function open(): Promise<Opened> {
    if (front === undefined) throw new Error("the server is still starting");
    makeFolder(path, { mode: 0o700 });
    const held = await lock(path);
    if (held === undefined) throw new Error("another process uses it");
    try {
      const onUnreadable = (name: string, error: unknown): void => log.warn({ name, err: error }, "batch_unreadable");
      const folder = await openLaneFolder({ path, limits, now, onUnreadable, open: options.open });
      const batches = createKeptBatches({ ...options, folder, front });
      let timer: TimerHandle | undefined;
      let ticking = Promise.resolve();
      const arm = (): void => {
        timer = clock.setTimeout(() => {
          ticking = batches.tick().finally(arm);
        }, tickMs);
      };
      await batches.resume();
      arm();
      return {
        folder,
        batches,
        async close() {
          await ticking;
          timer?.cancel();
          await batches.close();
          held.release();
          if (!isKept) await rm(path, { recursive: true, force: true });
        },
      };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  /** A folder that could not be opened is tried again. */
  async function made(): Promise<Opened> {
    if (closing !== undefined) throw new WaggleError("unavailable", "The server stops.");
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return await opening;
  }

  /** @param use gets undefined if there is no folder, so no file and no batch. @throws WaggleError, also for errors of the disk */
  async function using<T>(use: (lane: Opened | undefined) => Promise<T>): Promise<T> {
    try {
      return await use(opening === undefined && !existsSync(path) ? undefined : await made());
    } catch (error) {
      throw folderError(path, error);
    }
  }

  async function withFile<T>(id: string, owner: Owner, use: (file: KeptFile, lane: Opened) => Promise<T>): Promise<T> {
    return await using(async (lane) => {
      const file = lane?.folder.files.get(id);
      if (lane === undefined || file === undefined || !isOwn(file, owner)) throw unknownId("file", id);
      return await use(file, lane);
    });
  }

  async function withBatch<T>(
    id: string,
    owner: Owner,
    use: (batch: KeptBatch, batches: KeptBatches) => Promise<T>,
  ): Promise<T> {
    return await using(async (lane) => {
      const batch = lane?.batches.all.get(id);
      if (lane === undefined || batch === undefined || !isOwn(batch.record, owner)) throw unknownId("batch", id);
      return await use(batch, lane.batches);
    });
  }

  return {
    maxWindowMs: options.maxWindowMs,
    attend: (attending) => void (front = attending),
    start() {
      using(async () => {}).catch((error: unknown) => log.warn({ folder: path, err: error }, "batches_unavailable"));
    },
    files: {
      receive: async (client, maxBytes) =>
        await using(async () => await (await made()).folder.receive(client, maxBytes)),
      list: async (owner) =>
        await using(async (lane) =>
          [...(lane?.folder.files.values() ?? [])].filter((file) => isOwn(file, owner)).toReversed(),
        ),
      get: async (id, owner) => await withFile(id, owner, async (file) => file),
      read: async (id, owner) =>
        await withFile(id, owner, async (_, { folder }) => {
          requireBytes(folder, id);
          return streamOf([folder.pathOf(id)]);
        }),
      remove: async (id, owner) => await withFile(id, owner, async (_, { batches }) => await batches.removeFile(id)),
    },
    batches: {
      async create(wanted) {
        const { input, client } = wanted;
        try {
          return await using(async () => {
            const { folder, batches } = await made();
            if (typeof input === "string") {
              if (folder.files.get(input)?.client !== client) throw unknownId("file", input);
              requireBytes(folder, input);
            }
            return await batches.view(await batches.create(wanted));
          });
        } finally {
          // Also the lines of a request whose batch exists already.
          if (typeof input !== "string") await input.abort();
        }
      },
      list: async (owner) =>
        await using(async (lane) => {
          if (lane === undefined) return [];
          const { all, view } = lane.batches;
          const found = [...all.values()].filter(({ record }) => isOwn(record, owner)).toReversed();
          return found.map((batch) => ({
            ...{ id: batch.record.id, record: batch.record },
            view: async () => await using(async () => await view(batch)),
          }));
        }),
      get: async (id, owner) => await withBatch(id, owner, (batch, batches) => batches.view(batch)),
      cancel: async (id, owner) =>
        await withBatch(id, owner, async (batch, batches) => {
          await batches.apply(batch, { type: "cancel" });
          const { status } = batch.record;
          if (status !== "cancelling" && status !== "cancelled")
            throw new WaggleError("conflict", `Cannot cancel batch ${id}: its status is ${status}.`);
          return await batches.view(batch);
        }),
      pause: async (id, owner, isPaused) =>
        await withBatch(id, owner, async (batch, batches) => {
          const { status } = batch.record;
          if (batchHasEnded(batch.record))
            throw new WaggleError("conflict", `Cannot pause batch ${id}: its status is ${status}.`);
          await batches.apply(batch, { type: "pause", isPaused });
          return await batches.view(batch);
        }),
      results: async (id, owner) =>
        await withBatch(id, owner, async (batch, batches) => {
          requireEnd(batch, "read the results of");
          return streamOf(batches.resultPaths(batch));
        }),
      remove: async (id, owner) =>
        await withBatch(id, owner, async (batch, batches) => {
          requireEnd(batch, "delete");
          await batches.remove(batch);
        }),
    },
    async close() {
      closing ??= Promise.resolve(opening)
        .then((lane) => lane?.close())
        .catch((error: unknown) => log.warn({ folder: path, err: error }, "batches_not_kept"));
      await closing;
    },
  };
}

function isOwn({ client }: { readonly client: string }, owner: Owner): boolean {
  return owner === undefined || client === owner;
}

/** @param what as in "Cannot delete batch x" */
function requireEnd({ record: { id, status } }: KeptBatch, what: string): void {
  if (!batchHasEnded({ status }))
    throw new WaggleError("conflict", `Cannot ${what} batch ${id} before its end: its status is ${status}.`);
}

/** @throws WaggleError not_found when somebody has deleted the bytes in the folder */
function requireBytes(folder: LaneFolder, id: string): void {
  if (!existsSync(folder.pathOf(id))) throw unknownId("file", id);
}

/** The bytes of the files that exist, one after the other. */
function streamOf(paths: readonly string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(piecesOf(paths));
}

async function* piecesOf(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const file = await openFile(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    if (file === undefined) continue;
    try {
      for await (const piece of file.createReadStream({ autoClose: false })) yield piece as Buffer;
    } finally {
      await file.close();
    }
  }
}
