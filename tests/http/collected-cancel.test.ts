// Tests that collected answers can be ended in every phase by every route, within one step, and without affecting other streams.
import { sleep } from "@waggle/async";
import { createWorkerClient } from "@waggle/client";
import { poll } from "@waggle/testing/harness";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { afterAll, describe, expect, it } from "vitest";
import { killDaemons, spawnDaemon } from "../support/daemon.ts";
import type { Listening } from "../support/daemon.ts";

afterAll(killDaemons);

type Phase = "loading" | "queued" | "prefill" | "decode";
type Route = "disconnect" | "DELETE session" | "superseded";

const endless = "never ends";
/** Prefill takes some 500 steps, so that the test sees this phase also on a busy machine. */
const long = `${"x".repeat(30_000)} never ends`;
/** Tokens of another stream, which decodes at the same time, for 8 s: all phases but loading have to come and end in this time. */
const neighbourTokensIn = (phase: Phase): number => (phase === "loading" ? 50 : 400);

/** Status that the client gets; undefined for a client that disconnects. */
const statusOf: Readonly<Record<Route, number | undefined>> = {
  disconnect: undefined,
  "DELETE session": 499,
  superseded: 499,
};

async function start(phase: Phase): Promise<Listening> {
  const slots = phase === "queued" ? "1" : "2";
  const fake = ["--backend", "fake", "--fake-step-delay", "20", "--retry-grace", "0s"];
  const flags = ["--local-mode", "--port", "0", "--slots", slots, "--context-size", "32768", ...fake];
  const load = phase === "loading" ? ["--fake-load-delay", "8s"] : [];
  const worker = await spawnDaemon("worker", [...flags, "--prefill-budget", "16", ...load]);
  if (phase !== "loading") await worker.line("ready");
  return worker;
}

function ask(worker: Listening, prompt: string, signal: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ messages: [{ role: "user", content: prompt }] });
  const headers = { "x-session-id": "s", "x-request-id": "collected" };
  return fetch(`${worker.url}/v1/chat/completions`, { method: "POST", body, headers, signal });
}

const cells = (["loading", "queued", "prefill", "decode"] as const).flatMap((phase) =>
  (["disconnect", "DELETE session", "superseded"] as const).map((route) => [phase, route] as const),
);

describe("a collected answer when the worker shuts down", () => {
  it.each([
    ["is finished during a drain", 1, 200, 0],
    ["ends with the error unavailable at an abort", 2, 503, 143],
  ] as const)("%s", async (_, signals, status, code) => {
    const worker = await start("decode");
    const answer = ask(worker, signals === 1 ? "soon over [eog:40]" : endless, new AbortController().signal);
    await worker.log.line("the stream's start", (line) => line["msg"] === "stream_start");
    worker.signal("SIGTERM");
    await worker.log.line("the drain", (line) => line["to"] === "draining");
    if (signals === 2) {
      // The worker counts signals within 300 ms as one.
      await sleep(400);
      worker.signal("SIGTERM");
    }
    const response = await answer;
    expect(response.status).toBe(status);
    if (status === 503) expect(OpenAiErrorSchema.parse(await response.json()).error.code).toBe("unavailable");
    expect((await worker.exited).code).toBe(code);
  });
});

describe("a collected answer", () => {
  // Concurrent, because these tests mostly wait.
  it.concurrent.each(cells)("in %s is ended by %s", async (phase, route) => {
    const worker = await start(phase);
    const client = createWorkerClient({ baseUrl: worker.url });
    const neighbourTokens = neighbourTokensIn(phase);
    const neighbour = client
      .inference({ prompt: `neighbour [eog:${neighbourTokens}]`, temperature: 0 })
      [Symbol.asyncIterator]();
    const first = await neighbour.next();
    expect(first.done).toBe(false);
    if (phase !== "loading")
      await poll("a busy slot", async () => (await client.slots()).some((slot) => slot.state !== "idle"));

    const leave = new AbortController();
    const answer = ask(worker, phase === "prefill" ? long : endless, leave.signal).catch(() => undefined);
    await poll("the job to be in its phase", async () => await reached(phase));
    if (route === "disconnect") leave.abort();
    if (route === "DELETE session") await client.cancelSession("s");
    const successor =
      route === "superseded" ? ask(worker, "successor [eog:1]", new AbortController().signal) : undefined;

    const response = await answer;
    expect(response?.status).toBe(statusOf[route]);
    if (response !== undefined) {
      expect(OpenAiErrorSchema.parse(await response.json()).error.code).toBe("cancelled");
    }
    // The other stream is complete.
    let tokens = 0;
    for (let next = await neighbour.next(); next.done !== true; next = await neighbour.next()) {
      if (next.value.type === "token") expect(next.value.index).toBe(tokens++);
      if (next.value.type === "end") expect(next.value.finish_reason).toBe("stop");
    }
    expect(tokens).toBe(neighbourTokens);
    if (successor !== undefined && phase !== "loading") expect((await successor).status).toBe(200);
    await poll("all slots to be idle", async () => (await client.slots()).every((slot) => slot.state === "idle"));
    expect((await client.health()).queue.depth).toBe(0);
    const metrics = await client.metrics();
    const bucket = (le: string) =>
      new RegExp(`cancel_steps_bucket\\{le="${le}",model=".+"\\} (\\d+)`).exec(metrics)?.[1];
    expect(bucket("1")).toBe(bucket("\\+Inf"));

    async function reached(wanted: Phase): Promise<boolean> {
      if (wanted === "loading") return (await client.health()).queue.depth === 2;
      if (wanted === "queued") return (await client.health()).queue.depth === 1;
      // One slot has the other stream, which decodes.
      const states = (await client.slots()).map((slot) => slot.state).sort((one, other) => one.localeCompare(other));
      return states.join(" ") === (wanted === "prefill" ? "decoding prefilling" : "decoding decoding");
    }
  });
});
