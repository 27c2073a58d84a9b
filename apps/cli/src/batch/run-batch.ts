// Owns `waggle batch run`: uploads a file of requests, follows its batch to the end, and writes the answers. The same command finds its earlier batch.
import { constants, createWriteStream } from "node:fs";
import { access, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { sleep } from "@waggle/async";
import { isEnded, type BatchCalls } from "@waggle/client";
import { counted, errorReason, sentence } from "@waggle/daemon/terminal";
import { WaggleError, type Batch } from "@waggle/protocol";
import { fileText } from "../answer/input-text.ts";
import { CliError, exitCodes, wrongUse } from "../cli-error.ts";
import type { Context, Words } from "../command.ts";
import { createProgressView, createStageView, type ProgressView, type StageProgress } from "../terminal/progress.ts";
import { openSession, type Session } from "../worker/open-session.ts";
import { batchProgress, mistakeWords } from "./batch-words.ts";
import { digestOf, isFields, requestLines, type LineSource } from "./request-lines.ts";

interface Plan {
  readonly source: LineSource;
  readonly model: string | undefined;
  readonly out: string;
  /** File for the lines that failed. */
  readonly errors: string;
  readonly window: string;
  readonly isAgain: boolean;
}

/** The batch's metadata with the hash of its requests, by which the same command finds it. */
const digestKey = "waggle_requests";
const mostPollMs = 1_000;

/** @param path of the file with the requests */
export async function runBatch(context: Context, words: Words, path: string): Promise<number> {
  const { err, signal } = context;
  const plan = await planOf(context, words, path);
  const digest = await digestOf(plan.source, plan.model);
  const loading = createProgressView(err);
  const wish = { url: words.text("url"), model: plan.model, onProgress: loading.show, flags: ownFlags(plan) };
  const session = await openSession(context, wish).finally(loading.clear);
  const view = createStageView(err);
  try {
    const { batches } = session.client;
    const known = plan.isAgain ? undefined : await findBatch(batches, digest, signal);
    const batch = known ?? (await createBatch(session, plan, digest, view));
    if (batch.paused && !isEnded(batch)) await batches.change(batch.id, "resume", { signal });
    const ended = await follow(session, batch.id, view, signal).catch(async (error: unknown) => {
      view.clear();
      if (signal.aborted) err.write(await pausedWords(batches, batch.id));
      throw error;
    });
    view.clear();
    return await deliver(context, batches, ended, plan);
  } finally {
    view.clear();
    await session.close();
  }
}

/** A private worker with a lasting name finds the batches of its predecessor. It must not continue those of another model. */
function ownFlags({ model = "default", window }: Plan): readonly string[] {
  return ["--worker-id", `waggle-batch-${model.replaceAll(/[^\w.]/g, "-").slice(-40)}`, "--batch-window", window];
}

async function planOf(context: Context, words: Words, path: string): Promise<Plan> {
  const out = words.text("out") ?? `${path.replace(/\.(jsonl|ndjson|json)$/i, "")}.answers.jsonl`;
  const window = words.text("window") ?? "24";
  if (!/^[1-9]\d{0,4}$/.test(window)) throw wrongUse(`Cannot use --window ${window}: it must be a number of hours.`);
  if (resolve(out) === resolve(path)) throw wrongUse(`Cannot write the answers to ${out}: it has the requests.`);
  // An error hours later would be annoying.
  await access(dirname(resolve(out)), constants.W_OK);
  const endpoint = words.text("endpoint") ?? "/v1/chat/completions";
  return {
    source: { path, endpoint, shared: await sharedFields(context, words.text("body")), signal: context.signal },
    ...{ model: words.text("model"), out, window: `${window}h`, isAgain: words.has("again") },
    errors: out.replace(/(\.[^./]*)?$/, ".errors$1"),
  };
}

async function sharedFields(context: Context, path: string | undefined): Promise<LineSource["shared"]> {
  if (path === undefined) return {};
  const text = await fileText(path, context);
  try {
    const fields: unknown = JSON.parse(text);
    if (isFields(fields)) return fields;
  } catch {
    // Text that is no JSON is refused like other JSON.
  }
  throw wrongUse(`Cannot use ${path}: --body must name a file with one JSON object.`);
}

/** The newest batch with the same requests that has the answers, or will have them. */
async function findBatch(batches: BatchCalls, digest: string, signal: AbortSignal): Promise<Batch | undefined> {
  for await (const batch of batches.list({ signal })) {
    const { status, metadata } = batch;
    const isUseful = status === "completed" || (!isEnded(batch) && status !== "cancelling");
    if (isUseful && metadata?.[digestKey] === digest && (await canRead(batches, batch, signal))) return batch;
  }
  return undefined;
}

/** An administrator's list has the batches of others, whose files cannot be read. Files of results may be deleted. */
async function canRead(batches: BatchCalls, batch: Batch, signal: AbortSignal): Promise<boolean> {
  const file = batch.output_file_id ?? batch.error_file_id ?? batch.input_file_id ?? "";
  try {
    await (await batches.content(file, signal)).body?.cancel();
    return true;
  } catch (error) {
    if (error instanceof WaggleError && error.code === "not_found") return false;
    throw error;
  }
}

async function createBatch(
  { client: { batches }, model }: Session,
  { source, window }: Plan,
  digest: string,
  view: ProgressView<StageProgress>,
): Promise<Batch> {
  const { endpoint, signal } = source;
  view.show({ stage: "uploading", words: "uploading the requests" });
  const shared = model === undefined ? source.shared : { ...source.shared, model };
  const input = await batches.upload(requestLines({ ...source, shared }), { signal });
  const metadata = { [digestKey]: digest };
  return await batches.create({ input_file_id: input, endpoint, completion_window: window, metadata }, { signal });
}

/** Resolves with the ended batch, also after a restart of the worker. */
async function follow(
  { client: { batches }, ownWorker }: Session,
  id: string,
  view: ProgressView<StageProgress>,
  signal: AbortSignal,
): Promise<Batch> {
  // The first polls are close to each other, because a short batch ends at once.
  for (let pollMs = 50; ; pollMs = Math.min(mostPollMs, 2 * pollMs)) {
    try {
      const batch = await batches.get(id, { signal });
      if (isEnded(batch)) return batch;
      view.show(batchProgress(batch, Date.now()));
    } catch (error) {
      if (ownWorker || !(error instanceof WaggleError && error.code === "unavailable")) throw error;
      view.show({ stage: "waiting", words: `${error.message}. Waiting for it; Ctrl-C ends.` });
    }
    await sleep(pollMs, { signal });
  }
}

/** Pauses a batch whose command was interrupted. @returns what the user reads about it */
async function pausedWords(batches: BatchCalls, id: string): Promise<string> {
  try {
    await batches.change(id, "pause");
    return `${id} is paused. The same command continues it.\n`;
  } catch (error) {
    return `${id} was not paused: ${sentence(errorReason(error))} The same command follows it.\n`;
  }
}

/** Writes the files with the answers and the failures. @returns the exit code */
async function deliver(
  { out, err, signal }: Context,
  batches: BatchCalls,
  batch: Batch,
  { source, out: answers, errors }: Plan,
): Promise<number> {
  const { status, request_counts: counts, output_file_id: output, error_file_id: failed } = batch;
  if (status === "failed") {
    throw new CliError(`${batch.id} was refused.\n${mistakeWords(batch, source.path)}`.trimEnd());
  }
  await save(batches, output, answers, signal);
  if (failed === null) await rm(errors, { force: true });
  else await save(batches, failed, errors, signal);
  out.write(`${counted(counts.completed, "answer")} in ${answers}.\n`);
  const missing = counts.total - counts.completed;
  if (status !== "completed") err.write(`${batch.id} is ${status}.\n`);
  if (failed !== null) err.write(`${counted(missing, "line")} without an answer: see ${errors}.\n`);
  return status === "completed" && missing === 0 ? exitCodes.ok : exitCodes.failed;
}

/** A reader of the path finds the earlier file or the whole new one. @param file undefined: there are no lines */
async function save(batches: BatchCalls, file: string | null, path: string, signal: AbortSignal): Promise<void> {
  const part = `${path}.part`;
  try {
    if (file === null) await writeFile(part, "");
    else {
      const { body } = await batches.content(file, signal);
      await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(part));
    }
    await rename(part, path);
  } catch (error) {
    // The worker still has the answers, and the same command asks for them again.
    await rm(part, { force: true });
    throw error;
  }
}
