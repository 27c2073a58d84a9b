// Owns the sixteen clients next to the honest streams: attackers, or well-behaved clients instead. It is the entry of a separate thread, so
// that what they do to this process delays no measurement.
import { parentPort, workerData } from "node:worker_threads";
import { sleep } from "@waggle/async";
import { ask, createAttacks, isNoAnswer, type Attack } from "@waggle/testing/hostile";

export interface CrowdOptions {
  readonly kind: "control" | "hostile";
  readonly url: string;
  /** One for each of them. */
  readonly tokens: readonly string[];
  /** Another number, another order. */
  readonly seed: number;
}

/** Answers so far by status; 0 is a connection that was closed without one. */
export type CrowdAnswers = Readonly<Record<string, number>>;

const toldEveryMs = 1_000;
/** An attacker whose target does not answer must not become a busy loop. */
const pauseMs = 5;
const answers: Record<string, number> = {};
const count = (status: number | string): void => void (answers[status] = (answers[status] ?? 0) + 1);

const chat = { messages: [{ role: "user", content: "Tell me of a dog named Tim." }] };
/** What an ordinary client asks, one after the other. */
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

async function goOn(token: string, index: number): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  for (let round = seed + index * 101; ; round += 1) {
    try {
      const attack = deeds[(round * 7 + index) % deeds.length];
      await attack?.run({ url, headers, signal, answered: (_, { status }) => count(status) }, round);
    } catch (error) {
      if (!isNoAnswer(error)) throw error;
      // What the honest ones see of that is the measurement.
      count("none");
    }
    await sleep(pauseMs);
  }
}

setInterval(() => parentPort?.postMessage(answers), toldEveryMs);
await Promise.all(tokens.map(goOn));
