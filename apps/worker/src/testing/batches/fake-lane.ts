// Owns a lane without a disk and without a schedule, for the contracts of the front: it answers a batch's lines at once, one after the other.
import { randomBytes } from "node:crypto";
import { WaggleError } from "@waggle/protocol";
import { batchHasEnded, reduceBatch } from "@waggle/jobs";
import type {
  BatchInput,
  BatchProblem,
  BatchRecord,
  BatchView,
  KeptFile,
  Lane,
  LaneFront,
  Line,
  Owner,
  Receiving,
} from "@waggle/jobs";

export interface FakeLane extends Lane {
  /** Resolves when every batch has ended, or waits in `before`. */
  idle(): Promise<void>;
  /** Number of files that arrive. */
  readonly arriving: number;
}

export interface FakeLaneOptions {
  /** Awaited before each line. */
  readonly before?: (line: Line, signal: AbortSignal) => Promise<void>;
  readonly maxWindowMs?: number;
}

interface FakeBatch {
  record: BatchRecord;
  readonly lines: Line[];
  readonly results: { file: "output" | "errors"; text: string }[];
  readonly leaving: AbortController;
}

export function createFakeLane({ before, maxWindowMs = 72 * 3_600_000 }: FakeLaneOptions = {}): FakeLane {
  const files = new Map<string, { readonly file: KeptFile; readonly bytes: Buffer }>();
  const received = new WeakMap<Receiving, () => Buffer>();
  const batches = new Map<string, FakeBatch>();
  const running = new Set<Promise<void>>();
  let front: LaneFront | undefined;
  let arriving = 0;

  const id = (kind: string): string => `${kind}${randomBytes(16).toString("hex")}`;
  const isOf = (client: string, owner: Owner): boolean => owner === undefined || owner === client;

  function keep(client: string, bytes: Buffer, facts: Pick<KeptFile, "filename" | "purpose" | "expiresAt">): KeptFile {
    const file = { ...facts, id: id("file-"), client, bytes: bytes.length, createdAt: Date.now() };
    files.set(file.id, { file, bytes });
    return file;
  }

  function found<T>(entry: T | undefined, client: string | undefined, owner: Owner, what: string): T {
    if (entry !== undefined && client !== undefined && isOf(client, owner)) return entry;
    throw new WaggleError("not_found", `Unknown ${what}.`);
  }
  const fileOf = (name: string, owner: Owner) => found(files.get(name), files.get(name)?.file.client, owner, "file");
  const batchOf = (name: string, owner: Owner) =>
    found(batches.get(name), batches.get(name)?.record.client, owner, "batch");

  function change(batch: FakeBatch, input: BatchInput): void {
    const { record, effects } = reduceBatch(batch.record, input, Date.now());
    batch.record = record;
    if (effects.includes("stop")) batch.leaving.abort();
    if (effects.includes("publish")) publish(batch);
  }

  function publish(batch: FakeBatch): void {
    const { record, lines, results } = batch;
    const shape = shapeOf(record);
    const answered = new Set(results.map(({ text }) => shape.readResult(text).customId));
    for (const line of lines) {
      if (!answered.has(line.customId))
        results.push(shape.resultLine(line, record.isExpiring ? "expired" : "cancelled"));
    }
    const fileWith = (which: string): string | undefined => {
      const texts = results.filter(({ file }) => file === which).map(({ text }) => `${text}\n`);
      const facts = { filename: `${record.id}_${which}.jsonl`, purpose: "batch_output", expiresAt: Infinity };
      return texts.length === 0 ? undefined : keep(record.client, Buffer.from(texts.join("")), facts).id;
    };
    const { counts, usage } = viewOf(batch);
    const named = { outputFile: fileWith("output"), errorFile: fileWith("errors") };
    change(batch, { type: "published", results: { counts, usage, ...named } });
  }

  const shapeOf = ({ dialect }: BatchRecord) => {
    if (front === undefined) throw new Error("The app has not called attend");
    return front.shapes[dialect];
  };

  function viewOf({ record, results }: FakeBatch): BatchView {
    const counts = { completed: 0, failed: 0, unanswered: 0 };
    const usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };
    for (const { text } of results) {
      const read = shapeOf(record).readResult(text);
      counts[read.outcome] += 1;
      for (const key of Object.keys(usage) as (keyof typeof usage)[]) usage[key] += read.usage[key];
    }
    return { record, counts, usage };
  }

  async function run(batch: FakeBatch, text: string): Promise<void> {
    // The record of a new batch is still being validated.
    await Promise.resolve();
    const problems: BatchProblem[] = [];
    const ids = new Set<string>();
    for (const [index, row] of text.split(/\r?\n/).entries()) {
      if (row.trim() === "") continue;
      const line = shapeOf(batch.record).readLine(row, index + 1, batch.record);
      const isTwice = "customId" in line && ids.has(line.customId);
      const twice = { code: "duplicate_custom_id", message: "An earlier line has this id.", param: "custom_id" };
      if ("code" in line || isTwice) problems.push({ ...("code" in line ? line : twice), line: index + 1 });
      else ids.add(batch.lines[batch.lines.push(line) - 1]?.customId ?? "");
    }
    if (problems.length > 0) return change(batch, { type: "refused", problems });
    const [model, ...others] = new Set(batch.lines.map((line) => line.model));
    change(batch, { type: "checked", total: batch.lines.length, model: others.length === 0 ? model : undefined });
    const { signal } = batch.leaving;
    for (const line of batch.lines) {
      await before?.(line, signal);
      if (signal.aborted) return;
      const answer = await front?.answer(line, batch.record, signal);
      if (signal.aborted || answer === undefined) return;
      batch.results.push(shapeOf(batch.record).resultLine(line, answer));
    }
    change(batch, { type: "answered" });
  }

  return {
    maxWindowMs,
    get arriving() {
      return arriving;
    },
    async idle() {
      await Promise.all(running);
    },
    attend: (attending) => void (front = attending),
    async close() {
      for (const { leaving } of batches.values()) leaving.abort();
      await Promise.all(running);
    },
    files: {
      async receive(client, maxBytes) {
        const chunks: Uint8Array[] = [];
        let length = 0;
        let isOpen = true;
        arriving += 1;
        const end = (): void => {
          if (isOpen) arriving -= 1;
          isOpen = false;
        };
        const receiving: Receiving = {
          async write(bytes) {
            length += bytes.length;
            if (length > maxBytes) throw new WaggleError("payload_too_large", "Cannot accept the file: too large.");
            chunks.push(Buffer.from(bytes));
          },
          async finish(facts) {
            end();
            return keep(client, Buffer.concat(chunks), facts);
          },
          abort: async () => end(),
        };
        received.set(receiving, () => {
          end();
          return Buffer.concat(chunks);
        });
        return receiving;
      },
      list: async (owner) =>
        [...files.values()]
          .map(({ file }) => file)
          .filter((file) => isOf(file.client, owner))
          .reverse(),
      get: async (name, owner) => fileOf(name, owner).file,
      read: async (name, owner) => new Blob([fileOf(name, owner).bytes]).stream(),
      remove: async (name, owner) => void files.delete(fileOf(name, owner).file.id),
    },
    batches: {
      async create({ input, windowMs, idempotencyKey: _, ...wanted }) {
        const createdAt = Date.now();
        const bytes = typeof input === "string" ? fileOf(input, wanted.client).bytes : received.get(input)?.();
        const inputFile = typeof input === "string" ? input : undefined;
        const record: BatchRecord = {
          ...wanted,
          id: id(wanted.dialect === "openai" ? "batch_" : "msgbatch_"),
          inputFile,
          createdAt,
          expiresAt: createdAt + windowMs,
          status: "validating",
          at: {},
          total: 0,
          problems: [],
        };
        const batch: FakeBatch = { record, lines: [], results: [], leaving: new AbortController() };
        batches.set(record.id, batch);
        const ending = run(batch, bytes?.toString("utf8") ?? "").finally(() => running.delete(ending));
        running.add(ending);
        return { ...viewOf(batch), record };
      },
      list: async (owner) =>
        [...batches.values()]
          .filter(({ record }) => isOf(record.client, owner))
          .map(viewOf)
          .reverse(),
      get: async (name, owner) => viewOf(batchOf(name, owner)),
      async cancel(name, owner) {
        const batch = batchOf(name, owner);
        if (batchHasEnded(batch.record) && batch.record.status !== "cancelled") {
          throw new WaggleError("conflict", "Cannot cancel the batch: it has ended.");
        }
        change(batch, { type: "cancel" });
        return viewOf(batch);
      },
      async pause(name, owner, isPaused) {
        const batch = batchOf(name, owner);
        if (batchHasEnded(batch.record)) throw new WaggleError("conflict", "Cannot pause the batch: it has ended.");
        batch.record = reduceBatch(batch.record, { type: "pause", isPaused }, Date.now()).record;
        return viewOf(batch);
      },
      async results(name, owner) {
        const { record, results } = batchOf(name, owner);
        if (!batchHasEnded(record)) throw new WaggleError("conflict", "Cannot read the results: the batch runs.");
        return new Blob(results.map(({ text }) => `${text}\n`)).stream();
      },
      async remove(name, owner) {
        const { record } = batchOf(name, owner);
        if (!batchHasEnded(record)) throw new WaggleError("conflict", "Cannot delete the batch: it runs.");
        batches.delete(record.id);
      },
    },
  };
}
