// Owns the batches of the folder: creates, changes, publishes and removes them. Each change is on disk before it counts, and can be repeated.
import { existsSync } from "node:fs";
import { createInOrder } from "@waggle/async";
import type { InOrder } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { open as openFile } from "node:fs/promises";
import { batchHasEnded, reduceBatch, resumeBatch } from "./batch.ts";
import type { BatchInput, BatchRecord, BatchResults } from "./batch.ts";
import { readInput } from "./batch-input.ts";
import { newId } from "./lane-folder.ts";
import type { LaneFolder, StoredBatch } from "./lane-folder.ts";
import type { BatchView, ReadResult, Unanswered, WantedBatch } from "./lane-port.ts";
import { createLaneRunner } from "./lane-runner.ts";
import type { LaneRunnerOptions, RunnableBatch } from "./lane-runner.ts";
import { createResults, resultFiles } from "./results.ts";
import type { ResultSums } from "./results.ts";

export interface KeptBatches {
  /** Oldest first. */
  readonly all: ReadonlyMap<string, KeptBatch>;
  create(wanted: WantedBatch): Promise<KeptBatch>;
  view(batch: KeptBatch): Promise<BatchView>;
  apply(batch: KeptBatch, input: BatchInput): Promise<void>;
  remove(batch: KeptBatch): Promise<void>;
  /** Paths of the results of an ended batch; those that were deleted are left out. */
  resultPaths(batch: KeptBatch): readonly string[];
  /** Continues the batches of an earlier process. Never rejects. */
  resume(): Promise<void>;
  /** The batches that run keep the lines of a removed file, and its bytes count for them. */
  removeFile(id: string): Promise<void>;
  /** Removes expired files, expires batches, tries again to publish results, and removes batches that are no longer kept. Never rejects. */
  tick(): Promise<void>;
  close(): Promise<void>;
}

export interface KeptBatchesOptions extends Pick<
  LaneRunnerOptions,
  "front" | "clock" | "maxLineBytes" | "modelsKnownAfterMs"
> {
  readonly folder: LaneFolder;
  /** The time of day in milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
  readonly metrics: Pick<WorkerMetrics, "batchLines" | "batchLinesRunning" | "batches" | "batchBytes">;
  readonly open?: typeof openFile | undefined;
}

/** How long results, and ended batches, are kept unless the batch says otherwise. 30 days. */
const keptMs = 30 * 86_400_000;
/** The rate is that of the last answers, and is shown from the twentieth one on. */
const recentAnswers = { least: 20, most: 64 } as const;
const pieceChars = 65_536;

export interface KeptBatch extends RunnableBatch {
  stored: StoredBatch;
  /** Times of the last answers. */
  readonly recent: number[];
  readonly inOrder: InOrder;
  /** The work after its last line: publishing its results, and removing the rest. */
  settling: Promise<void> | undefined;
}

export function createKeptBatches(options: KeptBatchesOptions): KeptBatches {
  const { folder, front, clock, now, log, metrics, maxLineBytes, open } = options;
  const all = new Map<string, KeptBatch>();
  const byKey = new Map<string, KeptBatch>();
  const creating = createInOrder();
  let isClosed = false;
  const runner = createLaneRunner({
    ...options,
    apply: async (batch, input) => await apply(batch as KeptBatch, input),
    onResults: (batch, written) => noteResults(batch as KeptBatch, written),
    onPlaces: (places) => metrics.batchLinesRunning.set(places),
    requireRoom: async ({ record }) => await folder.room.require(record.client, 0, 0),
    onHeld: held,
  });

  for (const stored of folder.found) add(stored);

  function add(stored: StoredBatch): KeptBatch {
    const { id, client, dialect, status } = stored.record;
    const batch: KeptBatch = {
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
        kept: stored.sums,
      }),
      recent: [],
      inOrder: createInOrder(),
      settling: undefined,
    };
    all.set(id, batch);
    if (stored.idempotencyKey !== undefined) byKey.set(keyOf(client, stored.idempotencyKey), batch);
    folder.room.set(client, id, 0);
    metrics.batches.inc({ status });
    return batch;
  }

  function noteResults(batch: KeptBatch, written: readonly ReadResult[]): void {
    for (const { outcome } of written) {
      metrics.batchLines.inc({ outcome });
      batch.recent.push(clock.now());
    }
    batch.recent.splice(0, batch.recent.length - recentAnswers.most);
  }

  // ---- changes --------------------------------------------------------------------------------------------------------

  async function apply(batch: KeptBatch, input: BatchInput): Promise<void> {
    await batch.inOrder(async () => {
      const { record, effects } = reduceBatch(batch.record, input, now());
      await save(batch, record);
      for (const effect of effects) {
        if (effect === "publish") settle(batch);
        else if (effect === "run" && mayRun(record)) {
          batch.recent.length = 0;
          runner.start(batch);
        } else void runner.stop(batch).catch((error: unknown) => held(batch, error));
      }
      if (batchHasEnded(record)) settle(batch);
    });
  }

  async function save(batch: KeptBatch, record: BatchRecord): Promise<void> {
    const before = batch.record;
    const { kept: sums = batch.stored.sums } = batch.results;
    if (record === before && sums === batch.stored.sums) return;
    const stored = { ...batch.stored, record, sums };
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

  /** Without them, the results are read after a restart. */
  async function saveSums(batch: KeptBatch): Promise<void> {
    await batch.inOrder(async () => await save(batch, batch.record)).catch(() => {});
  }

  function held({ record }: RunnableBatch, error: unknown): void {
    log.warn({ batch: record.id, client: record.client, err: error }, "batch_held");
  }

  /** After an error it is tried again at the next tick, or at the next start. */
  function settle(batch: KeptBatch): void {
    if (isClosed) return;
    batch.settling ??= settleNow(batch)
      .catch((error: unknown) => (isClosed ? undefined : held(batch, error)))
      .finally(() => (batch.settling = undefined));
  }

  async function settleNow(batch: KeptBatch): Promise<void> {
    await runner.stop(batch);
    if (!batchHasEnded(batch.record)) await publish(batch);
    const { record } = batch;
    await folder.dropFiles(record.id, record.dialect === "openai" ? ["input", ...resultFiles] : ["input"]);
    await folder.measure(record);
  }

  async function publish(batch: KeptBatch): Promise<void> {
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
  async function writeUnanswered(batch: KeptBatch, why: Unanswered): Promise<void> {
    const { record, results, input: path } = batch;
    if (!existsSync(path)) return held(batch, new Error(`${path} does not exist`));
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
    for await (const [line] of readInput({ path, record, shape, maxLineBytes })) {
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
  async function resultFilesOf({
    record,
    results,
  }: KeptBatch): Promise<Pick<BatchResults, "outputFile" | "errorFile">> {
    if (record.dialect === "anthropic") return {};
    const expiresAt = now() + resultsMs(record);
    const publishFile = async (file: "output" | "errors"): Promise<string | undefined> => {
      const bytes = results.bytes(file);
      return bytes === 0 ? undefined : await folder.publish(record, file, { bytes, expiresAt });
    };
    return { outputFile: await publishFile("output"), errorFile: await publishFile("errors") };
  }

  function isExpired({ record }: KeptBatch): boolean {
    const isOpen = record.status === "validating" || record.status === "in_progress";
    return isOpen && record.isExpiring !== true && record.expiresAt <= now();
  }

  /** Anthropic's batches have their results. OpenAI's are kept for long enough to find them in the list. */
  function isOld({ record }: KeptBatch): boolean {
    const ms = record.dialect === "anthropic" ? resultsMs(record) : Math.max(keptMs, resultsMs(record));
    return now() >= (record.at[record.status] ?? record.createdAt) + ms;
  }

  async function remove(batch: KeptBatch): Promise<void> {
    const { record, idempotencyKey } = batch.stored;
    await folder.removeBatch(record.id);
    if (!all.delete(record.id)) return;
    if (idempotencyKey !== undefined) byKey.delete(keyOf(record.client, idempotencyKey));
    metrics.batches.dec({ status: record.status });
  }

  async function removeFile(id: string): Promise<void> {
    await folder.removeFile(id);
    for (const { record } of all.values()) if (record.inputFile === id) await folder.measure(record);
  }

  async function tick(): Promise<void> {
    metrics.batchBytes.set(folder.room.bytes);
    for (const { id, client, expiresAt } of folder.files.values()) {
      if (expiresAt > now()) continue;
      await removeFile(id).catch((error: unknown) => log.warn({ file: id, client, err: error }, "file_held"));
    }
    for (const batch of all.values()) {
      try {
        if (isExpired(batch)) await apply(batch, { type: "expire" });
        else if (resumeBatch(batch.record) === "publish") settle(batch);
        else if (!batchHasEnded(batch.record)) {
          await folder.measure(batch.record);
          await saveSums(batch);
        } else if (isOld(batch)) await remove(batch);
      } catch (error) {
        held(batch, error);
      }
    }
  }

  // ---- views ----------------------------------------------------------------------------------------------------------

  function estimateOf(
    { record, recent }: KeptBatch,
    { completed, failed }: ResultSums["counts"],
  ): BatchView["estimate"] {
    const [first] = recent;
    if (first === undefined || recent.length < recentAnswers.least || resumeBatch(record) !== "run") return undefined;
    const linesPerMs = (recent.length - 1) / Math.max(1, clock.now() - first);
    const left = Math.max(0, record.total - completed - failed);
    return { linesPerSecond: 1_000 * linesPerMs, endsAt: Math.round(now() + left / linesPerMs) };
  }

  return {
    all,
    apply,
    remove,
    create: async (wanted) =>
      await creating(async () => {
        const { client, dialect, endpoint, metadata, outputSeconds, input, windowMs, idempotencyKey } = wanted;
        const inputFile = typeof input === "string" ? input : undefined;
        const made = idempotencyKey === undefined ? undefined : byKey.get(keyOf(client, idempotencyKey));
        if (made !== undefined) {
          const { record } = made;
          const isSame = record.dialect === dialect && record.endpoint === endpoint && record.inputFile === inputFile;
          if (isSame) return made;
          throw new WaggleError("conflict", `Cannot create the batch: its Idempotency-Key is that of ${record.id}.`);
        }
        await folder.room.require(client, 0, 1);
        const createdAt = now();
        const record: BatchRecord = {
          ...{ id: newId(dialect === "openai" ? "batch_" : "msgbatch_"), client, dialect, endpoint, metadata },
          ...{ inputFile, outputSeconds, createdAt },
          ...{ expiresAt: createdAt + windowMs, status: "validating", at: { validating: createdAt } },
          ...{ total: 0, problems: [] },
        };
        const stored = { record, idempotencyKey };
        await folder.addBatch(stored, input);
        const batch = add(stored);
        await folder.measure(record);
        log.info({ batch: record.id, client, dialect, endpoint }, "batch_created");
        runner.start(batch);
        return batch;
      }),
    async view(batch) {
      const { record, results } = batch;
      const { counts, usage } = record.results ?? (await results.sums());
      return { record, counts, usage, estimate: estimateOf(batch, counts), reason: runner.reasonOf(batch) };
    },
    resultPaths({ record: { id, dialect, results = {} as Partial<BatchResults> } }) {
      if (dialect === "anthropic") return resultFiles.map((file) => folder.pathIn(id, file));
      return [results.outputFile, results.errorFile].flatMap((file) => (file === undefined ? [] : folder.pathOf(file)));
    },
    async resume() {
      for (const batch of all.values()) {
        if (batchHasEnded(batch.record)) settle(batch);
        else await folder.measure(batch.record);
        await batch.settling;
        if (!isExpired(batch) && mayRun(batch.record)) runner.start(batch);
      }
      await tick();
    },
    removeFile,
    tick,
    async close() {
      isClosed = true;
      await runner.close();
      for (const batch of all.values()) {
        await batch.settling;
        await batch.results.close().catch((error: unknown) => held(batch, error));
        if (!batchHasEnded(batch.record)) await saveSums(batch);
      }
    },
  };
}

/** Also a batch that is checked and paused meanwhile, or that expires, does not run. */
function mayRun(record: BatchRecord): boolean {
  const next = resumeBatch(record);
  return next === "check" || next === "run";
}

function resultsMs({ outputSeconds }: BatchRecord): number {
  return outputSeconds === undefined ? keptMs : 1_000 * outputSeconds;
}

function keyOf(client: string, idempotencyKey: string): string {
  return `${client}\n${idempotencyKey}`;
}

export function unknownId(kind: "file" | "batch", id: string): WaggleError {
  const problems = [{ field: "id", problem: `unknown ${kind}` }];
  return new WaggleError("not_found", `Unknown ${kind} "${id.slice(0, 128)}".`, { details: { problems } });
}
