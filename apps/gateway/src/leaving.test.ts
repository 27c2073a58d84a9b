// Tests what a gateway that leaves does with its jobs: it finishes what it can, hands over what another gateway can continue, and ends the rest.
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFakeFleet } from "./testing/fake-fleet.ts";
import type { FakeFleet } from "./testing/fake-fleet.ts";
import { createInlineGateway } from "./testing/inline-gateway.ts";
import type { InlineGateway } from "./testing/inline-gateway.ts";
import { publishedJob, until } from "./testing/waiting.ts";

let fleet: FakeFleet;
let one: InlineGateway;
let other: InlineGateway;
beforeEach(() => {
  fleet = createFakeFleet();
  fleet.join({ id: "w1", model: "m", slots: 1 });
  one = createInlineGateway(fleet, { id: "g1" });
  other = createInlineGateway(fleet, { id: "g2" });
});
afterEach(async () => {
  await one.stop();
  await other.stop();
});

const job = { prompt: "x", seed: 1 };

async function leave(gateway: InlineGateway): Promise<void> {
  gateway.refuse();
  gateway.abort();
  await gateway.stop();
}

/** What a client has received of a stream, and whether the connection was cut. */
async function received(answer: Response): Promise<{ text: string; cut: boolean }> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch {
    return { text, cut: true };
  }
  return { text, cut: false };
}

it("starts its waiting jobs while it drains, takes no new ones, and keeps the records of ended jobs", async () => {
  await one.post("/v1/jobs", { ...job, job_id: "a" });
  await one.post("/v1/jobs", { ...job, job_id: "b" });
  const first = await publishedJob(fleet);
  one.refuse();
  expect((await one.post("/v1/jobs", job)).status).toBe(503);
  const left = one.idle();
  fleet.take(first, "w1").finish();
  fleet.take(await publishedJob(fleet, 1), "w1").finish();
  await left;
  await leave(one);
  // The fake fleet answers within one turn of the event loop.
  await new Promise(setImmediate);
  expect([fleet.forgotten, fleet.records.size]).toEqual([[], 2]);
});

it("hands over running and waiting jobs, whose streams continue at another gateway", async () => {
  const running = received(await one.post("/v1/inference", { ...job, session_id: "s" }));
  const published = await publishedJob(fleet);
  const { id } = published.clientJob;
  const attempt = fleet.take(published, "w1").start("a");
  await one.post("/v1/jobs", { ...job, job_id: "waits" });
  await until(() => expect(fleet.records.get(`local ${id}`)?.waits).toBe(false));
  expect(one.jobsToHandOver()).toBe(2);
  await leave(one);
  const { text, cut } = await running;
  expect([cut, text.includes('"status":"resuming"'), /"type":"(?:end|error)"/.test(text)]).toEqual([true, true, false]);
  expect([fleet.cancelled, fleet.forgotten, fleet.left]).toEqual([[], [], ["g1"]]);
  expect([fleet.records.size, fleet.sessions.size, fleet.published.length]).toEqual([2, 1, 1]);
  expect(one.logLines).toContainEqual(expect.objectContaining({ msg: "jobs_handed_over", jobs: 2, waiting: 1 }));

  const moved = received(await other.get(`/v1/jobs/${id}/stream`, { "last-event-id": "0" }));
  const waiting = received(await other.get("/v1/jobs/waits/stream"));
  attempt.finish("b");
  fleet
    .take(await publishedJob(fleet, 1), "w1")
    .start("c")
    .finish();
  for (const [stream, tokens] of [
    [await moved, ["1", "2"]],
    [await waiting, ["0", "1"]],
  ] as const) {
    expect([...stream.text.matchAll(/^id: (\d)/gm)].map(([, index]) => index)).toEqual(tokens);
    expect(stream.text).toContain('"type":"end"');
  }
});

it("ends jobs that no client can resume, also in the fleet", async () => {
  fleet.join({ id: "w1", model: "m", slots: 4 });
  const chat = { messages: [{ role: "user", content: "x" }] };
  const streamed = received(await one.post("/v1/chat/completions", { ...chat, stream: true }));
  const whole = one.post("/v1/chat/completions", { ...chat, n: 2 });
  await publishedJob(fleet, 2);
  fleet.take(await publishedJob(fleet), "w1").start("a");
  await leave(one);
  expect((await streamed).text).toContain("is leaving");
  expect((await whole).status).toBe(503);
  expect(fleet.cancelled.toSorted()).toEqual(fleet.published.map((entry) => entry.job.id).toSorted());
});

it("leaves a job to the gateway that has taken it over", async () => {
  await one.post("/v1/chat/completions", { messages: [{ role: "user", content: "x" }], stream: true });
  const { clientJob } = await publishedJob(fleet);
  const [key, record] = [`local ${clientJob.id}`, fleet.records.get(`local ${clientJob.id}`)];
  await until(() => expect(fleet.records.get(key)?.waits).toBe(false));
  expect(record).toBeDefined();
  await other.get(`/v1/jobs/${clientJob.id}`);
  await leave(one);
  expect(fleet.cancelled).toEqual([]);
});
