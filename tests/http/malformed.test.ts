// Sends thousands of malformed requests over real connections to one worker. No request may crash it or cause an internal error. Every refusal has
// its dialect's shape and repeats no text of the request. Afterwards the worker holds no job or stream.
import { poll } from "@waggle/testing/harness";
import type { StreamEvent } from "@waggle/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";
import { brokenBytes, brokenRequest, canary } from "./malformed-requests.ts";
import type { BrokenRequest } from "./malformed-requests.ts";
import { createProber } from "./probe.ts";
import type { Answer, Prober } from "./probe.ts";
import { errorProblems } from "../support/verdict.ts";

/** Requests sent at the same time. Each batch is one run of the property. */
const batch = 50;
const { malformedBatches: parsedRuns, slowProperty: rawRuns } = inject("runs");

let worker: Awaited<ReturnType<typeof spawnFakeWorker>>;
let prober: Prober;
const statuses: Record<string, number> = {};

beforeAll(async () => {
  worker = await spawnFakeWorker([
    ...["--context-size", "256", "--queue-capacity", "256", "--max-body", "64KiB", "--request-timeout", "2s"],
    ...[
      "--unclaimed-timeout",
      "200ms",
      "--replay-window",
      "500ms",
      "--answer-window",
      "500ms",
      "--ended-jobs-kept",
      "64",
    ],
  ]);
  prober = createProber(worker.url, batch);
});
afterAll(async () => {
  prober.close();
  await killDaemons();
});

/** Checks an answer; a failure message contains the request. */
function judge(answer: Answer | undefined, sent: Uint8Array | BrokenRequest): void {
  try {
    check(answer, sent);
  } catch (error) {
    const what = sent instanceof Uint8Array ? latin1(sent) : JSON.stringify({ ...sent, body: latin1(sent.body) });
    throw new Error(`${what.slice(0, 2_000)}\n  was answered by\n${JSON.stringify(answer)}`, { cause: error });
  }
}

function check(answer: Answer | undefined, sent: Uint8Array | BrokenRequest): void {
  const { status = 0, contentType = "", body = "" } = answer ?? {};
  statuses[status] = (statuses[status] ?? 0) + 1;
  if (answer === undefined) return;
  // Pages are not tested here: without a build they answer with an error page.
  if (contentType.startsWith("text/html")) return;
  expect(status).toBeGreaterThanOrEqual(100);
  // 501: a feature that this worker does not have. 504: the request's deadline of 50 ms, which a busy machine cannot meet.
  const hasDeadline = latin1(sent instanceof Uint8Array ? sent : sent.body).includes("deadline_ms");
  expect(status === 501 || (status === 504 && hasDeadline) || status < 500, `status ${status}`).toBe(true);
  if (status < 400) return;
  expect(errorProblems(placeOf(sent), { status, contentType, body })).toEqual([]);
  expect(body).not.toContain(canary);
  expect(body).not.toMatch(/node_modules|\.ts\b|\bat .*:\d+:\d+/);
}

/** The path decides which dialect's errors are allowed. For raw bytes, and with a random Host, the errors of any dialect are allowed. */
function placeOf(sent: Uint8Array | BrokenRequest): { readonly method: string; readonly path: string } {
  if (sent instanceof Uint8Array) return { method: "HEAD", path: "" };
  return { method: sent.method, path: "host" in sent.headers ? "" : sent.path };
}

async function readGauge(name: string): Promise<string | undefined> {
  return new RegExp(`^${name} (.*)$`, "m").exec(await worker.client.metrics())?.[1];
}

function latin1(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("latin1");
}

describe("thousands of malformed requests", () => {
  it(`${parsedRuns * batch} that client libraries can send: no 500, and errors in the dialect's shape`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(brokenRequest, { minLength: batch, maxLength: batch }), async (requests) => {
        await Promise.all(requests.map(async (request) => judge(await prober.send(request), request)));
      }),
      { numRuns: parsedRuns },
    );
    // Requests are refused for several reasons (schema, path, host, size), and a few are valid.
    for (const status of [200, 400, 403, 404, 413]) expect(statuses[status], `status ${status}`).toBeGreaterThan(10);
    // Only POST /v1/jobs answers 202.
    expect(statuses[202], "status 202").toBeGreaterThan(0);
  });

  it(`${rawRuns * batch} that only raw sockets can send: each is answered, or its connection is closed`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(brokenBytes, { minLength: batch, maxLength: batch }), async (messages) => {
        await Promise.all(messages.map(async (bytes) => judge(await prober.sendRaw(bytes), bytes)));
      }),
      { numRuns: rawRuns },
    );
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
