// Owns what has to be known of a model before it may load: where its file is, which may have to be downloaded first, and what it takes.
import { statSync } from "node:fs";
import { GgufError, modelCardOf, readGgufFile } from "@waggle/models/header";
import type { GgufHeader } from "@waggle/models/header";
import { resolveModel } from "@waggle/models/download";
import type { ResolveModelOptions } from "@waggle/models/download";
import type { HostedFile } from "../list/model-entry.ts";
import { memoryPlanOf } from "../memory/memory-plan.ts";
import type { LoadPlan } from "../memory/pool.ts";

/** Progress is reported in steps of a hundredth: an event for every byte would flood the clients. */
const progressSteps = 100;
/** And by time as well: a hundredth of a large model takes longer than silence may. */
const tellIntervalMs = 1_000;

export interface PrepareOptions {
  readonly resolve: Omit<ResolveModelOptions, "onProgress" | "signal">;
  readonly signal: AbortSignal;
  /** Of all models together; undefined: no limit. */
  readonly budgetBytes: number | undefined;
}

/** @throws WaggleError unavailable, naming the model and the reason; the signal's reason when it aborts */
export async function prepareModel(hosted: HostedFile, options: PrepareOptions): Promise<LoadPlan> {
  const { host, reference } = hosted;
  const report = createReport(host.downloading);
  const path = await resolveModel(reference, {
    ...options.resolve,
    signal: options.signal,
    onProgress: ({ doneBytes, totalBytes }) => report(totalBytes ? doneBytes / totalBytes : 0, doneBytes),
  });
  const header = await headerOf(path);
  const plan = header === undefined ? undefined : memoryPlanOf(header, hosted.settings, options.budgetBytes);
  // Another file may have taken its place meanwhile.
  if (hosted.reference === reference)
    hosted.facts = {
      path,
      bytes: header?.fileBytes ?? statSync(path).size,
      modifiedAt: statSync(path).mtime.toISOString(),
      card: header === undefined ? undefined : modelCardOf(header),
      plan,
    };
  return { memory: plan?.memory };
}

export interface DescribeOptions extends PrepareOptions {
  /** A file that the operator has named is missing, perhaps misspelled: the reason, before the first request for it fails. */
  readonly onMissing: (reason: string) => void;
}

/** Looks at a file that is on disk already; undefined where it is not. */
export async function describeModel(hosted: HostedFile, options: DescribeOptions): Promise<LoadPlan | undefined> {
  try {
    return await prepareModel(hosted, { ...options, resolve: { ...options.resolve, offline: true } });
  } catch (error) {
    // A request for it gets the reason; what is to be downloaded is not here yet.
    if (!/^(?:hf|ollama|https?):/i.test(hosted.reference)) options.onMissing((error as Error).message);
    return undefined;
  }
}

/** What cannot be read, the engine says better. */
async function headerOf(path: string): Promise<GgufHeader | undefined> {
  try {
    return await readGgufFile(path);
  } catch (error) {
    if (error instanceof GgufError) return undefined;
    throw error;
  }
}

function createReport(tell: HostedFile["host"]["downloading"]): (progress: number, doneBytes: number) => void {
  let step = -1;
  let toldAt = 0;
  return (progress, doneBytes) => {
    const now = Math.floor(progress * progressSteps);
    if (now === step && performance.now() - toldAt < tellIntervalMs) return;
    step = now;
    toldAt = performance.now();
    tell(now / progressSteps, doneBytes);
  };
}
