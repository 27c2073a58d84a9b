// Sends thousands of malformed requests over real connections to one worker. No request may crash it or cause an internal error. Every refusal has
// its dialect's shape and repeats no text of the request. Afterwards the worker holds no job or stream.
import { Agent } from "node:http";
import { poll } from "@waggle/testing/harness";
import { ask, type HostileRequest } from "@waggle/testing/hostile";
import type { StreamEvent } from "@waggle/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";
import { brokenRequest, canary } from "./malformed-requests.ts";
import { answerProblems } from "../support/verdict.ts";

/** Requests sent at the same time. Each batch is one run of the property. */
const batch = 50;
const { malformedBatches: runs } = inject("runs");
/** Ends a request that hangs. */
const hangMs = 120_000;

let worker: Awaited<ReturnType<typeof spawnFakeWorker>>;
const agent = new Agent({ keepAlive: true, maxSockets: batch });
const statuses: Record<string, number> = {};

beforeAll(async () => {
  // Searches and downloads must not reach the hub.
  const bounds =
    "--offline --context-size 256 --queue-capacity 256 --max-body 64KiB --request-timeout 2s --ended-jobs-kept 64";
  const brevity = "--unclaimed-timeout 200ms --replay-window 500ms --answer-window 500ms";
  worker = await spawnFakeWorker(`${bounds} ${brevity}`.split(" "));
});
afterAll(async () => {
  agent.destroy();
  await killDaemons();
});

/** Checks what every answer must keep to; a failure message contains the request. */
async function send(request: HostileRequest): Promise<void> {
  const answer = await ask(worker.url, request, { agent, timeoutMs: hangMs });
  const { status, body, contentType } = answer;
  statuses[status] = (statuses[status] ?? 0) + 1;
  // With a random Host, the errors of any dialect are allowed.
  const place = "host" in (request.headers ?? {}) ? { ...request, path: "" } : request;
  // Pages are not tested here: without a build they answer with an error page.
  const found = contentType.startsWith("text/html") ? [] : answerProblems(place, answer);
  if (status >= 400 && body.includes(canary)) found.push("an error repeats the prompt");
  if (status >= 400 && /node_modules|\.ts\b|\bat .*:\d+:\d+/.test(body)) found.push("an error shows our code");
  const sent = `${request.name}: ${request.body?.()}`;
  expect(found, `${sent.slice(0, 2_000)}\n  was answered by\n${status} ${body.slice(0, 2_000)}`).toEqual([]);
}

async function readGauge(name: string): Promise<string | undefined> {
  return new RegExp(`^${name} (.*)$`, "m").exec(await worker.client.metrics())?.[1];
}

describe("thousands of malformed requests", () => {
  it(`${runs * batch} of them: no 500, and errors in the dialect's shape`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(brokenRequest, { minLength: batch, maxLength: batch }), async (requests) => {
        await Promise.all(requests.map(send));
      }),
      { numRuns: runs, endOnFailure: true },
    );
    // Requests are refused for several reasons (schema, path, host, size), and a few are valid.
    for (const status of [200, 400, 403, 404, 413]) expect(statuses[status], `status ${status}`).toBeGreaterThan(10);
    // Only POST /v1/jobs answers 202.
    expect(statuses[202], "status 202").toBeGreaterThan(0);
  });

  it("leave the worker serving, with the same processes, idle slots and no open stream", async () => {
    const health = await worker.client.health();
    expect(health).toMatchObject({ ready: true, engine: { deaths: 0 } });
    await poll("all slots to be idle", async () =>
      (await worker.client.slots()).every((slot) => slot.state === "idle"),
    );
    for (const gauge of ["waggle_streams_open", "waggle_jobs_registered"]) {
      await poll("the gauges to be 0", async () => {
        expect(`${gauge} ${await readGauge(gauge)}`).toBe(`${gauge} 0`);
        return true;
      });
    }
    // The metrics also count answers whose client had disconnected.
    expect(await worker.client.metrics()).not.toContain('status="500"');
    const events: StreamEvent[] = [];
    for await (const event of worker.client.inference({ prompt: "still there? [eog:5]" })) events.push(event);
    expect(events.filter((event) => event.type === "token")).toHaveLength(5);
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
    expect(worker.log.lines.filter((line) => line["level"] === "error" || line["level"] === "fatal")).toEqual([]);
    expect(worker.log.text).not.toContain(canary);
    expect(() => process.kill(worker.pid, 0)).not.toThrow();
  });
});
