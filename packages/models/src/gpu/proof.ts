// Tests that a GPU computes correctly: a worker on the GPU and a worker on the CPU get the same request, and must answer the same.
import { linkSignals } from "@waggle/async";
import {
  SpawnError,
  spawnWorker,
  workerEnvironment,
  type SpawnedWorker,
  type SpawnOptions,
} from "@waggle/client/spawn-worker";
import { WaggleError } from "@waggle/protocol";
import { disagreement, type ChosenToken } from "./compare.ts";

export interface ProofOptions {
  readonly device: string;
  /** Command that starts a worker; flags are appended. */
  readonly workerCommand: readonly [file: string, ...args: string[]];
  /** The folder with the GPU packages. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface Proof {
  readonly tokens: number;
  /** Time that the GPU took for the request. */
  readonly ms: number;
}

const prompt = "Once upon a time";
const tokens = 16;
const alternatives = 5;
const mostShownChars = 500;
/** Time limit for the start: a GPU driver may compile kernels when they are first loaded. */
const readyLimitMs = 300_000;
/** Time limit for the answer: a GPU driver may compile kernels when they first run. */
const answerLimitMs = 300_000;
/** The embedded model; without its name a worker may load the model that was used last. */
const model = "waggle-tiny-stories";
/** A slow first step must not count as a hung engine, because the driver may be compiling. */
const trialFlags = [
  ...["--model", model],
  ...["--prefix-store-size", "0"],
  ...["--load-timeout", `${readyLimitMs}ms`, "--watchdog-timeout", `${readyLimitMs}ms`],
];

/** @throws WaggleError unavailable if the GPU does not work, or its output differs from the CPU's; the signal's reason when it aborts */
export async function proveDevice(options: ProofOptions): Promise<Proof> {
  const { device, signal } = options;
  const expected = await answerOn("cpu", options);
  signal?.throwIfAborted();
  const found = await answerOn(device, options);
  const problem = disagreement(expected.chosen, found.chosen);
  if (problem !== undefined) throw new WaggleError("unavailable", `Cannot use ${device}: ${problem}`);
  return { tokens: found.chosen.length, ms: found.ms };
}

interface Answer {
  readonly chosen: readonly ChosenToken[];
  readonly ms: number;
}

async function answerOn(device: string, { workerCommand, folder, env, signal }: ProofOptions): Promise<Answer> {
  const flags = ["--device", device, "--gpu-dir", folder, ...trialFlags];
  await using worker = await startWorker({ command: workerCommand, flags, env, signal });
  const { device: used } = (await ask(worker, "/v1/info", undefined, signal)) as { readonly device?: string };
  if (used !== device) throw new WaggleError("unavailable", `Cannot use ${device}: the worker computed on ${used}`);
  const startedAt = performance.now();
  const request = { prompt, max_tokens: tokens, temperature: 0, logprobs: alternatives };
  const answer = (await ask(worker, "/v1/completions", request, signal)) as Completion;
  return { chosen: chosenIn(answer), ms: performance.now() - startedAt };
}

/** @throws WaggleError unavailable, with the reason from the worker's log; the signal's reason when it aborts */
async function startWorker(
  options: Pick<SpawnOptions, "command" | "flags" | "env" | "signal">,
): Promise<SpawnedWorker> {
  try {
    const env = workerEnvironment(options.env);
    return await spawnWorker({ ...options, env, until: "ready", limitMs: readyLimitMs });
  } catch (error) {
    if (!(error instanceof SpawnError)) throw error;
    throw new WaggleError("unavailable", error.reason ?? `Cannot start a worker: ${error.message}`, { cause: error });
  }
}

/** The part of OpenAI's response that this test reads. */
interface Completion {
  readonly choices: readonly {
    readonly logprobs: {
      readonly tokens: readonly string[];
      readonly token_logprobs: readonly number[];
      readonly top_logprobs: readonly Readonly<Record<string, number>>[];
    };
  }[];
}

function chosenIn({ choices }: Completion): readonly ChosenToken[] {
  const logprobs = choices[0]?.logprobs;
  return (logprobs?.tokens ?? []).map((text, i) => ({
    text,
    logprob: logprobs?.token_logprobs[i] ?? Number.NaN,
    others: new Map(Object.entries(logprobs?.top_logprobs[i] ?? {})),
  }));
}

async function ask(
  { url }: SpawnedWorker,
  path: string,
  body: object | undefined,
  signal?: AbortSignal,
): Promise<unknown> {
  const limit = AbortSignal.timeout(answerLimitMs);
  const request =
    body === undefined
      ? {}
      : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  try {
    using ending = linkSignals(signal, limit);
    const response = await fetch(url + path, { ...request, signal: ending });
    const text = await response.text();
    if (!response.ok) throw new Error(text.slice(0, mostShownChars));
    return JSON.parse(text) as unknown;
  } catch (error) {
    signal?.throwIfAborted();
    const reason = limit.aborted ? `no answer within ${answerLimitMs / 1_000} s` : (error as Error).message;
    throw new WaggleError("unavailable", `Cannot ask the worker for ${path}: ${reason}`, { cause: error });
  }
}
