// Owns the proof that a device computes: a worker on it and one on the CPU are asked the same, and have to say the same.
import { linkSignals } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { disagreement, type ChosenToken } from "./compare.ts";
import { startTrialWorker, type TrialWorker } from "./trial-worker.ts";

export interface ProofOptions {
  readonly device: string;
  /** Starts a worker; flags are appended. */
  readonly workerCommand: readonly [file: string, ...args: string[]];
  /** Where its packages are. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface Proof {
  readonly tokens: number;
  /** From the request to its answer, on the device. */
  readonly ms: number;
}

const prompt = "Once upon a time";
const tokens = 16;
const alternatives = 5;
const mostShownChars = 500;
/** A driver may compile its programs when they are first run. */
const answerLimitMs = 300_000;

/** @throws WaggleError unavailable when the device does not compute, or computes something else than the CPU; the signal's reason */
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
  const flags = ["--device", device, "--gpu-dir", folder];
  await using worker = await startTrialWorker({ command: [...workerCommand, ...flags], env, signal });
  const { device: used } = (await ask(worker, "/v1/info", undefined, signal)) as { readonly device?: string };
  if (used !== device) throw new WaggleError("unavailable", `Cannot use ${device}: the worker computed on ${used}`);
  const startedAt = performance.now();
  const request = { prompt, max_tokens: tokens, temperature: 0, logprobs: alternatives };
  const answer = (await ask(worker, "/v1/completions", request, signal)) as Completion;
  return { chosen: chosenIn(answer), ms: performance.now() - startedAt };
}

/** The part of OpenAI's answer that is read here. */
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
  { url }: TrialWorker,
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
