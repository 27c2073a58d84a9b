// Tests that a job_id names one job of its client in the whole fleet: from its acceptance, at any gateway, and after the loss of gateways.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFakeFleet } from "./testing/fake-fleet.ts";
import type { FakeFleet } from "./testing/fake-fleet.ts";
import { createInlineGateway } from "./testing/inline-gateway.ts";
import type { InlineGateway } from "./testing/inline-gateway.ts";
import { publishedJob, until } from "./testing/waiting.ts";

const slots = 2;

let fleet: FakeFleet;
let one: InlineGateway;
let other: InlineGateway;
beforeEach(() => {
  fleet = createFakeFleet();
  fleet.join({ id: "w1", model: "m", slots });
  one = createInlineGateway(fleet, { id: "g1" });
  other = createInlineGateway(fleet, { id: "g2" });
});
afterEach(async () => {
  await one.stop();
  await other.stop();
});

const job = { prompt: "x", job_id: "j", seed: 1, on_disconnect: "continue" };

async function statusOf(gateway: InlineGateway, id = "j"): Promise<unknown> {
  return await (await gateway.get(`/v1/jobs/${id}`)).json();
}

/** Starts enough jobs to fill all slots, as this gateway counts them. */
async function fill(gateway: InlineGateway): Promise<void> {
  const before = fleet.published.length;
  for (let slot = 0; slot < slots; slot += 1) {
    await gateway.post("/v1/jobs", { ...job, job_id: `${gateway.id}-fills-${slot}` });
  }
  await publishedJob(fleet, before + slots - 1);
}

/** Ends the jobs that `fill` has started. */
function drain(gateway: InlineGateway): void {
  for (const { job: published } of fleet.published.filter(({ job: { clientJob } }) =>
    clientJob.id.startsWith(`${gateway.id}-fills`),
  )) {
    fleet.take(published, "w1").finish();
  }
}

const publishedAs = (id: string): readonly string[] => [
  ...new Set(
    fleet.published.filter(({ job: { clientJob } }) => clientJob.id === id).map(({ job: { id: own } }) => own),
  ),
];

describe("one job_id at two gateways", () => {
  it("is one job with the same stream at both, if both have the same request", async () => {
    await one.post("/v1/jobs", job);
    const again = await other.post("/v1/jobs", job);
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([202, "true"]);
    const attempt = fleet.take(await publishedJob(fleet), "w1").start("a", "b");
    attempt.finish();
    await until(async () => expect(await statusOf(other)).toMatchObject({ state: "finished", tokens: 2 }));
    expect(publishedAs("j")).toHaveLength(1);
    expect(await statusOf(one)).toMatchObject({ state: "finished", tokens: 2 });
  });

  it("is one job if both accept it at the same moment", async () => {
    const both = await Promise.all([one.post("/v1/jobs", job), other.post("/v1/jobs", job)]);
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    await publishedJob(fleet);
    expect(publishedAs("j")).toHaveLength(1);
  });

  it("is a conflict for another request, which does not change the job", async () => {
    await one.post("/v1/jobs", job);
    const refused = await other.post("/v1/jobs", { ...job, prompt: "another" });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: { code: "conflict" } });
    expect(fleet.records.get("local j")?.gateway).toBe("g1");
    expect(other.registry.liveCount).toBe(0);
  });

  it("is a conflict if a gateway of another version has a job with it, and holds back no other job", async () => {
    fleet.connect(false);
    expect((await one.post("/v1/jobs", job)).status).toBe(202);
    fleet.foreign.add("local j");
    fleet.connect(true);
    const conflict = { error: { code: "conflict", message: expect.stringContaining("use another job_id") as unknown } };
    await until(async () => expect(await statusOf(one)).toMatchObject(conflict));
    const refused = await other.post("/v1/jobs", job);
    expect([refused.status, await refused.json()]).toMatchObject([409, conflict]);
    await one.post("/v1/jobs", { ...job, job_id: "k" });
    await publishedJob(fleet);
    expect(fleet.published.map(({ job: { clientJob } }) => clientJob.id)).toEqual(["k"]);
  });

  it("can be reused once its job is forgotten, or if its job was refused", async () => {
    await one.post("/v1/jobs", { ...job, on_disconnect: "cancel" });
    fleet.take(await publishedJob(fleet), "w1").finish();
    one.clock.advance(3_600_000);
    await until(() => expect(fleet.records.size).toBe(0));
    expect((await other.post("/v1/jobs", { ...job, prompt: "another" })).status).toBe(202);
    fleet.answer = () => ({ kind: "failed", failure: { code: "invalid_argument", message: "It does not fit." } });
    expect((await one.post("/v1/jobs", { ...job, job_id: "k" })).status).toBe(400);
    expect([...fleet.records.keys()]).toEqual(["local j"]);
  });
});

describe("a job that waits in a gateway's queue", () => {
  it("is taken over by another gateway, with the whole stream, when a client asks there", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    fleet.silence("g1");
    await one.stop();
    const reading = other.get("/v1/jobs/j/stream");
    await until(() => expect(publishedAs("j")).toHaveLength(1));
    const handed = fleet.published.at(-1)?.job;
    // A job's records have one subject, whichever gateway publishes the job.
    expect(handed?.gateway).toBe("g1");
    const attempt = fleet.take(handed ?? (await publishedJob(fleet)), "w1").start("a", "b");
    attempt.finish();
    const text = await (await reading).text();
    expect([...text.matchAll(/^id: (\d)/gm)].map(([, id]) => id)).toEqual(["0", "1", "2"]);
    expect(text).toContain('"finish_reason":"stop"');
  });

  it("waits in the other gateway's queue, and keeps the fields of its request", async () => {
    await fill(one);
    const messages = [{ role: "user", content: "the whole conversation" }];
    const { prompt: _, ...rest } = job;
    await one.post("/v1/jobs", { ...rest, messages, stop: ["."], max_tokens: 7 });
    await fill(other);
    fleet.silence("g1");
    expect(await statusOf(other)).toMatchObject({ state: "queued" });
    drain(other);
    await until(() => expect(publishedAs("j")).toHaveLength(1));
    expect(fleet.published.at(-1)?.job.spec.work).toMatchObject({
      prompt: { kind: "messages", messages },
      stop: ["."],
      maxTokens: 7,
      sampling: { seed: 1 },
    });
  });

  it("is published once if both gateways have it in their queues", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await fill(other);
    expect((await other.post("/v1/jobs", job)).status).toBe(202);
    drain(other);
    await until(() => expect(publishedAs("j")).toHaveLength(1));
    const attempt = fleet.take(fleet.published.at(-1)?.job ?? (await publishedJob(fleet)), "w1").start("a");
    drain(one);
    await until(() => expect(one.registry.get("local", "j")?.log.nextToken).toBe(1));
    attempt.finish("b");
    await until(async () => expect(await statusOf(one)).toMatchObject({ state: "finished", tokens: 2 }));
    expect(await statusOf(other)).toMatchObject({ state: "finished", tokens: 2 });
    expect(fleet.published.filter(({ job: { clientJob } }) => clientJob.id === "j")).toHaveLength(1);
  });

  it("ends at both gateways when its client ends it at the second", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await fill(other);
    expect(await (await other.delete("/v1/jobs/j")).json()).toMatchObject({ state: "cancelled" });
    await until(async () => expect(await statusOf(one)).toMatchObject({ state: "cancelled" }));
    await until(() => expect(fleet.records.has("local j")).toBe(false));
  });

  it("ends with the reason of another member of the fleet that cancels it", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    const [id = ""] = fleet.records.get("local j")?.fleetIds ?? [];
    await fleet.side("g3").cancel(id, "superseded");
    expect(await statusOf(one)).toMatchObject({ cancelled_by: "superseded" });
  });

  it("leaves no record when it ends before it starts", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await one.delete("/v1/jobs/j");
    await until(() => expect(fleet.records.has("local j")).toBe(false));
    expect((await other.get("/v1/jobs/j")).status).toBe(404);
  });

  it("runs without a client after the loss of its gateway, with `on_disconnect: continue`", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await one.post("/v1/jobs", { ...job, job_id: "with-its-client", on_disconnect: "cancel" });
    fleet.silence("g1");
    other.clock.advance(30_000);
    await until(() => expect(publishedAs("j")).toHaveLength(1));
    expect(publishedAs("with-its-client")).toEqual([]);
  });

  it("stays at its gateway while the other gateway's queue is full", async () => {
    const full = createInlineGateway(fleet, { id: "g3", queueCapacity: 1 });
    await fill(one);
    await one.post("/v1/jobs", job);
    await fill(full);
    await full.post("/v1/jobs", { ...job, job_id: "waits" });
    const refused = await full.get("/v1/jobs/j/stream");
    expect(refused.status).toBe(429);
    expect(fleet.records.get("local j")?.gateway).toBe("g1");
    await full.stop();
  });

  it("leaves only the necessary fields in its record once it is published", async () => {
    await one.post("/v1/jobs", { ...job, prompt: "a long prompt" });
    await publishedJob(fleet);
    await until(() => expect(JSON.stringify(fleet.records.get("local j"))).not.toContain("a long prompt"));
  });
});

describe("while NATS is away", () => {
  it("accepts jobs, and reserves their ids when NATS returns", async () => {
    fleet.connect(false);
    expect((await one.post("/v1/jobs", job)).status).toBe(202);
    expect(fleet.records.size).toBe(0);
    fleet.connect(true);
    await publishedJob(fleet);
    expect(fleet.records.get("local j")?.gateway).toBe("g1");
  });

  it("merges two jobs that two gateways accepted with one id for the same request", async () => {
    const { seed: _, ...unseeded } = job;
    fleet.connect(false);
    await one.post("/v1/jobs", unseeded);
    await other.post("/v1/jobs", unseeded);
    fleet.connect(true);
    const attempt = fleet.take(await publishedJob(fleet), "w1").start("a", "b");
    attempt.finish();
    const endOf = async (gateway: InlineGateway): Promise<unknown> =>
      await until(() => {
        const terminal = gateway.registry.get("local", "j")?.log.terminal;
        if (terminal?.type !== "end") throw new Error("The stream has no `end` event");
        return terminal.receipt;
      });
    expect(await endOf(one)).toEqual(await endOf(other));
    expect(publishedAs("j")).toHaveLength(1);
  });

  it("ends a job with a conflict if another gateway's job has reserved the id first", async () => {
    fleet.connect(false);
    await one.post("/v1/jobs", job);
    await other.post("/v1/jobs", { ...job, prompt: "another" });
    fleet.connect(true);
    await until(() => expect(publishedAs("j")).toHaveLength(1));
    const states = async (): Promise<readonly unknown[]> => await Promise.all([one, other].map((at) => statusOf(at)));
    await until(async () =>
      expect(await states()).toContainEqual(
        expect.objectContaining({ error: expect.objectContaining({ code: "conflict" }) as unknown }),
      ),
    );
  });
});
