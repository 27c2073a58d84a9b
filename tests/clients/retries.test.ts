// Tests with real clients that a retry after a client's timeout joins the job of the first request.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";
import type { Listening } from "../support/daemon.ts";

let worker: Listening;
beforeAll(async () => {
  // An answer takes some six seconds: three steps of prefill, five of decoding. The client's time limit is long enough for each try to arrive.
  worker = await spawnFakeWorker(["--slots", "1", "--fake-step-delay", "800", "--prefill-budget", "16"]);
});
afterAll(killDaemons);

/** @returns by how much each counter grew during `run` */
async function counted(run: () => Promise<void>): Promise<{ accepted: number; joined: number; cancelled: number }> {
  const read = async (): Promise<number[]> => {
    const text = await (await fetch(`${worker.url}/metrics`)).text();
    return [
      "waggle_jobs_accepted_total",
      "waggle_jobs_joined_total",
      'waggle_jobs_ended_total{outcome="cancelled"',
    ].map((name) => sum(text, name));
  };
  const before = await read();
  await run();
  const [accepted = 0, joined = 0, cancelled = 0] = (await read()).map((value, i) => value - (before[i] ?? 0));
  return { accepted, joined, cancelled };
}

function sum(metrics: string, name: string): number {
  const lines = metrics.split("\n").filter((line) => line.startsWith(name));
  return lines.reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
}

const prompt = "[eog:5] a tale that takes its time";

describe("a client that retries", () => {
  test("after its timeout gets the answer of the job that the first request started", async () => {
    const tries: string[] = [];
    const client = new OpenAI({
      baseURL: `${worker.url}/v1`,
      apiKey: "none",
      maxRetries: 8,
      timeout: 2_500,
      fetch: async (url, init) => {
        tries.push(new Headers(init?.headers).get("x-stainless-retry-count") ?? "");
        return await fetch(url, init);
      },
    });
    const counts = await counted(async () => {
      const answer = await client.chat.completions.create({
        model: "any",
        messages: [{ role: "user", content: prompt }],
      });
      expect(answer.choices[0]?.finish_reason).toBe("stop");
      expect(answer.usage?.completion_tokens).toBe(6);
    });
    expect(tries.length).toBeGreaterThan(1);
    expect(counts).toEqual({ accepted: 1, joined: tries.length - 1, cancelled: 0 });
  });

  test("while the first request is open gets the same answer", async () => {
    const ask = async (): Promise<string> => {
      const init = {
        method: "POST",
        headers: { "idempotency-key": "k1" },
        body: JSON.stringify({ prompt, stream: true }),
      };
      return await (await fetch(`${worker.url}/v1/completions`, init)).text();
    };
    const texts = (stream: string): string =>
      [...stream.matchAll(/"text":"([^"]*)"/g)].map(([, text]) => text).join("");
    const counts = await counted(async () => {
      const [first, second] = await Promise.all([ask(), ask()]);
      expect(texts(first)).not.toBe("");
      expect(texts(second)).toBe(texts(first));
      for (const stream of [first, second]) expect(stream.match(/data: \[DONE\]\n\n$/g)).toHaveLength(1);
    });
    expect(counts).toEqual({ accepted: 1, joined: 1, cancelled: 0 });
  });
});
