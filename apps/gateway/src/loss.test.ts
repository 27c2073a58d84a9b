// Tests a gateway when one worker, all workers, the queue's jobs or NATS are lost.
import type { GatewaySide } from "@waggle/fleet";
import { pass, tokenEvent, until, useFleet, withParts } from "@waggle/fleet/testing";
import { beforeEach, expect, it } from "vitest";
import { received, startGateway, startWorker, stopNats, type TestGateway, type TestWorker } from "./testing/gateway.ts";

const fleet = useFleet();
let worker: TestWorker;
let gateway: TestGateway;
beforeEach(async () => {
  worker = await startWorker(fleet);
  gateway = await startGateway(fleet);
});

const job = { prompt: "x", job_id: "j", on_disconnect: "continue" };
const failed = (why: string, code = "unavailable"): object => ({
  error: { code, message: expect.stringContaining(why) as string },
});
const stateOf = async (id = "j", at = gateway): Promise<unknown> => ((await at.status(id)) as { state: string }).state;

async function expectRefusal(why: string): Promise<void> {
  const refused = await gateway.post("/v1/jobs", { ...job, job_id: "new", model: "m" });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, expect.any(String)]);
  expect(await refused.json()).toMatchObject(failed(why));
}

it("continues the stream of a lost worker at another worker, and sends no event twice", async () => {
  const stream = received(await gateway.post("/v1/inference", { prompt: "x", seed: 1 }));
  await worker.tokens(0, "a", "b");
  await gateway.has(gateway.published[0]?.job.clientJob.id ?? "", 2);
  const next = await startWorker(fleet, { id: "w2" });
  worker.kill();
  await next.finish(0, "c");
  const { text, ids } = await stream;
  expect(ids).toEqual(["0", "1", "2", "3"]);
  expect(text).toContain('"status":"resuming"');
  expect(text).toContain('"completion_tokens":3');
});

it("ends a job with missing records, also at its worker", async () => {
  await gateway.post("/v1/jobs", job);
  const local = await worker.emit(0, tokenEvent(3));
  await until(() => local.cancelled);
  expect(await gateway.status("j")).toMatchObject(failed("lost in the fleet", "internal"));
  expect(gateway.logLines).toContainEqual(expect.objectContaining({ msg: "fleet_records_broken" }));
});

it("after a minute without workers, ends waiting jobs and the jobs of the lost worker, and accepts none", async () => {
  for (const id of ["runs", "waits"]) await gateway.post("/v1/jobs", { ...job, job_id: id });
  await worker.tokens(0, "one");
  worker.kill();
  await pass(fleet, 59_000);
  expect(await stateOf("waits")).toBe("queued");
  await pass(fleet, 9_000);
  for (const id of ["runs", "waits"]) expect(await gateway.status(id)).toMatchObject(failed("no worker has served m"));
  await expectRefusal("serves m");
  await startWorker(fleet, { id: "w2" });
  await until(() => gateway.state.name === "ready");
  expect((await gateway.post("/v1/jobs", job)).status).toBe(202);
});

it("lets a leaving worker finish its jobs, however long they take", async () => {
  await gateway.post("/v1/jobs", job);
  await worker.tokens(0);
  await worker.side.leave();
  for (let minute = 0; minute < 3; minute += 1) {
    await pass(fleet, 50_000);
    await worker.tokens(0, "word ");
  }
  await worker.finish(0);
  await until(async () => (await stateOf()) === "finished");
});

/** Starts the job at the gateway, and kills its worker when another worker is full. Returns the other worker. */
async function loseWorker(at: TestGateway): Promise<TestWorker> {
  await at.post("/v1/jobs", job);
  await worker.tokens(0, "a");
  await at.has("j", 1);
  const full = await startWorker(fleet, { id: "w2" });
  await at.post("/v1/jobs", { ...job, job_id: "fills" });
  await full.tokens(0);
  worker.kill();
  return full;
}

it("ends the job of a lost worker if no other worker continues the job for two minutes", async () => {
  const full = await loseWorker(gateway);
  await pass(fleet, 118_000);
  expect(await stateOf()).toBe("decode");
  await pass(fleet, 5_000);
  expect(await gateway.status("j")).toMatchObject(failed("w1 is gone"));
  await full.finish(0);
  await until(async () => (await stateOf("fills")) === "finished");
  await pass(fleet, 5_000);
  expect(full.model.jobs).toHaveLength(1);
});

it("continues running and waiting jobs when NATS returns in time, and reserves the ids of those accepted meanwhile", async () => {
  await gateway.post("/v1/jobs", job);
  await worker.tokens(0, "a");
  await stopNats(fleet, gateway);
  expect((await gateway.post("/v1/inference", { prompt: "x", job_id: "late" })).status).toBe(200);
  await expectRefusal("there is no connection to NATS, which keeps its record");
  await pass(fleet, 25_000);
  fleet.server.start();
  await worker.finish(0, "b");
  await gateway.has("j", 2);
  await worker.tokens(1);
  const other = await startGateway(fleet, { id: "g2" });
  expect((await other.get("/v1/jobs/late")).status).toBe(200);
});

it("refuses a job to continue whose record NATS does not confirm, and runs it only when it is asked for again", async () => {
  const other = await startGateway(fleet, { id: "g2" });
  const recordOf = async (id: string) => await other.member.records.get("local", id);
  const link = fleet.server.link("g1");
  link.hold();
  const answers = ["again", "never"].map(async (id) => await gateway.post("/v1/jobs", { ...job, job_id: id }));
  for (const answer of await Promise.all(answers)) {
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await answer.json()).toMatchObject(failed("repeat the request with this job_id"));
  }
  link.release();
  // By now NATS has both records.
  expect((await gateway.post("/v1/jobs", { ...job, job_id: "again" })).status).toBe(202);
  await pass(fleet, 3_000);
  await gateway.leave();
  await pass(fleet, 30_000);
  await worker.finish(0);
  expect([await recordOf("never"), worker.model.jobs.length]).toEqual([undefined, 1]);
});

it("ends all jobs when NATS is away for half a minute, refuses others, and takes jobs again when it is back", async () => {
  for (const id of ["runs", "waits"]) await gateway.post("/v1/jobs", { ...job, job_id: id });
  await worker.tokens(0);
  await stopNats(fleet, gateway);
  await gateway.post("/v1/inference", { prompt: "x", job_id: "hopes" });
  await pass(fleet, 31_500);
  for (const id of ["runs", "waits", "hopes"]) expect(await gateway.status(id)).toMatchObject(failed("NATS"));
  await expectRefusal("NATS");
  fleet.server.start();
  // The cancel that NATS could not take.
  await worker.release(0);
  await until(() => gateway.state.name === "ready");
  expect((await gateway.post("/v1/jobs", job)).status).toBe(202);
  await worker.tokens(1);
});

it("ends a cancelled job whose worker never confirms the cancel, and frees its slot after half a minute", async () => {
  const busy = async (): Promise<unknown> =>
    ((await (await gateway.get("/v1/models/status")).json()) as { models: { slots: { busy: number } }[] }).models[0]
      ?.slots.busy;
  await gateway.post("/v1/jobs", job);
  await worker.tokens(0, "a");
  await gateway.has("j", 1);
  expect(await (await gateway.delete("/v1/jobs/j")).json()).toMatchObject({ state: "cancelled" });
  expect(await busy()).toBe(1);
  await pass(fleet, 30_000);
  expect(await busy()).toBe(0);
});

it("repeats a cancel that was lost, until the job ends", async () => {
  let sent = 0;
  const through = (side: GatewaySide): GatewaySide =>
    withParts(side, { cancel: async (...cancel) => ((sent += 1) === 1 ? undefined : await side.cancel(...cancel)) });
  const loses = await startGateway(fleet, { id: "g2", through });
  await loses.post("/v1/jobs", job);
  await worker.tokens(0, "a");
  await loses.has("j", 1);
  await loses.delete("/v1/jobs/j");
  await worker.release(0);
  await pass(fleet, 20_000);
  expect(sent).toBe(2);
});

it("publishes a job again ten seconds after the queue has lost it", async () => {
  const other = await startGateway(fleet, { id: "g2" });
  await other.post("/v1/jobs", { ...job, job_id: "fills" });
  await worker.tokens(0);
  await gateway.post("/v1/jobs", job);
  await until(() => gateway.published.length === 1);
  await pass(fleet, 9_000);
  fleet.server.purge("jobs");
  expect(gateway.published).toHaveLength(1);
  await pass(fleet, 3_000);
  expect(gateway.published.map(({ again }) => again)).toEqual([0, 1]);
  expect(gateway.logLines).toContainEqual(expect.objectContaining({ msg: "fleet_job_published_again", again: 1 }));
  await worker.finish(0);
  await worker.finish(1, "a");
  await gateway.has("j", 1);
});

it("ends a job that no worker takes from the queue of a lost worker for two minutes, and cancels it there", async () => {
  // Without a queue, the gateways cannot move the job.
  const lost = await startGateway(fleet, {
    id: "g2",
    through: (side) => withParts(side, { publish: (one, to) => side.publish(one, { ...to, at: "gone" }) }),
  });
  const cancelled: string[] = [];
  lost.member.onCancel((id, by) => cancelled.push(`${id} ${by}`));
  await lost.post("/v1/jobs", job);
  await until(() => lost.published.length === 1);
  await pass(fleet, 118_000);
  expect(await stateOf("j", lost)).not.toBe("failed");
  await pass(fleet, 13_000);
  expect(await lost.status("j")).toMatchObject(failed("has not begun it for 120 s"));
  expect(cancelled).toContain(`${lost.published[0]?.job.id} gateway`);
});

it("waits for the end of a job that has left the queue, for a minute", async () => {
  const placeOf = async () => "ended" as const;
  const late = await startGateway(fleet, { id: "g2", through: (side) => withParts(side, { placeOf }) });
  await loseWorker(late);
  await pass(fleet, 58_000);
  expect(await stateOf("j", late)).toBe("decode");
  await pass(fleet, 12_000);
  expect(await late.status("j")).toMatchObject(failed("last records"));
});

it("leaves a lost job to the gateway that took it over, which ends the job because it has no prompt", async () => {
  const other = await startGateway(fleet, { id: "g2" });
  await gateway.post("/v1/jobs", job);
  await worker.tokens(0);
  await pass(fleet, 100);
  await other.status("j");
  fleet.server.purge("jobs");
  await pass(fleet, 30_000);
  expect(await other.status("j")).toMatchObject(failed("has lost it"));
  expect(gateway.published).toHaveLength(1);
});
