// Owns the two files of a batch's results while it runs. A result counts when it is on disk. After a restart the sums are read from the files, from
// where the kept sums end.
import { dirname } from "node:path";
import { createInOrder, openAppendFile, readLines, syncFolder } from "@waggle/async";
import type { AppendFile, Clock, TimerHandle } from "@waggle/async";
import { open as openFile, stat } from "node:fs/promises";
import type { BatchUsage, LineCounts } from "./batch.ts";
import { createIdSet } from "./id-set.ts";
import type { IdSet } from "./id-set.ts";
import type { BatchShape, ReadResult, ResultLine } from "./lane-port.ts";

type ResultFile = ResultLine["file"];
export const resultFiles: readonly ResultFile[] = ["output", "errors"];

export interface ResultSums {
  readonly counts: LineCounts;
  readonly usage: BatchUsage;
}

/** Sums over the beginnings of the files. */
export interface KeptSums extends ResultSums {
  readonly bytes: Readonly<Partial<Record<ResultFile, number>>>;
}

export interface Results {
  /** Sums over the results that are on disk. The first call reads what the kept sums do not have. @throws Error of node:fs */
  sums(): Promise<ResultSums>;
  /** The last sums: the same object until other results are on disk. Undefined before `sums`. */
  readonly kept: KeptSums | undefined;
  /** Bytes of a file. Known after the first call of `sums`. */
  bytes(file: ResultFile): number;
  /** The custom ids of all results. Call `close` before, after which the files have nothing else. @param key the batch's id @throws Error of node:fs */
  ids(key: string): Promise<IdSet>;
  /** Resolves when the lines are written. They are on disk a second later, or after 64 lines. @throws Error of node:fs; then no line is a result */
  append(file: ResultFile, lines: readonly string[]): Promise<readonly ReadResult[]>;
  /** Resolves when all results are on disk and nothing else is in the files, and closes the files until the next result. @throws Error of node:fs */
  close(): Promise<void>;
}

export interface ResultsOptions {
  readonly pathOf: (file: ResultFile) => string;
  readonly shape: Pick<BatchShape, "readResult">;
  readonly clock: Clock;
  readonly open: typeof openFile | undefined;
  /** What an earlier process has kept. */
  readonly kept: KeptSums | undefined;
}

const linesPerSync = 64;
const syncMs = 1_000;

export function createResults({ pathOf, shape, clock, open = openFile, kept }: ResultsOptions): Results {
  const opened = new Map<ResultFile, AppendFile>();
  const sizes = new Map<ResultFile, number>();
  let sums: KeptSums | undefined;
  const unsynced: ReadResult[] = [];
  let syncing: Promise<void> | undefined;
  let timer: TimerHandle | undefined;
  const inOrder = createInOrder();

  /** Reads the results up to the first line that is torn. */
  async function read(each: (result: ReadResult) => void, beginnings: KeptSums["bytes"] = {}): Promise<void> {
    for (const file of resultFiles) {
      const from = beginnings[file] ?? 0;
      let size = from;
      try {
        for await (const { bytes, end, isWhole } of readLines(pathOf(file), { maxBytes: Infinity, from })) {
          const result = isWhole ? resultIn(bytes) : undefined;
          if (result === undefined) break;
          each(result);
          size = end;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
      if (!sizes.has(file)) sizes.set(file, size);
    }
  }

  /** A power loss may leave other bytes at the end of a file. */
  function resultIn(bytes: Buffer | undefined): ReadResult | undefined {
    try {
      return shape.readResult(bytes?.toString("utf8") ?? "");
    } catch {
      return undefined;
    }
  }

  async function readSums(): Promise<KeptSums> {
    if (sums !== undefined) return sums;
    const isLeft = await Promise.all(resultFiles.map(async (file) => (await sizeOf(pathOf(file))) >= bytesIn(file)));
    const begun = kept !== undefined && isLeft.every(Boolean) ? kept : noSums;
    let found: ResultSums = begun;
    await read((result) => (found = withResult(found, result)), begun.bytes);
    return (sums = { ...found, bytes: Object.fromEntries(sizes) });
  }

  function bytesIn(file: ResultFile): number {
    return kept?.bytes[file] ?? 0;
  }

  /** Appends continue meanwhile. After a failure it is tried again. */
  async function sync(): Promise<void> {
    syncing ??= syncNow().finally(() => {
      syncing = undefined;
      if (unsynced.length > 0) syncLater();
    });
    await syncing;
  }

  function syncLater(): void {
    timer ??= clock.setTimeout(() => {
      timer = undefined;
      sync().catch(() => {});
    }, syncMs);
  }

  async function syncNow(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    const written = unsynced.length;
    const bytes = Object.fromEntries(sizes);
    for (const file of opened.values()) await file.sync();
    sums = { ...unsynced.splice(0, written).reduce<ResultSums>(withResult, await readSums()), bytes };
  }

  async function fileOf(name: ResultFile): Promise<AppendFile> {
    await readSums();
    const size = sizes.get(name) ?? 0;
    const file = opened.get(name) ?? (await openAppendFile(pathOf(name), size, open));
    opened.set(name, file);
    if (size === 0) await syncFolder(dirname(pathOf(name)));
    return file;
  }

  return {
    sums: async () => sums ?? (await inOrder(readSums)),
    get kept() {
      return sums;
    },
    bytes: (file) => sizes.get(file) ?? 0,
    ids: async (key) =>
      await inOrder(async () => {
        const ids = createIdSet(key);
        await read(({ customId }) => ids.add(customId));
        return ids;
      }),
    append: async (name, lines) =>
      await inOrder(async () => {
        const file = await fileOf(name);
        await file.append(`${lines.join("\n")}\n`);
        sizes.set(name, file.size);
        const results = lines.map((line) => shape.readResult(line));
        unsynced.push(...results);
        if (unsynced.length >= linesPerSync) sync().catch(() => {});
        else syncLater();
        return results;
      }),
    close: async () =>
      await inOrder(async () => {
        // A sync that has begun may be without the last results.
        while (unsynced.length > 0) await sync();
        const files = [...opened.values()];
        opened.clear();
        for (const file of files) await file.close();
        for (const [file, size] of sizes) await cut(pathOf(file), size);
      }),
  };
}

/** Cuts off what a full disk or a killed process has left behind the results. */
async function cut(path: string, size: number): Promise<void> {
  if ((await sizeOf(path)) <= size) return;
  const file = await openFile(path, "r+");
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** 0 for a file that does not exist. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

const noSums: KeptSums = {
  bytes: {},
  counts: { completed: 0, failed: 0, unanswered: 0 },
  usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 },
};

function withResult({ counts, usage }: ResultSums, result: ReadResult): ResultSums {
  return {
    counts: { ...counts, [result.outcome]: counts[result.outcome] + 1 },
    usage: {
      inputTokens: usage.inputTokens + result.usage.inputTokens,
      cachedTokens: usage.cachedTokens + result.usage.cachedTokens,
      outputTokens: usage.outputTokens + result.usage.outputTokens,
      reasoningTokens: usage.reasoningTokens + result.usage.reasoningTokens,
    },
  };
}
