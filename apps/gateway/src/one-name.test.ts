// Tests that a job_id names one job of its client in the whole fleet: from its acceptance, at any gateway, and after the loss of gateways.
import { keys } from "@waggle/fleet/model";
import { connectTo, pass, until, useFleet } from "@waggle/fleet/testing";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { startGateway, startWorker, stopNats, type TestGateway, type TestWorker } from "./testing/gateway.ts";

const fleet = useFleet();
let worker: TestWorker;
let one: TestGateway;
let other: TestGateway;
beforeEach(async () => {
  worker = await startWorker(fleet);
  one = await startGateway(fleet);
  other = await startGateway(fleet, { id: "g2" });
});

const job = { prompt: "x", job_id: "j", seed: 1, on_disconnect: "continue" };
const conflict = (why: string): object => ({
  error: { code: "conflict", message: expect.stringContaining(why) as string },
});

/** Resolves when the gateway reports the job with these values. */
async function reach(gateway: TestGateway, wanted: Readonly<Record<string, unknown>>, id = "j"): Promise<void> {
  await until(async () => {
    const status = (await gateway.status(id)) as Record<string, unknown>;
    return Object.entries(wanted).every(([key, value]) => status[key] === value);
  });
}

const recordOf = async (id = "j") => (await other.member.records.get("local", id))?.record;

const publishedAs = (id: string): readonly unknown[] =>
  [...one.published, ...other.published].filter(({ job: { clientJob } }) => clientJob.id === id);

/** Fills all slots, as this gateway counts them. */
async function fill(gateway: TestGateway): Promise<void> {
  await gateway.post("/v1/jobs", { ...job, job_id: `${gateway.member.name}-fills` });
  await until(() => gateway.published.length === 1);
}

describe("one job_id at two gateways", () => {
  it.each(["one after the other", "at the same moment"])("is one job for the same request %s", async (when) => {
    const first = one.post("/v1/jobs", job);
    if (when === "one after the other") await first;
    const both = await Promise.all([first, other.post("/v1/jobs", job)]);
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    const replayed = both.map(({ headers }) => headers.get("idempotent-replayed"));
    if (when === "one after the other") expect(replayed).toEqual([null, "true"]);
    await worker.finish(0, "a", "b");
    for (const gateway of [one, other]) await reach(gateway, { state: "finished", tokens: 2 });
    expect(publishedAs("j")).toHaveLength(1);
  });

  it("is a conflict for another request, which does not change the job", async () => {
    await one.post("/v1/jobs", job);
    const refused = await other.post("/v1/jobs", { ...job, prompt: "another" });
    expect([refused.status, await refused.json()]).toMatchObject([409, conflict("is taken")]);
    expect([(await recordOf())?.gateway, other.registry.liveCount]).toEqual(["g1", 0]);
  });

  it.each([0, 1_500])(
    "stays with its first gateway if the other one accepts a request with it %i ms into a takeover",
    async (ms) => {
      await one.post("/v1/jobs", job);
      await worker.tokens(0, "a");
      other.member.link.delay({ minMs: 600, maxMs: 600 }, ["acks", "reads"]);
      const asked = other.get("/v1/jobs/j");
      await pass(fleet, ms);
      expect((await other.post("/v1/jobs", { ...job, prompt: "another", on_disconnect: "cancel" })).status).toBe(202);
      expect((await asked).status).toBe(200);
      await reach(other, { state: "failed" });
      expect((await recordOf())?.gateway).toBe("g1");
      await worker.finish(0, "b");
      await reach(one, { state: "finished", tokens: 2 });
    },
  );

  it("keeps its prompt at a gateway that accepted the same request before it could read the record", async () => {
    const same = { ...job, on_disconnect: "cancel" };
    await one.post("/v1/jobs", same);
    await until(async () => (await recordOf())?.waits === false);
    other.member.link.delay({ minMs: 600, maxMs: 600 }, ["acks", "reads"]);
    expect((await other.post("/v1/jobs", same)).headers.get("idempotent-replayed")).toBeNull();
    await until(() => other.registry.get("local", "j")?.callKey === one.registry.get("local", "j")?.callKey);
    expect(other.registry.get("local", "j")?.spec.work).toMatchObject({ prompt: { kind: "text", text: "x" } });
  });

  it("is tried again if the record of its job goes while another gateway looks for the job", async () => {
    await one.post("/v1/jobs", job);
    const { records } = other.member;
    vi.spyOn(records, "get").mockImplementationOnce(async (client, id) => {
      await records.remove(client, id, (await records.get(client, id))?.revision ?? 0);
      return undefined;
    });
    expect((await other.post("/v1/jobs", job)).status).toBe(202);
  });

  it("is a conflict if a gateway of another version has a job with it", async () => {
    const { records } = await connectTo(fleet);
    await records.jobs.put(keys.job("local", "j"), new TextEncoder().encode('{"version":0}'));
    const refused = await one.post("/v1/jobs", job);
    expect([refused.status, await refused.json()]).toMatchObject([409, conflict("use another job_id")]);
  });

  it("can be reused once its job is forgotten, or if its job was refused", async () => {
    await one.post("/v1/jobs", { ...job, on_disconnect: "cancel" });
    await worker.finish(0);
    await reach(one, { state: "finished" });
    await pass(fleet, 61_000);
    expect(await recordOf()).toBeUndefined();
    const kinds: string[] = [];
    await other.member.subscribeFromStart(one.published[0]?.job.id ?? "", ({ kind }) => kinds.push(kind));
    await until(() => kinds.length > 0);
    // The last record stays, for a worker that gets the job again; the fence before it is gone.
    expect(kinds).toEqual(["events"]);
    expect((await other.post("/v1/jobs", { ...job, prompt: "another" })).status).toBe(202);
    worker.answer = () => ({ kind: "failed", failure: { code: "invalid_argument", message: "It does not fit." } });
    expect((await one.post("/v1/jobs", { ...job, job_id: "k" })).status).toBe(400);
    await pass(fleet, 100);
    expect(await recordOf("k")).toBeUndefined();
  });
});

describe("a job that waits in a gateway's queue", () => {
  it("waits in another gateway's queue after the loss of its first one, and keeps the fields of its request", async () => {
    await fill(one);
    const messages = [{ role: "user", content: "the whole conversation" }];
    const { prompt: _, ...rest } = job;
    await one.post("/v1/jobs", { ...rest, messages, stop: ["."], max_tokens: 7 });
    await fill(other);
    one.member.kill();
    expect(await other.status("j")).toMatchObject({ state: "queued" });
    for (const index of [0, 1]) await worker.finish(index);
    expect((await worker.model.job(2)).spec.work).toMatchObject({
      prompt: { kind: "messages", messages },
      stop: ["."],
      maxTokens: 7,
      sampling: { seed: 1 },
    });
    await worker.finish(2, "a", "b");
    await reach(other, { state: "finished", tokens: 2 });
    // A job's records have one subject, whichever gateway publishes the job.
    expect(publishedAs("j")).toMatchObject([{ job: { gateway: "g1" } }]);
  });

  it("is published once if both gateways have it in their queues", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await fill(other);
    expect((await other.post("/v1/jobs", job)).status).toBe(202);
    // This job takes the slot when both gateways have room: the published job waits, and has no records yet.
    await fill(await startGateway(fleet, { id: "g3" }));
    for (const index of [0, 1]) await worker.finish(index);
    await pass(fleet, 1_000);
    await worker.finish(2);
    await worker.finish(3, "a", "b");
    for (const gateway of [one, other]) await reach(gateway, { state: "finished", tokens: 2 });
    expect(publishedAs("j")).toHaveLength(1);
  });

  it("ends at both gateways when its client ends it at the second, and leaves no record", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await fill(other);
    expect(await (await other.delete("/v1/jobs/j")).json()).toMatchObject({ state: "cancelled" });
    await reach(one, { state: "cancelled" });
    await pass(fleet, 1_000);
    expect(await recordOf()).toBeUndefined();
  });

  it("ends with the reason of another member of the fleet that cancels it", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await other.member.cancel((await recordOf())?.fleetIds[0] ?? "", "superseded");
    await reach(one, { state: "cancelled", cancelled_by: "superseded" });
  });

  it("runs without a client after the loss of its gateway, with `on_disconnect: continue`", async () => {
    await fill(one);
    await one.post("/v1/jobs", job);
    await one.post("/v1/jobs", { ...job, job_id: "with-its-client", on_disconnect: "cancel" });
    one.member.kill();
    for (const index of [0, 1]) await worker.finish(index);
    await pass(fleet, 30_000);
    expect([publishedAs("j").length, publishedAs("with-its-client")]).toEqual([1, []]);
  });

  it("stays at its gateway while the other gateway's queue is full", async () => {
    const full = await startGateway(fleet, { id: "g3", queueCapacity: 1 });
    await fill(one);
    await one.post("/v1/jobs", job);
    await fill(full);
    await full.post("/v1/jobs", { ...job, job_id: "waits" });
    expect((await full.get("/v1/jobs/j/stream")).status).toBe(429);
    expect((await recordOf())?.gateway).toBe("g1");
  });

  it("leaves only the necessary fields in its record once it is published", async () => {
    const kept = async (): Promise<boolean> => JSON.stringify(await recordOf()).includes("a long prompt");
    await fill(one);
    await one.post("/v1/jobs", { ...job, prompt: "a long prompt" });
    expect(await kept()).toBe(true);
    await worker.finish(0);
    await until(async () => !(await kept()));
  });
});

it.each([
  ["are one job with one receipt if the requests are the same", "x"],
  ["end in a conflict at one gateway if the requests differ", "another"],
])("two jobs that two gateways accepted with one id while NATS was away %s", async (_, prompt) => {
  const { seed: _seed, ...unseeded } = { ...job, on_disconnect: "cancel" };
  await stopNats(fleet, one, other);
  for (const [gateway, asked] of [
    [one, "x"],
    [other, prompt],
  ] as const)
    expect((await gateway.post("/v1/jobs", { ...unseeded, prompt: asked })).status).toBe(202);
  fleet.server.start();
  await worker.finish(0, "a", "b");
  const terminals = () => [one, other].map(({ registry }) => registry.get("local", "j")?.log.terminal);
  await until(() => terminals().every((terminal) => terminal !== undefined));
  const [here, there] = terminals();
  if (prompt === "x")
    expect([here, there]).toMatchObject([{ type: "end" }, { receipt: Reflect.get(here ?? {}, "receipt") }]);
  else expect(terminals()).toContainEqual(expect.objectContaining({ code: "conflict" }));
  expect(publishedAs("j")).toHaveLength(1);
});
