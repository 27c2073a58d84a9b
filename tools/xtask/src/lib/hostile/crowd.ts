// Owns the sixteen beside the honest streams: attackers, or well-behaved clients in their place. It is the entry of a thread of its own, so
// that what they do to this process delays no measurement.
import { parentPort, workerData } from "node:worker_threads";
import { sleep } from "@waggle/async";
import { ask, createAttacks, type Attack, type HostileRequest } from "@waggle/testing/hostile";

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

const post = (path: string, body: object): HostileRequest => ({
  name: path,
  method: "POST",
  path,
  body: () => JSON.stringify(body),
});
const messages = [{ role: "user", content: "Tell me of a dog named Tim." }];
/** What an ordinary client asks, one after the other. */
const ordinary: readonly HostileRequest[] = [
  post("/v1/chat/completions", { messages, max_tokens: 100, stream: true }),
  post("/v1/inference", { prompt: "Once upon a time", max_tokens: 100 }),
  post("/v1/completions", { prompt: "The little dog", max_tokens: 60 }),
  post("/v1/chat/completions", { messages, max_tokens: 60, response_format: { type: "json_object" } }),
  post("/v1/embeddings", { input: ["a dog", "a park", "a friend"] }),
  post("/tokenize", { content: "Once upon a time there was a dog named Tim." }),
];

async function runCrowd({ kind, url, tokens, seed }: CrowdOptions): Promise<void> {
  const { signal } = new AbortController();
  const count = (status: number | string): void => void (answers[status] = (answers[status] ?? 0) + 1);
  const attacks: readonly Attack[] = kind === "hostile" ? createAttacks() : [];

  await Promise.all(
    tokens.map(async (token, index) => {
      const headers = { authorization: `Bearer ${token}` };
      for (let round = seed + index * 101; ; round += 1) {
        try {
          const attack = attacks[(round * 7 + index) % attacks.length];
          const answered = (_: HostileRequest, { status }: { readonly status: number }): void => count(status);
          if (attack !== undefined) await attack.run({ url, headers, signal, answered }, round);
          const request = ordinary[round % ordinary.length];
          if (attack === undefined && request !== undefined)
            count((await ask(url, request, { headers, signal })).status);
        } catch {
          // No answer in time: what the honest ones see of that is the measurement.
          count("none");
        }
        await sleep(pauseMs);
      }
    }),
  );
}

setInterval(() => parentPort?.postMessage({ ...answers }), toldEveryMs);
await runCrowd(workerData as CrowdOptions);
