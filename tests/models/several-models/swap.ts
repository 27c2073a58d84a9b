// Owns a swap of a model file under load. Every stream reports the file that answered it, and is checked for completeness.
import {
  endingOf,
  incompleteness,
  isToken,
  errorText,
  openStream,
  startWorker,
  stopwatch,
  until,
  type LeftoverCheck,
  type LiveStream,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { auditUnloads } from "./audit.ts";
import { silenceMs, soakFlags, soakPrompt, writeSoakModels } from "./soak-models.ts";

export interface SwapOptions {
  readonly streams: number;
  readonly clients: number;
  readonly groups: ProcessGroups;
  readonly leftovers: LeftoverCheck;
  readonly interrupted: AbortSignal;
}

export interface SwapFigures {
  readonly streams: number;
  readonly duration_s: number;
  readonly swap_ms: number;
  /** Number of streams by the file that answered. */
  readonly answered: Readonly<Record<string, number>>;
  /** Streams that began before the end of the swap and ended after it. */
  readonly across: number;
  readonly failures: readonly string[];
}

const [before, after] = ["narrow", "wide"] as const;
const tokens = 160;
const leaveLimitMs = 60_000;
/** Share of the streams that are sent before the swap begins, and after it ends. */
const quarter = 0.25;

interface Swap {
  state: "before" | "under way" | "done" | "failed";
  ms: number;
}

/** @throws Error when the worker does not start or refuses the swap */
export async function runSwap(options: SwapOptions): Promise<SwapFigures> {
  const models = writeSoakModels();
  const given = [...soakFlags, ...models.flags, "--memory-budget", "0"];
  await using worker = await until(startWorker(options.groups, { flags: given, loading: true }), options.interrupted);
  await options.leftovers.observe([worker.pid]);
  for await (const event of worker.client.models.load({ model: before }))
    if (event.type === "error") throw new Error(`Cannot load model ${before}: ${event.message}`);
  const elapsed = stopwatch();
  const { failures, ...figures } = await streamAcross(worker, options);
  await options.leftovers.observe([worker.pid]);
  const exit = await worker.stop(leaveLimitMs);
  if (exit?.code !== 0) failures.push(`the worker exited with ${exit?.code ?? "no code"} after SIGTERM`);
  failures.push(...auditUnloads(worker.log.lines, ["replaced"]).failures);
  return { ...figures, duration_s: Math.round(elapsed() / 1_000), failures };
}

type Across = Omit<SwapFigures, "duration_s" | "failures"> & { readonly failures: string[] };

/** Runs at least `streams` streams, and more until the swap has ended. */
async function streamAcross(worker: Worker, { streams, clients, interrupted }: SwapOptions): Promise<Across> {
  const swap: Swap = { state: "before", ms: 0 };
  const failures: string[] = [];
  const answered: Record<string, number> = {};
  const count = { asked: 0, after: 0, across: 0 };
  const most = Math.max(1, Math.floor(streams * quarter));
  let swapping: Promise<void> | undefined;

  async function one(number: number): Promise<void> {
    const asked = swap.state;
    if (asked === "done") count.after += 1;
    const stream = await open(worker);
    const { how } = await stream.over;
    if (asked !== "done" && swap.state === "done") count.across += 1;
    const file = startedFile(stream);
    answered[file] = (answered[file] ?? 0) + 1;
    failures.push(...wrongIn(stream, how, asked, swap.state).map((failure) => `stream ${number}: ${failure}`));
  }

  async function client(): Promise<void> {
    while (swap.state !== "failed" && (count.asked < streams || swap.state !== "done" || count.after < most)) {
      interrupted.throwIfAborted();
      count.asked += 1;
      if (count.asked === most) swapping = change(worker, swap).then((failed) => void failures.push(...failed));
      await one(count.asked).catch((error: unknown) => failures.push(`stream: ${errorText(error)}`));
    }
  }

  await Promise.all(Array.from({ length: clients }, client));
  await swapping;
  for (const name of [before, after])
    if (!((answered[`${name}.gguf`] ?? 0) > 0)) failures.push(`${name} answered no request`);
  if (count.across === 0) failures.push("no stream ran across the swap");
  return { streams: count.asked, swap_ms: Math.round(swap.ms), answered, across: count.across, failures };
}

/** Swaps the file. @returns failures */
async function change({ client }: Worker, swap: Swap): Promise<string[]> {
  const elapsed = stopwatch();
  swap.state = "under way";
  try {
    for await (const event of client.models.swap({ model: before, reference: after }))
      if (event.type === "error") throw new Error(event.message);
    swap.ms = elapsed();
    swap.state = "done";
    return [];
  } catch (error) {
    swap.state = "failed";
    return [`the swap failed: ${errorText(error)}`];
  }
}

function open({ url }: Worker): Promise<LiveStream> {
  const body = { model: before, prompt: soakPrompt, max_tokens: tokens, ignore_eos: true };
  return openStream({ url: `${url}/v1/inference`, body, silenceMs });
}

function startedFile({ events }: LiveStream): string {
  const started = events.find((event) => event.type === "started");
  return started?.type === "started" ? (started.model_file ?? "none") : "none";
}

/**
 * @param asked state of the swap when the request was sent
 * @param ended state of the swap when the stream ended
 */
function wrongIn(stream: LiveStream, how: string, asked: Swap["state"], ended: Swap["state"]): string[] {
  const { judge } = stream;
  const failures =
    how === "complete" ? incompleteness(judge) : [`the stream is ${how}, its end is ${endingOf(judge.terminal)}`];
  const file = startedFile(stream);
  const { terminal } = judge;
  const receipt = terminal?.type === "end" ? terminal.receipt?.model_file : undefined;
  if (receipt !== file) failures.push(`it began with ${file}, and its receipt names ${receipt}`);
  if (!stream.events.some(isToken)) failures.push("it has no token");
  if (asked === "done" && file !== `${after}.gguf`) failures.push(`${file} answered after the swap`);
  if (ended === "before" && file !== `${before}.gguf`) failures.push(`${file} answered before the swap`);
  return failures;
}
