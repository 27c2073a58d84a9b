// Tests with real clients that a retry after a client's timeout joins the job of the first request.
import { createGate, parseMetrics, type Gate } from "@waggle/testing/harness";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killDaemons, spawnFakeWorker, type ListeningWorker } from "../support/daemon.ts";

let gate: Gate;
let worker: ListeningWorker;
beforeAll(async () => {
  gate = await createGate();
  gate.close();
  worker = await spawnFakeWorker([...gate.flags, "--slots", "1", "--retry-grace", "60s"]);
});
afterAll(async () => {
  await killDaemons();
  gate[Symbol.dispose]();
});

async function read(): Promise<number[]> {
  const metrics = parseMetrics(await worker.client.metrics());
  const ended = metrics.sum("waggle_jobs_ended_total", { outcome: "cancelled" });
  return [metrics.sum("waggle_jobs_accepted_total"), metrics.sum("waggle_jobs_joined_total"), ended];
}

/** Waits until so many jobs were accepted, joined and cancelled. */
async function counted(...counts: [accepted: number, joined: number, cancelled: number]): Promise<void> {
  await expect.poll(read).toEqual(counts);
}

const prompt = "[eog:5] a tale that takes its time";

test("a client that retries after its timeout gets the answer of the job that the first request started", async () => {
  let requests = 0;
  const client = new OpenAI({
    baseURL: `${worker.url}/v1`,
    apiKey: "none",
    async fetch(url, init) {
      requests += 1;
      const timeout = new AbortController();
      const answer = fetch(url, { ...init, signal: timeout.signal });
      await counted(1, requests - 1, 0);
      if (requests < 3) timeout.abort();
      else gate.open();
      return await answer;
    },
  });
  const answer = await client.chat.completions.create({
    model: "any",
    messages: [{ role: "user", content: prompt }],
  });
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  expect(answer.usage?.completion_tokens).toBe(6);
  await counted(1, 2, 0);
});
