// Entry point of a thread with sixteen clients: attackers, or well-behaved clients for comparison. They have a separate thread so that their work
// does not delay the measurement of the honest streams.
import { parentPort, workerData } from "node:worker_threads";
import { sleep } from "@waggle/async";
import { ask, createAttacks, isNoAnswer, type Attack } from "@waggle/testing/hostile";

export interface CrowdOptions {
  readonly kind: "control" | "hostile";
  readonly url: string;
  /** API tokens, one for each client. */
  readonly tokens: readonly string[];
  /** Determines the order of the attacks. */
  readonly seed: number;
}

/** Numbers of answers so far by status; 0 counts connections that were closed without an answer. */
export type CrowdAnswers = Readonly<Record<string, number>>;

const reportEveryMs = 1_000;
/** Pause between two attacks. Without a pause, an attacker would run a busy loop if the worker does not answer. */
const pauseMs = 5;
const answers: Record<string, number> = {};
const count = (status: number | string): void => void (answers[status] = (answers[status] ?? 0) + 1);

const chat = { messages: [{ role: "user", content: "Tell me of a dog named Tim." }] };
/** Requests of a well-behaved client. */
const ordinary: readonly Attack[] = [
  asks("/v1/chat/completions", { ...chat, max_tokens: 100, stream: true }),
  asks("/v1/inference", { prompt: "Once upon a time", max_tokens: 100 }),
  asks("/v1/completions", { prompt: "The little dog", max_tokens: 60 }),
  asks("/v1/chat/completions", { ...chat, max_tokens: 60, response_format: { type: "json_object" } }),
  asks("/v1/embeddings", { input: ["a dog", "a park", "a friend"] }),
  asks("/tokenize", { content: "Once upon a time there was a dog named Tim." }),
];

function asks(path: string, body: object): Attack {
  const request = { name: path, method: "POST", path, body: () => JSON.stringify(body) };
  return { name: path, run: async (target) => count((await ask(target.url, request, target)).status) };
}

const { kind, url, tokens, seed } = workerData as CrowdOptions;
const deeds = kind === "hostile" ? createAttacks() : ordinary;
const { signal } = new AbortController();

async function attackForever(token: string, index: number): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  for (let round = seed + index * 101; ; round += 1) {
    try {
      const attack = deeds[(round * 7 + index) % deeds.length];
      await attack?.run({ url, headers, signal, answered: (_, { status }) => count(status) }, round);
    } catch (error) {
      if (!isNoAnswer(error)) throw error;
      // An attack may get no answer; only the honest streams are judged.
      count("none");
    }
    await sleep(pauseMs);
  }
}

setInterval(() => parentPort?.postMessage(answers), reportEveryMs);
await Promise.all(tokens.map(attackForever));
