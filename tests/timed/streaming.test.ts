// Tests the main job with the embedded model over HTTP: real tokens, parallel streams, and requests that are answered at once.
import { performance } from "node:perf_hooks";
import { createWorkerClient } from "@waggle/client";
import { createGate, isOver, median, poll } from "@waggle/testing/harness";
import type { StreamEvent } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDaemons, spawnDaemon, spawnModelWorker } from "../support/daemon.ts";

let worker: Awaited<ReturnType<typeof spawnModelWorker>>;
beforeAll(async () => {
  worker = await spawnModelWorker(["--slots", "8"]);
});
afterAll(killDaemons);

async function collect(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const textOf = (events: readonly StreamEvent[]) =>
  events.map((event) => (event.type === "token" ? event.text : "")).join("");

describe("the embedded model", () => {
  it("tells a story, token by token", async () => {
    const events = await collect(
      worker.client.inference({ prompt: "Once upon a time", max_tokens: 60, temperature: 0.7, seed: 7 }),
    );
    const tokens = events.filter((event) => event.type === "token");
    expect(tokens.length).toBeGreaterThan(30);
    expect(tokens.map((token) => token.index)).toEqual(tokens.map((_, index) => index));
    expect(textOf(events)).toMatch(/^[ ,]/);
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "length", usage: { completion_tokens: 60 } });
  });

  it("answers messages with its chat template, and names itself", async () => {
    const request = { messages: [{ role: "user" as const, content: "Who are you?" }], temperature: 0, max_tokens: 60 };
    const text = textOf(await collect(worker.client.inference(request)));
    expect(text.toLowerCase()).toMatch(/story|stories|waggle/);
  });

  it("answers by a JSON schema", async () => {
    const schema = {
      type: "object",
      properties: { age: { type: "integer", minimum: 1, maximum: 9 } },
      required: ["age"],
    };
    const text = textOf(
      await collect(worker.client.inference({ prompt: "Once", json_schema: schema, max_tokens: 60 })),
    );
    expect((JSON.parse(text) as { age: number }).age).toBeGreaterThanOrEqual(1);
  });

  it("refuses a prompt that is longer than its context, and reports the context's size", async () => {
    const refused = worker.client.createJob({ prompt: "word ".repeat(2_000) });
    await expect(refused).rejects.toMatchObject({ code: "invalid_argument", details: { n_ctx: 512 } });
  });

  it("fills its context to the end, and reports the finish reason length", async () => {
    const events = await collect(worker.client.inference({ prompt: "Once", ignore_eos: true }));
    const end = events.at(-1);
    expect(end).toMatchObject({ type: "end", finish_reason: "length" });
    expect(end?.type === "end" && end.usage.total_tokens).toBeLessThanOrEqual(513);
    expect(end?.type === "end" && end.usage.total_tokens).toBeGreaterThan(500);
  });
});

describe("several requests at once", () => {
  /** Each answer ends with its context, after about 500 tokens. */
  const long = { ignore_eos: true };

  it("eight streams run at the same time, on average more than seven in a batch", async () => {
    const width = async () => {
      const text = await worker.client.metrics();
      const read = (name: string) => Number(new RegExp(`^${name}\\{model=".+"\\} (.+)$`, "m").exec(text)?.[1]);
      return { sum: read("waggle_batch_width_sum"), count: read("waggle_batch_width_count") };
    };
    const stop = new AbortController();
    const tokens = Array.from({ length: 8 }, () => 0);
    const ends: string[] = [];
    const streams = tokens.map(async (_, index) => {
      const request = { ...long, prompt: `Tell me a story number ${index}` };
      try {
        for await (const event of worker.client.inference(request, { signal: stop.signal })) {
          if (event.type === "token") tokens[index] = event.index + 1;
          if (event.type === "end" || event.type === "error") ends.push(event.type);
        }
      } catch {
        // The test aborts this stream below.
      }
    });
    // Measures only while all eight streams run: their start and their end do not count.
    await poll("a condition to hold", () => Math.min(...tokens) > 0);
    const before = await width();
    const had = [...tokens];
    await poll("a condition to hold", () => tokens.every((count, index) => count >= (had[index] ?? 0) + 200));
    const after = await width();
    expect(ends).toEqual([]);
    stop.abort();
    await Promise.all(streams);
    expect((after.sum - before.sum) / (after.count - before.count)).toBeGreaterThan(7);
  });

  it("POST /v1/jobs answers within 100 ms while all slots are busy", async () => {
    const stop = new AbortController();
    const busy = Array.from({ length: 8 }, async () => {
      try {
        while (!stop.signal.aborted) {
          await collect(worker.client.inference({ ...long, prompt: "Once" }, { signal: stop.signal }));
        }
      } catch {
        // The test aborts this stream below.
      }
    });
    await poll("a condition to hold", async () => (await worker.client.slots()).every((slot) => slot.state !== "idle"));
    const times: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      const startedAt = performance.now();
      const job = await worker.client.createJob({ prompt: "Once upon a time", max_tokens: 1 });
      times.push(performance.now() - startedAt);
      await worker.client.cancelJob(job.job_id);
    }
    // The median, because a busy machine may delay a single request. Measures the machine's speed while it has the same work.
    const late = isOver(median(times), 100);
    stop.abort();
    await Promise.all(busy);
    expect(late, `${times.join(", ")} ms`).toBe(false);
  });
});

describe("before the model is loaded", () => {
  it("POST /v1/jobs answers within 100 ms, and the jobs run when the model is loaded", async () => {
    using gate = await createGate("load");
    const { url } = await spawnDaemon("worker", ["--local-mode", "--port", "0", ...gate.flags]);
    const client = createWorkerClient({ baseUrl: url });
    const job = await client.createJob({ prompt: "Once upon a time", max_tokens: 5 });
    const events: StreamEvent[] = [];
    const times: number[] = [];
    for (let count = 0; count < 9; count += 1) {
      const startedAt = performance.now();
      await client.createJob({ prompt: "Once upon a time" });
      times.push(performance.now() - startedAt);
    }
    // The median, because a busy machine may delay a single request.
    expect(isOver(median(times), 100), `${times.join(", ")} ms`).toBe(false);
    for await (const event of client.streamJob(job.job_id)) {
      events.push(event);
      gate.open();
    }
    expect(events[0]).toMatchObject({ type: "status", status: "loading" });
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "length" });
  });
});
