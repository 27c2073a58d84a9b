// Owns the batches of the folder: creates, changes, publishes and removes them. Each change is on disk before it counts, and can be repeated.
import { createInOrder } from "@waggle/async";
import type { Clock, InOrder } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { open as openFile } from "node:fs/promises";
import { batchHasEnded, reduceBatch, resumeBatch } from "./batch.ts";
import type { BatchInput, BatchRecord, BatchResults } from "./batch.ts";
import { readInput } from "./batch-input.ts";
import { newId } from "./lane-folder.ts";
import type { LaneFolder, StoredBatch } from "./lane-folder.ts";
import type { BatchView, LaneFront, ReadResult, Unanswered, WantedBatch } from "./lane-port.ts";
import { outOfSpace } from "./lane-room.ts";
import { createLaneRunner } from "./lane-runner.ts";
import type { RunnableBatch } from "./lane-runner.ts";
import { createResults, resultFiles } from "./results.ts";
import type { ResultSums } from "./results.ts";

export interface KeptBatches {
  /** Oldest first. */
  readonly all: ReadonlyMap<string, RunnableBatch>;
  create(wanted: WantedBatch): Promise<RunnableBatch>;
  view(batch: RunnableBatch): Promise<BatchView>;
  apply(batch: RunnableBatch, input: BatchInput): Promise<void>;
  remove(batch: RunnableBatch): Promise<void>;
  /** Paths of the results of an ended batch; those that were deleted are left out. */
  resultPaths(batch: RunnableBatch): readonly string[];
  /** Continues the batches of an earlier process. Never rejects. */
  resume(): Promise<void>;
  /** The batches that run keep the lines of a removed file, and its bytes count for them. */
  fileRemoved(id: string): Promise<void>;
  /** Expires batches, tries again to publish results, and removes batches that are no longer kept. Never rejects. */
  tick(): Promise<void>;
  close(): Promise<void>;
}

export interface KeptBatchesOptions {
  readonly folder: LaneFolder;
  readonly front: LaneFront;
  readonly clock: Clock;
  /** The time of day in milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
  readonly metrics: Pick<WorkerMetrics, "batchLines" | "batchLinesRunning" | "batches">;
  readonly maxLineBytes: number;
  readonly maxLiveBatches: number;
  readonly modelsKnownAfterMs: number;
  readonly open?: typeof openFile | undefined;
}

const dayMs = 86_400_000;
/** How long files of results, and ended batches, are kept unless the batch says otherwise. */
const keptMs = 30 * dayMs;
/** Anthropic keeps results for this long after the batch's creation. */
const anthropicKeptMs = 29 * dayMs;
/** The rate is that of the last answers, and is shown from the twentieth one on. */
const recentAnswers = { least: 20, most: 64 } as const;
const pieceChars = 65_536;

interface Kept extends RunnableBatch {
  stored: StoredBatch;
  /** Times of the last answers. */
  readonly recent: number[];
  readonly inOrder: InOrder;
  publishing: Promise<void> | undefined;
}

export function createKeptBatches(options: KeptBatchesOptions): KeptBatches {
  const { folder, front, clock, now, log, metrics, maxLineBytes, maxLiveBatches, open } = options;
  const all = new Map<string, Kept>();
  const byKey = new Map<string, Kept>();
  const creating = createInOrder();
  let isClosed = false;
  const runner = createLaneRunner({
    front,
    clock,
    maxLineBytes,
    modelsKnownAfterMs: options.modelsKnownAfterMs,
    apply: async (batch, input) => await apply(batch as Kept, input),
    onResults: (batch, written) => noteResults(batch as Kept, written),
    onPlaces: (places) => metrics.batchLinesRunning.set(places),
    requireRoom: async ({ record }) => await folder.room.require(record.client, 0, 0),
    onHeld: ({ record }, error) => log.warn({ batch: record.id, client: record.client, err: error }, "batch_held"),
  });

  for (const stored of folder.found) add(stored);

  function add(stored: StoredBatch): Kept {
    const { id, client, dialect, status } = stored.record;
    const batch: Kept = {
      stored,
      get record() {
        return batch.stored.record;
      },
      input: folder.pathIn(id, "input"),
      results: createResults({
        pathOf: (file) => folder.pathIn(id, file),
        shape: front.shapes[dialect],
        clock,
        open,
      }),
      recent: [],
      inOrder: createInOrder(),
      publishing: undefined,
    };
    all.set(id, batch);
    if (stored.idempotencyKey !== undefined) byKey.set(keyOf(client, stored.idempotencyKey), batch);
    folder.room.set(client, id, 0);
    metrics.batches.inc({ status });
    return batch;
  }

  /** What the batch itself keeps on disk. */
  async function measure({ record: { id, client, inputFile } }: Kept): Promise<void> {
    const names = folder.files.has(inputFile ?? "") ? resultFiles : (["input", ...resultFiles] as const);
    const bytes = await folder.bytesIn(id, names);
    if (all.has(id)) folder.room.set(client, id, bytes);
  }

  function noteResults(batch: Kept, written: readonly ReadResult[]): void {
    for (const { outcome } of written) {
      metrics.batchLines.inc({ outcome });
      batch.recent.push(clock.now());
    }
    batch.recent.splice(0, batch.recent.length - recentAnswers.most);
  }

  // ---- changes --------------------------------------------------------------------------------------------------------

  async function apply(batch: Kept, input: BatchInput): Promise<void> {
    await batch.inOrder(async () => {
      const { record, effects } = reduceBatch(batch.record, input, now());
      await save(batch, record);
      for (const effect of effects) {
        if (effect === "publish") publish(batch);
        else if (effect === "run" && mayRun(record)) {
          batch.recent.length = 0;
          runner.start(batch);
        } else void runner.stop(batch).catch((error: unknown) => held(batch, error));
      }
      if (batchHasEnded(record)) void end(batch).catch((error: unknown) => held(batch, error));
    });
  }

  async function save(batch: Kept, record: BatchRecord): Promise<void> {
    const before = batch.record;
    if (record === before) return;
    const stored = { ...batch.stored, record };
    await folder.saveBatch(stored);
    batch.stored = stored;
    const facts = { batch: record.id, client: record.client };
    if (record.isPaused !== before.isPaused) log.info({ ...facts, paused: record.isPaused === true }, "batch_paused");
    if (record.status === before.status) return;
    metrics.batches.dec({ status: before.status });
    metrics.batches.inc({ status: record.status });
    const [problem] = record.problems;
    if (batchHasEnded(record))
      log.info({ ...facts, status: record.status, ...record.results?.counts, problem: problem?.code }, "batch_ended");
  }

  function held({ record }: Kept, error: unknown): void {
    log.warn({ batch: record.id, client: record.client, err: error }, "batch_held");
  }

  /** After an error it is tried again at the next tick. */
  function publish(batch: Kept): void {
    if (isClosed) return;
    batch.publishing ??= publishNow(batch)
      .catch((error: unknown) => (isClosed ? undefined : held(batch, error)))
      .finally(() => (batch.publishing = undefined));
  }

  async function publishNow(batch: Kept): Promise<void> {
    await runner.stop(batch);
    const { record, results } = batch;
    if (record.status !== "finalizing" && record.total > 0)
      await writeUnanswered(batch, record.status === "cancelling" ? "cancelled" : "expired");
    // The files are cut behind the results that were read.
    await results.sums();
    await results.close();
    const sums = await results.sums();
    await apply(batch, { type: "published", results: { ...sums, ...(await resultFilesOf(batch)) } });
  }

  /** A line that has no result gets one that says why. */
  async function writeUnanswered({ record, results }: Kept, why: Unanswered): Promise<void> {
    const shape = front.shapes[record.dialect];
    const ids = await results.ids(record.id);
    let texts: string[] = [];
    let chars = 0;
    const write = async (): Promise<void> => {
      if (texts.length === 0) return;
      for (const { outcome } of await results.append("errors", texts)) metrics.batchLines.inc({ outcome });
      texts = [];
      chars = 0;
    };
    for await (const [line] of readInput({ path: folder.pathIn(record.id, "input"), record, shape, maxLineBytes })) {
      if (isClosed) throw new Error("the server stops");
      if ("code" in line || ids.has(line.customId)) continue;
      const { text } = shape.resultLine(line, why);
      texts.push(text);
      chars += text.length;
      if (chars >= pieceChars) await write();
    }
    await write();
  }

  /** The results of Anthropic's batches are no files. */
  async function resultFilesOf({ record, results }: Kept): Promise<Pick<BatchResults, "outputFile" | "errorFile">> {
    if (record.dialect === "anthropic") return {};
    const expiresAt = now() + (record.outputSeconds === undefined ? keptMs : 1_000 * record.outputSeconds);
    const publishFile = async (file: "output" | "errors"): Promise<string | undefined> => {
      const bytes = results.bytes(file);
      return bytes === 0 ? undefined : await folder.publish(record, file, { bytes, expiresAt });
    };
    return { outputFile: await publishFile("output"), errorFile: await publishFile("errors") };
  }

  async function end(batch: Kept): Promise<void> {
    const { record } = batch;
    await runner.stop(batch);
    await folder.dropFiles(record.id, record.dialect === "openai" ? ["input", ...resultFiles] : ["input"]);
    await measure(batch);
  }

  function isExpired({ record }: Kept): boolean {
    const isOpen = record.status === "validating" || record.status === "in_progress";
    return isOpen && record.isExpiring !== true && record.expiresAt <= now();
  }

  function isOld({ record }: Kept): boolean {
    const endedAt = record.at[record.status] ?? record.createdAt;
    if (record.dialect === "anthropic") return now() >= Math.max(record.createdAt + anthropicKeptMs, endedAt + dayMs);
    return now() >= endedAt + Math.max(keptMs, 1_000 * (record.outputSeconds ?? 0));
  }

  async function remove(batch: Kept): Promise<void> {
    const { record, idempotencyKey } = batch.stored;
    await folder.removeBatch(record.id);
    all.delete(record.id);
    if (idempotencyKey !== undefined) byKey.delete(keyOf(record.client, idempotencyKey));
    metrics.batches.dec({ status: record.status });
  }

  async function tick(): Promise<void> {
    for (const batch of all.values()) {
      try {
        if (isExpired(batch)) await apply(batch, { type: "expire" });
        else if (resumeBatch(batch.record) === "publish") publish(batch);
        else if (!batchHasEnded(batch.record)) await measure(batch);
        else if (isOld(batch)) await remove(batch);
      } catch (error) {
        held(batch, error);
      }
    }
  }

  // ---- views ----------------------------------------------------------------------------------------------------------

  function estimateOf({ record, recent }: Kept, { completed, failed }: ResultSums["counts"]): BatchView["estimate"] {
    const [first] = recent;
    if (first === undefined || recent.length < recentAnswers.least || resumeBatch(record) !== "run") return undefined;
    const linesPerMs = (recent.length - 1) / Math.max(1, clock.now() - first);
    const left = Math.max(0, record.total - completed - failed);
    return { linesPerSecond: 1_000 * linesPerMs, endsAt: Math.round(now() + left / linesPerMs) };
  }

  return {
    all,
    apply: async (batch, input) => await apply(batch as Kept, input),
    remove: async (batch) => await remove(batch as Kept),
    create: async (wanted) =>
      await creating(async () => {
        const { client, dialect, endpoint, metadata, outputSeconds, input, windowMs, idempotencyKey } = wanted;
        const made = idempotencyKey === undefined ? undefined : byKey.get(keyOf(client, idempotencyKey));
        if (made !== undefined) return made;
        if ([...all.values()].filter(({ record }) => !batchHasEnded(record)).length >= maxLiveBatches)
          throw outOfSpace(`${maxLiveBatches} batches have not ended`);
        await folder.room.require(client, 0, 1);
        const createdAt = now();
        const record: BatchRecord = {
          ...{ id: newId(dialect === "openai" ? "batch_" : "msgbatch_"), client, dialect, endpoint, metadata },
          ...{ inputFile: typeof input === "string" ? input : undefined, outputSeconds, createdAt },
          ...{ expiresAt: createdAt + windowMs, status: "validating", at: { validating: createdAt } },
          ...{ total: 0, problems: [] },
        };
        const batch = add(await folder.addBatch({ record, idempotencyKey }, input));
        await measure(batch);
        log.info({ batch: record.id, client, dialect, endpoint }, "batch_created");
        runner.start(batch);
        return batch;
      }),
    async view(batch) {
      const { record, results } = batch as Kept;
      const { counts, usage } = record.results ?? (await results.sums());
      return { record, counts, usage, estimate: estimateOf(batch as Kept, counts) };
    },
    resultPaths({ record: { id, dialect, results = {} as Partial<BatchResults> } }) {
      if (dialect === "anthropic") return resultFiles.map((file) => folder.pathIn(id, file));
      return [results.outputFile, results.errorFile].flatMap((file) => (file === undefined ? [] : folder.pathOf(file)));
    },
    async resume() {
      for (const batch of all.values()) {
        await measure(batch);
        if (batchHasEnded(batch.record)) await end(batch).catch((error: unknown) => held(batch, error));
        else if (!isExpired(batch) && mayRun(batch.record)) runner.start(batch);
      }
      await tick();
    },
    async fileRemoved(id) {
      for (const batch of all.values()) if (batch.record.inputFile === id) await measure(batch);
    },
    tick,
    async close() {
      isClosed = true;
      await runner.close();
      for (const batch of all.values()) {
        await batch.publishing;
        await batch.results.close().catch((error: unknown) => held(batch, error));
      }
    },
  };
}

/** Also a batch that is checked and paused meanwhile, or that expires, does not run. */
function mayRun(record: BatchRecord): boolean {
  const next = resumeBatch(record);
  return next === "check" || next === "run";
}

function keyOf(client: string, idempotencyKey: string): string {
  return `${client}\n${idempotencyKey}`;
}

export function unknownId(kind: "file" | "batch", id: string): WaggleError {
  const problems = [{ field: "id", problem: `unknown ${kind}` }];
  return new WaggleError("not_found", `Unknown ${kind} ${id}.`, { details: { problems } });
}
